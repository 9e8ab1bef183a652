/* The steps between the store of an instruction and its fetch, and which one is missing. */
#ifndef RIG_ORDER_CODE_CHAIN_H
#define RIG_ORDER_CODE_CHAIN_H

#include "rule.h"

enum { CODE_LINE_BYTES = 64 };

struct code_writer {
    struct order_end end;
    uint64_t pa;
    bool caches_off;
    bool over_code; /* the memory held code that had been executed */
    bool beside;    /* to the block's line, but not to the block: whether that was stored, and
                       when, is not known */
};

/* Where the chain from the store to the fetch ends too early. */
struct code_chain {
    const char *missing; /* a literal, NULL: complete */
    const char *fix;
    bool before_ic; /* ... before the IC, or at it */
    bool only_cse;
};

static inline uint64_t code_line(const struct code_writer *writer)
{
    return writer->pa / CODE_LINE_BYTES;
}

/* SCTLR of the level that the CPU runs at: EL2 or EL1; M, C and I are the same bits. */
const struct machine_value *code_sctlr(const struct machine_cpu *cpu);

/* From the store to a fetch now by CPU `consumer`. */
struct code_chain code_chain_of(const struct machine *machine, const struct code_writer *writer,
                                uint8_t consumer);

#endif
