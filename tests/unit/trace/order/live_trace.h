/*
 * A running machine for the memory rules' tests: EL1, MMU on, 4 KiB granule, 39-bit halves, three
 * levels of tables in each half, and short forms of what a kernel does with them.
 *
 *     TTBR0: ROOT_LOW  [1] 1 GiB identity, code;  [2] L2_LOW  [0] L3_LOW   VA 0x8000_0000
 *     TTBR1: ROOT_HIGH [1] 1 GiB, PA 0x4000_0000; [2] L2_HIGH [0] L3_HIGH  VA 0xffff_ff80_8000_0000
 *
 * Words 0 to 3 of both L3 tables are pages (L3_LOW's for EL0); L2_HIGH[1] is a block of 2 MiB.
 */
#ifndef TESTS_LIVE_TRACE_H
#define TESTS_LIVE_TRACE_H

#include "trace_build.h"

#define ROOT_LOW     UINT64_C(0x40010000)
#define L2_LOW       UINT64_C(0x40011000)
#define L3_LOW       UINT64_C(0x40012000)
#define ROOT_HIGH    UINT64_C(0x40020000)
#define L2_HIGH      UINT64_C(0x40021000)
#define L3_HIGH      UINT64_C(0x40022000)

#define LINEAR(pa)   ((pa) + UINT64_C(0xffffff8000000000))
#define LOW_PAGE(i)  (UINT64_C(0x80000000) + (uint64_t)(i)*4096)
#define HIGH_PAGE(i) (UINT64_C(0xffffff8080000000) + (uint64_t)(i)*4096)
#define HIGH_BLOCK   UINT64_C(0xffffff8080200000)
#define LOW_WORD(i)  (L3_LOW + (uint64_t)(i)*8)
#define HIGH_WORD(i) (L3_HIGH + (uint64_t)(i)*8)

/* Descriptors: AF, inner shareable, AttrIndx 1. */
#define NORMAL          UINT64_C(0x704)
#define PAGE            (NORMAL | 3)
#define BLOCK           (NORMAL | 1)
#define USER            UINT64_C(0x40) /* AP[1] */
#define READ_ONLY       UINT64_C(0x80) /* AP[2] */
#define NOT_GLOBAL      UINT64_C(0x800)
#define ACCESS_FLAG     UINT64_C(0x400)
#define CONTIGUOUS      (UINT64_C(1) << 52)
#define SOFTWARE        (UINT64_C(1) << 55)
#define XN              (UINT64_C(3) << 53)
#define TABLE           UINT64_C(3)
#define PAGE_AT(i)      (UINT64_C(0x48000000) + (uint64_t)(i)*4096)

#define OP_DSB_LD       UINT32_C(0xd5033d9f)
#define OP_DSB_ISHLD    UINT32_C(0xd503399f)
#define OP_TLBI_RVAE1IS OP_SYS(0, 8, 2, 1, 0)
#define OP_TLBI_VAALE1  OP_SYS(0, 8, 7, 7, 0)
#define OP_DC_CISW      OP_SYS(0, 7, 14, 2, 0)

#define VA_OPERAND(va)  ((va) >> 12 & ((UINT64_C(1) << 44) - 1))

struct live {
    struct build build;
    uint8_t cpu; /* that executes */
    uint8_t el;
    uint64_t pc;
};

/* The registers that turn the MMU on, on the CPU in `live`, and the tables told. */
void live_registers(struct live *live, uint64_t sctlr);
void live_tables(struct live *live, const struct trace_written *written);
/* All of it: a machine that runs in the high half. */
void live_begin(struct live *live, uint32_t cpus);

/* Each steps over one instruction at live->pc and returns its event's number. */
uint64_t live_insn(struct live *live, uint32_t opcode, uint64_t value);
uint64_t live_unknown(struct live *live, uint32_t opcode);
uint64_t live_tlbi(struct live *live, uint32_t opcode, uint64_t va);
/* Store a descriptor; read or write an address. */
uint64_t live_word(struct live *live, uint64_t word_pa, uint64_t value);
uint64_t live_read(struct live *live, uint64_t va);
uint64_t live_write(struct live *live, uint64_t va);
/* Jump to an address: its block. */
uint64_t live_jump(struct live *live, uint64_t va);
/* A table that became reachable: words as given, the rest invalid. */
void live_frame(struct live *live, uint64_t pa, uint8_t level, bool upper, const uint64_t *words,
                uint32_t count, const struct trace_written *written);

/* Judge. `errors` + `notes` findings are expected; all of them say `says` (NULL: nothing asked).
 * Fails when nothing was a subject. Gives the first finding. */
struct order_finding live_expect(struct live *live, const char *rule,
                                 const struct order_features *features, size_t errors, size_t notes,
                                 const char *says);
/* The same without findings. */
void live_clean(struct live *live, const char *rule);

#endif
