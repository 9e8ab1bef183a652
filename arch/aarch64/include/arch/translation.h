/*
 * The translation regime's register values (SYSTEM.md sections 2 and 3). Each register is written
 * whole; the values live here once.
 */
#ifndef ARCH_TRANSLATION_H
#define ARCH_TRANSLATION_H

#include <sysregs.h>

/* Index of each memory type in MAIR_EL1. */
#define MAIR_INDEX_DEVICE 0
#define MAIR_INDEX_NORMAL 1
#define MAIR_EL1_VALUE    (MAIR_EL1_ATTR0_DEVICE_NGNRNE | MAIR_EL1_ATTR1_NORMAL_WBWA)

/* 48-bit VAs in both halves: T0SZ = T1SZ = 64 - 48. */
#define TCR_TXSZ SYSREG_U64(16)

/* TCR_EL1 without IPS, walks from TTBR1 disabled: the identity regime. */
#define TCR_EL1_VALUE                                                                              \
    ((TCR_TXSZ << TCR_EL1_T0SZ_SHIFT) | TCR_EL1_IRGN0_WBWA | TCR_EL1_ORGN0_WBWA |                  \
     TCR_EL1_SH0_INNER | TCR_EL1_TG0_4K | (TCR_TXSZ << TCR_EL1_T1SZ_SHIFT) | TCR_EL1_EPD1_BIT |    \
     TCR_EL1_IRGN1_WBWA | TCR_EL1_ORGN1_WBWA | TCR_EL1_SH1_INNER | TCR_EL1_TG1_4K)

/* The same with both halves translating. */
#define TCR_EL1_VALUE_HIGH_HALF (TCR_EL1_VALUE & ~TCR_EL1_EPD1_BIT)

/*
 * SCTLR_EL1 whole. RES1 is the set of bits that are RES1 where no later feature gives them a
 * meaning; for the features that do, 1 is the behaviour of the older architecture.
 */
#define SCTLR_EL1_RES1                                                                             \
    (SCTLR_EL1_LSMAOE_BIT | SCTLR_EL1_NTLSMD_BIT | SCTLR_EL1_SPAN_BIT | SCTLR_EL1_EIS_BIT |        \
     SCTLR_EL1_TSCXT_BIT | SCTLR_EL1_EOS_BIT)
#define SCTLR_EL1_MMU_OFF SCTLR_EL1_RES1
#define SCTLR_EL1_MMU_ON                                                                           \
    (SCTLR_EL1_RES1 | SCTLR_EL1_M_BIT | SCTLR_EL1_C_BIT | SCTLR_EL1_SA_BIT | SCTLR_EL1_SA0_BIT |   \
     SCTLR_EL1_I_BIT | SCTLR_EL1_WXN_BIT | SCTLR_EL1_ITD_BIT | SCTLR_EL1_SED_BIT)

#ifndef __ASSEMBLER__
#include <stdint.h>

/*
 * TCR_EL1 for the identity regime on the CPU that reports `id_aa64mmfr0`:
 * TCR_EL1_VALUE with IPS = min(PARange, 5), i.e. at most 48-bit output addresses.
 */
uint64_t translation_tcr_value(uint64_t id_aa64mmfr0);

/*
 * SCTLR_EL1 with the MMU on, on the CPU that reports `id_aa64mmfr1`: SCTLR_EL1_MMU_ON, with
 * SPAN = 0 where FEAT_PAN exists, so that an exception to EL1 sets PSTATE.PAN.
 */
uint64_t translation_sctlr_value(uint64_t id_aa64mmfr1);
#endif

#endif
