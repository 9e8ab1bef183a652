/*
 * The A64 instructions that change or order the state of a PE, told apart by encoding.
 *
 * DDI 0487, C4.1.94 "Branches, Exception Generating and System instructions", C5.3 to C5.6.
 * Functions are pure; an instruction of no interest is A64_OTHER.
 */
#ifndef RIG_A64_SYSTEM_H
#define RIG_A64_SYSTEM_H

#include <stdbool.h>
#include <stdint.h>

enum a64_class {
    A64_OTHER,
    A64_MSR,    /* MSR (register): `sys` says which, `rt` the source */
    A64_MRS,    /* MRS: `sys`, `rt` */
    A64_DAIF,   /* MSR DAIFSet/DAIFClr, #imm; MSR DAIF, Xt is A64_MSR */
    A64_PSTATE, /* MSR (immediate) to another field: SPSel, PAN, UAO, ... */
    A64_ISB,
    A64_DSB, /* also with nXS */
    A64_DMB,
    A64_TLBI,
    A64_AT,
    A64_DC,
    A64_DC_ZVA, /* DC ZVA, GVA, GZVA */
    A64_IC,
    A64_ERET, /* ERET, ERETAA, ERETAB */
    A64_SVC,
    A64_HVC,
    A64_SMC,
    A64_INDIRECT, /* BR, BLR, RET and those with pointer authentication */
    A64_WAIT,     /* WFI, WFE, WFIT, WFET */
};

/* op0, op1, CRn, CRm, op2 of a system register or SYS instruction, as bits 20:5 of the opcode. */
#define A64_SYS(op0, op1, crn, crm, op2)                                                           \
    ((uint32_t)((op0) << 14 | (op1) << 11 | (crn) << 7 | (crm) << 3 | (op2)))

enum a64_register {
    A64_SCTLR_EL1 = A64_SYS(3, 0, 1, 0, 0),
    A64_CPACR_EL1 = A64_SYS(3, 0, 1, 0, 2),
    A64_TTBR0_EL1 = A64_SYS(3, 0, 2, 0, 0),
    A64_TTBR1_EL1 = A64_SYS(3, 0, 2, 0, 1),
    A64_TCR_EL1 = A64_SYS(3, 0, 2, 0, 2),
    A64_SPSR_EL1 = A64_SYS(3, 0, 4, 0, 0),
    A64_ELR_EL1 = A64_SYS(3, 0, 4, 0, 1),
    A64_PAR_EL1 = A64_SYS(3, 0, 7, 4, 0),
    A64_MAIR_EL1 = A64_SYS(3, 0, 10, 2, 0),
    A64_VBAR_EL1 = A64_SYS(3, 0, 12, 0, 0),
    A64_CONTEXTIDR_EL1 = A64_SYS(3, 0, 13, 0, 1),
    A64_DAIF_REGISTER = A64_SYS(3, 3, 4, 2, 1),
    A64_SCTLR_EL2 = A64_SYS(3, 4, 1, 0, 0),
    A64_HCR_EL2 = A64_SYS(3, 4, 1, 1, 0),
    A64_CPTR_EL2 = A64_SYS(3, 4, 1, 1, 2),
    A64_TTBR0_EL2 = A64_SYS(3, 4, 2, 0, 0),
    A64_TTBR1_EL2 = A64_SYS(3, 4, 2, 0, 1),
    A64_TCR_EL2 = A64_SYS(3, 4, 2, 0, 2),
    A64_SPSR_EL2 = A64_SYS(3, 4, 4, 0, 0),
    A64_ELR_EL2 = A64_SYS(3, 4, 4, 0, 1),
    A64_MAIR_EL2 = A64_SYS(3, 4, 10, 2, 0),
    A64_VBAR_EL2 = A64_SYS(3, 4, 12, 0, 0),
    A64_SCTLR_EL12 = A64_SYS(3, 5, 1, 0, 0),
    A64_CPACR_EL12 = A64_SYS(3, 5, 1, 0, 2),
    A64_TTBR0_EL12 = A64_SYS(3, 5, 2, 0, 0),
    A64_TTBR1_EL12 = A64_SYS(3, 5, 2, 0, 1),
    A64_TCR_EL12 = A64_SYS(3, 5, 2, 0, 2),
    A64_SPSR_EL12 = A64_SYS(3, 5, 4, 0, 0),
    A64_ELR_EL12 = A64_SYS(3, 5, 4, 0, 1),
    A64_MAIR_EL12 = A64_SYS(3, 5, 10, 2, 0),
    A64_VBAR_EL12 = A64_SYS(3, 5, 12, 0, 0),
    A64_SCTLR_EL3 = A64_SYS(3, 6, 1, 0, 0),
    A64_CPTR_EL3 = A64_SYS(3, 6, 1, 1, 2),
    A64_TTBR0_EL3 = A64_SYS(3, 6, 2, 0, 0),
    A64_TCR_EL3 = A64_SYS(3, 6, 2, 0, 2),
    A64_SPSR_EL3 = A64_SYS(3, 6, 4, 0, 0),
    A64_ELR_EL3 = A64_SYS(3, 6, 4, 0, 1),
    A64_MAIR_EL3 = A64_SYS(3, 6, 10, 2, 0),
    A64_VBAR_EL3 = A64_SYS(3, 6, 12, 0, 0),
};

/* Shareability domain of a barrier or of maintenance, smallest first, so that they compare. */
enum a64_domain { A64_NSH, A64_ISH, A64_OSH, A64_SY };

struct a64_barrier {
    enum a64_domain domain;
    bool loads;  /* orders loads before it */
    bool stores; /* orders stores before it */
};

/* Whether a DSB waits for what needs one of at least the domain, for stores and (`loads`) loads. */
static inline bool a64_barrier_covers(struct a64_barrier barrier, enum a64_domain domain,
                                      bool loads)
{
    return barrier.stores && barrier.domain >= domain && (barrier.loads || !loads);
}

enum a64_tlbi_scope {
    A64_TLBI_VA,  /* one address, one ASID */
    A64_TLBI_VAA, /* one address, any ASID */
    A64_TLBI_ASID,
    A64_TLBI_ALL,   /* VMALLE1, ALLE1, ALLE2, VMALLS12E1, ... */
    A64_TLBI_RANGE, /* RVAE1 and its kin (FEAT_TLBIRANGE) */
    A64_TLBI_IPA,   /* stage 2 only */
};

struct a64_tlbi {
    enum a64_tlbi_scope scope;
    enum a64_domain domain; /* A64_NSH: this PE only; A64_ISH; A64_OSH */
    uint8_t el;             /* translation regime: 1, 2 or 3 */
    bool last_level;        /* VALE1 and its kin: entries of the last level only */
    bool nxs;
};

enum a64_dc_what { A64_DC_CLEAN = 1, A64_DC_INVALIDATE = 2 };
enum a64_dc_point { A64_POU, A64_POC };

struct a64_dc {
    unsigned int what; /* enum a64_dc_what, one or both */
    enum a64_dc_point point;
    bool set_way;
};

enum a64_class a64_class(uint32_t opcode);

/* Of A64_MSR, A64_MRS, and of TLBI, AT, DC, IC: op0..op2 as A64_SYS packs them. */
static inline uint32_t a64_sys(uint32_t opcode)
{
    return opcode >> 5 & 0xffff;
}

/* Xt of the same; 31 is XZR. */
static inline uint32_t a64_rt(uint32_t opcode)
{
    return opcode & 31;
}

/* Only for the class that the name says. DSB and DMB both have a barrier. */
struct a64_barrier a64_barrier(uint32_t opcode);
struct a64_tlbi a64_tlbi(uint32_t opcode);
struct a64_dc a64_dc(uint32_t opcode);
bool a64_ic_all(uint32_t opcode);     /* IC IALLU, IALLUIS; else IC IVAU */
bool a64_daif_opens(uint32_t opcode); /* A64_DAIF: DAIFClr with a bit of A, I, F, D */

/* The instruction reads or writes SIMD&FP or SVE registers (DDI 0487, C4.1.95 to C4.1.97), or FPCR,
 * FPSR or FPMR (C5.2), so a trap of CPACR or CPTR may apply. */
bool a64_uses_fp(uint32_t opcode);

/* The exception level whose register an MSR writes: x of NAME_ELx, with _EL12 as 1. */
unsigned int a64_sys_level(uint32_t sys);

/* The lowest exception level at which MSR, MRS and SYS instructions of this opcode are not
 * undefined: by op1, DDI 0487, C5.1.2 "Op0 and Op1 encodings". 0 for all else. */
unsigned int a64_lowest_level(uint32_t opcode);

/* Whether an INSN event of this opcode carries the value of Xt: MSR (register) to one of enum
 * a64_register, TLBI with an argument, AT, DC and IC by address, DC ZVA. */
bool a64_has_operand(uint32_t opcode);

/* Registers of enum a64_register that are translation controls of the EL1&0 regime or open a window
 * otherwise: writes to TTBRn, TCR, MAIR, SCTLR, VBAR, CPACR, CPTR, HCR at any level. */
bool a64_opens_window(uint32_t sys);

#endif
