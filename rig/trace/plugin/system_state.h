/*
 * What is known of a virtual CPU's system registers and exception level: reset values, values that
 * instructions wrote with a known operand, and what exceptions and ERET do.
 */
#ifndef RIG_PLUGIN_SYSTEM_STATE_H
#define RIG_PLUGIN_SYSTEM_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "rigwalk.h"

enum state_register {
    STATE_SCTLR_EL1, /* the level is the last digit: SCTLR, VBAR and SPSR are three in a row */
    STATE_SCTLR_EL2,
    STATE_SCTLR_EL3,
    STATE_VBAR_EL1,
    STATE_VBAR_EL2,
    STATE_VBAR_EL3,
    STATE_SPSR_EL1,
    STATE_SPSR_EL2,
    STATE_SPSR_EL3,
    STATE_TCR_EL1,
    STATE_TTBR0_EL1,
    STATE_TTBR1_EL1,
    STATE_MAIR_EL1,
    STATE_REGISTERS
};

struct system_state {
    uint64_t value[STATE_REGISTERS];
    uint32_t known;     /* a bit for each enum state_register */
    uint8_t el;         /* or TRACE_EL_UNKNOWN */
    uint8_t regime;     /* the level whose SCTLR counts: of `el`, or of the last SCTLR written */
    bool mmu_off;       /* it is known that SCTLR_ELx.M is 0 */
    bool caches_off;    /* it is known that SCTLR_ELx.C or M is 0 */
    bool caches_on;     /* it is known that both are 1 */
    bool vectors_known; /* a VBAR is */
};

/* Where an exception went. */
struct state_entry {
    uint64_t vbar;
    uint32_t offset; /* of the vector, 0x000 to 0x780 */
    uint8_t el;      /* of the handler */
    uint8_t from;    /* level that was interrupted, or TRACE_EL_UNKNOWN */
};

/* After reset: the MMU is off at each level, all else is unknown. */
void state_reset(struct system_state *state);

/* The register that MSR writes, by a64_sys; STATE_REGISTERS when it is none of them. */
enum state_register state_register_of(uint32_t sys);
void state_write(struct system_state *state, enum state_register reg, bool known, uint64_t value);
void state_set_el(struct system_state *state, uint8_t el);

static inline bool state_knows(const struct system_state *state, enum state_register reg)
{
    return (state->known >> reg & 1) != 0;
}

/* A block begins at `pc`: is that a vector of a VBAR that is known? */
bool state_is_entry(const struct system_state *state, uint64_t pc, struct state_entry *entry);
void state_enter(struct system_state *state, const struct state_entry *entry);
void state_exception_return(struct system_state *state);

/* EL1&0 stage 1 may be on: SCTLR_EL1.M is 1 or unknown. */
bool state_el1_mmu_on(const struct system_state *state);

/* For the walker, EL1&0 regime; false when TCR_EL1 is unknown. Unknown TTBRs are 0. */
bool state_walk_regs(const struct system_state *state, struct rig_walk_regs *regs);

/* Translate an address of the current regime; false when it cannot be told. */
bool state_translate(const struct system_state *state, rig_walk_read_u64 read, void *context,
                     uint64_t va, uint64_t *pa);

#endif
