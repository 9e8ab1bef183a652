/*
 * What a use of an address at EL1 (a load, a store, a fetch, an operation by address) gets in the
 * EL1&0 regime under given register values, and whether two such answers differ in what that use
 * sees.
 */
#ifndef RIG_ORDER_REGIME_USE_H
#define RIG_ORDER_REGIME_USE_H

#include "machine.h"

enum regime_kind {
    REGIME_READ,
    REGIME_WRITE,
    REGIME_FETCH,
    REGIME_ADDRESS, /* DC by address and AT: the translation counts, rights and memory type do not
                     */
};

struct regime_use {
    uint64_t va;
    enum regime_kind kind;
};

/* The registers that decide, by enum machine_register: SCTLR, TCR, TTBR0, TTBR1, MAIR of EL1. */
#define REGIME_REGISTERS (MACHINE_MAIR_EL1 + 1)

_Static_assert(MACHINE_SCTLR_EL1 == 0 && MACHINE_TCR_EL1 < REGIME_REGISTERS &&
                   MACHINE_TTBR0_EL1 < REGIME_REGISTERS && MACHINE_TTBR1_EL1 < REGIME_REGISTERS,
               "the regime's registers come first");

struct regime_values {
    struct machine_value regs[REGIME_REGISTERS];
};

struct regime_answer {
    enum machine_register unknown; /* the register whose unknown value decides, or _REGISTERS */
    bool lost;                     /* ... because the trace does not tell what was written */
    bool unread;                   /* a table that decides is not known */
    bool granted;                  /* translated, and the use has the right */
    uint64_t pa;
    enum rig_walk_status status;
    struct rig_walk_attributes attr;
};

/* The register values as all writes left them. */
struct regime_values regime_values_of(const struct machine_cpu *cpu);

struct regime_answer regime_ask(struct machine *machine, const struct regime_values *values,
                                const struct regime_use *use);
/* Same for what that kind of use sees. What is unknown or not granted is the same as nothing. */
bool regime_same(const struct regime_answer *left, const struct regime_answer *right,
                 enum regime_kind kind);

enum { REGIME_TEXT = 96 };
/* "PA 0x40001000, Normal, inner shareable", "a translation fault", ... */
void regime_text(const struct regime_answer *result, enum regime_kind kind,
                 char text[static REGIME_TEXT]);
/* "load", "store", "instruction fetch", "use". */
const char *regime_word(enum regime_kind kind);

#endif
