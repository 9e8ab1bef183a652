/*
 * Builds event traces in memory for the checker's tests, event by event, each as the plugin writes
 * it; and judges them.
 *
 * Every function that adds an event returns its number, which is also the time before it.
 */
#ifndef TESTS_TRACE_BUILD_H
#define TESTS_TRACE_BUILD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "a64_system.h"
#include "event_reader.h"
#include "order.h"

/* Opcodes: MSR, MRS and SYS instructions by what A64_SYS packs. */
#define OP_MSR(sys, rt) (UINT32_C(0xd5000000) | (uint32_t)(sys) << 5 | (rt))
#define OP_MRS(sys, rt) (UINT32_C(0xd5200000) | (uint32_t)(sys) << 5 | (rt))
#define OP_SYS(op1, crn, crm, op2, rt)                                                             \
    (UINT32_C(0xd5000000) | A64_SYS(1, op1, crn, crm, op2) << 5 | (rt))
#define OP_ISB            UINT32_C(0xd5033fdf)
#define OP_DSB_SY         UINT32_C(0xd5033f9f)
#define OP_DSB_ISH        UINT32_C(0xd5033b9f)
#define OP_DSB_ISHST      UINT32_C(0xd5033a9f)
#define OP_DSB_NSH        UINT32_C(0xd503379f)
#define OP_DSB_NSHST      UINT32_C(0xd503369f)
#define OP_DMB_ISH        UINT32_C(0xd5033bbf)
#define OP_ERET           UINT32_C(0xd69f03e0)
#define OP_SVC            UINT32_C(0xd4000001)
#define OP_HVC            UINT32_C(0xd4000002)
#define OP_SMC            UINT32_C(0xd4000003)
#define OP_NOP            UINT32_C(0xd503201f)
#define OP_RET            UINT32_C(0xd65f03c0)
#define OP_BR_X0          UINT32_C(0xd61f0000)
#define OP_FMOV_D0_X0     UINT32_C(0x9e670000)
#define OP_LDR_Q0_X0      UINT32_C(0x3dc00000)
#define OP_DAIFSET_IRQ    UINT32_C(0xd50342df)
#define OP_DAIFCLR_IRQ    UINT32_C(0xd50342ff)
#define OP_TLBI_VMALLE1   OP_SYS(0, 8, 7, 0, 31)
#define OP_TLBI_VMALLE1IS OP_SYS(0, 8, 3, 0, 31)
#define OP_TLBI_VAE1      OP_SYS(0, 8, 7, 1, 0)
#define OP_TLBI_VAE1IS    OP_SYS(0, 8, 3, 1, 0)
#define OP_TLBI_VALE1IS   OP_SYS(0, 8, 3, 5, 0)
#define OP_TLBI_ASIDE1IS  OP_SYS(0, 8, 3, 2, 0)
#define OP_DC_CVAU        OP_SYS(3, 7, 11, 1, 0)
#define OP_DC_CVAC        OP_SYS(3, 7, 10, 1, 0)
#define OP_DC_CIVAC       OP_SYS(3, 7, 14, 1, 0)
#define OP_DC_IVAC        OP_SYS(0, 7, 6, 1, 0)
#define OP_IC_IVAU        OP_SYS(3, 7, 5, 1, 0)
#define OP_IC_IALLU       OP_SYS(0, 7, 5, 0, 31)
#define OP_IC_IALLUIS     OP_SYS(0, 7, 1, 0, 31)
#define OP_AT_S1E1R       OP_SYS(0, 7, 8, 0, 0)

struct build {
    uint8_t *data; /* 8-byte aligned */
    size_t size;
    size_t room;
    size_t list; /* offset of the event chunk that is open, or 0 */
    uint64_t events;
};

/* A closed trace of API 2 with stores and operands known, without events yet. */
void build_begin(struct build *build, uint32_t cpus);
void build_free(struct build *build);
struct trace_header *build_header(struct build *build);

/* Add any event as it is. */
uint64_t build_event(struct build *build, const struct trace_event *event);

/* An instruction; its physical PC is its PC, and Xt is known. */
uint64_t build_insn(struct build *build, uint8_t cpu, uint8_t el, uint64_t pc, uint32_t opcode,
                    uint64_t value);
uint64_t build_insn_unknown(struct build *build, uint8_t cpu, uint8_t el, uint64_t pc,
                            uint32_t opcode);

/* A store with flags of enum trace_event_flag besides VALUE; to a live table. */
uint64_t build_store(struct build *build, uint8_t cpu, uint8_t el, uint64_t pc, uint64_t va,
                     uint64_t pa, uint64_t value, uint8_t flags);
uint64_t build_store_table(struct build *build, uint8_t cpu, uint8_t el, uint64_t pc, uint64_t va,
                           uint64_t pa, uint64_t value);
/* 8 bytes read, or written, in a window. */
uint64_t build_access(struct build *build, uint8_t cpu, uint8_t el, uint64_t pc, uint64_t va,
                      uint64_t pa, bool write);

/* A block of code, with its chunk; of memory that `written` wrote (NULL: nobody). */
uint64_t build_block(struct build *build, uint8_t cpu, uint8_t el, uint64_t pc, uint64_t pa,
                     const uint32_t *opcodes, uint32_t insns);
uint64_t build_translate(struct build *build, uint8_t cpu, uint8_t el, uint64_t pc, uint64_t pa,
                         const uint32_t *opcodes, uint32_t insns,
                         const struct trace_written *written);

/* A table of `count` words that became reachable; written by (NULL: nobody). */
struct build_table {
    uint64_t pa;
    uint8_t level;
    uint8_t upper;
    const uint64_t *words;
    uint32_t count;
    const struct trace_written *written;
    const struct trace_written *written_off;
};
uint64_t build_frame(struct build *build, uint8_t cpu, uint8_t el, uint64_t pc,
                     const struct build_table *table);
uint64_t build_frame_gone(struct build *build, uint8_t cpu, uint64_t pa);

/* An exception taken to `el` at the vector VBAR + offset. */
uint64_t build_entry(struct build *build, uint8_t cpu, uint8_t el, uint64_t vbar, uint32_t offset);
uint64_t build_off_read(struct build *build, uint8_t cpu, uint8_t el, uint64_t pc, uint64_t va,
                        uint64_t pa, const struct trace_written *written);
uint64_t build_cut(struct build *build, uint8_t cpu);

/* The file: `used` is set; the bytes belong to the builder. */
const uint8_t *build_finish(struct build *build, size_t *size);

/* Read and judge by one rule (NULL: all) with features (NULL: none); fails the test when that is
 * refused, and frees the builder. order_result_free is the caller's. */
void build_judge(struct build *build, const char *rule, const struct order_features *features,
                 struct order_result *result);
/* The same, and the trace can be judged again. */
void build_judge_and_keep(struct build *build, const char *rule,
                          const struct order_features *features, struct order_result *result);

/* How many distinct findings of that level there are. */
size_t result_count(const struct order_result *result, enum order_level level);

#endif
