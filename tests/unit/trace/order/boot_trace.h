/*
 * A small machine for the rules' tests: two translation tables of 1 GiB blocks, 4 KiB granule,
 * 39-bit halves, and short forms of what a boot does with them on CPU 0 at EL1.
 *
 *     LOW_TABLE   0x4000_0000: identity, Normal, executable at EL1; 0: Device
 *     OTHER_TABLE 0x4000_0000: PA 0x8000_0000, Normal; entry 0: the same as LOW_TABLE's
 *     HIGH_TABLE  0xffff_ff80_4000_0000: PA 0x4000_0000, Normal, executable at EL1
 */
#ifndef TESTS_BOOT_TRACE_H
#define TESTS_BOOT_TRACE_H

#include "trace_build.h"

#define LOW_TABLE   UINT64_C(0x40010000)
#define OTHER_TABLE UINT64_C(0x40020000)
#define HIGH_TABLE  UINT64_C(0x40030000)
#define EMPTY_TABLE UINT64_C(0x40040000)

#define LOW_VA      UINT64_C(0x40080000)
#define HIGH_VA     UINT64_C(0xffffff8040080000)
#define HIGH_DATA   UINT64_C(0xffffff8040100000)
#define LOW_DATA    UINT64_C(0x40100000)
#define DEVICE_VA   UINT64_C(0x09000000)

/* Block descriptors at level 1: AF, inner shareable, AttrIndx; UXN; PXN for the device. */
#define BLOCK_NORMAL UINT64_C(0x0040000000000705)
#define BLOCK_DEVICE UINT64_C(0x0060000000000401)

#define MAIR_VALUE   UINT64_C(0xff00) /* 0: Device-nGnRnE; 1: Normal, Write-Back */
#define TCR_VALUE    UINT64_C(0x2b5193519)
#define SCTLR_OFF    UINT64_C(0x30d00800)
#define SCTLR_ON     UINT64_C(0x30d01805) /* I, C, M */
#define VBAR_VALUE   UINT64_C(0xffffff8040090000)

/* Bits of SCTLR_EL1. */
#define FIELD_C UINT64_C(4)
#define FIELD_I UINT64_C(0x1000)

struct boot {
    struct build build;
    uint64_t pc; /* of the next instruction */
};

/* A trace of one CPU at LOW_VA, MMU off, tables told. */
void boot_begin(struct boot *boot);

/* Step over an instruction at boot->pc; the next one is behind it. */
uint64_t boot_insn(struct boot *boot, uint32_t opcode, uint64_t value);
uint64_t boot_unknown(struct boot *boot, uint32_t opcode);
uint64_t boot_msr(struct boot *boot, uint32_t sys, uint64_t value);
/* ISB, with the block that it is fetched in, as a window tells it. */
uint64_t boot_isb(struct boot *boot);
/* A load or store by the instruction at boot->pc. */
uint64_t boot_access(struct boot *boot, uint64_t va, bool write);
/* The block at boot->pc, of NOPs. */
uint64_t boot_block(struct boot *boot);
/* Tell a table again, or for the first time. */
void boot_table(struct boot *boot, uint64_t pa);

/* MAIR, TCR, TTBR0, TTBR1, ISB, SCTLR with the MMU on, ISB, and on at HIGH_VA when `high`. */
void boot_mmu_on(struct boot *boot, bool high);

/* Judge by one rule and count; asserts that subjects were seen. */
struct order_result boot_judge(struct boot *boot, const char *rule);
/* With `errors` and `notes` expected in all; on a CPU with these features. The trace can be judged
 * again, and is given back by boot_expect only. */
void boot_expect_with(struct boot *boot, const char *rule, const struct order_features *features,
                      size_t errors, size_t notes);
/* The same on one with none. */
void boot_expect(struct boot *boot, const char *rule, size_t errors, size_t notes);

#endif
