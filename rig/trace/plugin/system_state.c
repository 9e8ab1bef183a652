#include "system_state.h"

#include "a64_system.h"
#include "sysregs.h"
#include "trace_events.h"

enum {
    EL_MAX = 3,
    VECTORS_SIZE = 0x800,
    VECTOR_SIZE = 0x80,
    VECTORS_LOWER = 0x400, /* from here on: exceptions from a lower level */
    SPSR_EL_SHIFT = 2,
    SPSR_EL_MASK = 3,
    SPSR_AARCH32 = 0x10,
    SCTLR_M = 1, /* the same bits at each level */
    SCTLR_C = 4,
    HALF_SELECT_BIT = 55,
};

/* What a walk may use that no ID register here denies: every granule, 48-bit addresses, small
 * spaces. Bits of features that only change rights stay 0. */
static const struct rig_walk_regs PERMISSIVE = {
    .id_aa64mmfr0 = 5 | 1 << 20,       /* PARange 48 bits, TGran16 */
    .id_aa64mmfr1 = 2,                 /* HAFDBS: both */
    .id_aa64mmfr2 = UINT64_C(1) << 28, /* ST */
};

/* Which SCTLR governs the CPU, and what it says. */
static void renew(struct system_state *state)
{
    if (state->el != TRACE_EL_UNKNOWN) {
        state->regime = state->el == 0 ? 1 : state->el;
    }
    enum state_register reg = (enum state_register)(STATE_SCTLR_EL1 + state->regime - 1);
    uint64_t on = state->value[reg] & (SCTLR_M | SCTLR_C);
    bool known = state_knows(state, reg);
    state->mmu_off = known && (on & SCTLR_M) == 0;
    state->caches_on = known && on == (SCTLR_M | SCTLR_C);
    state->caches_off = known && !state->caches_on;
    state->vectors_known = state_knows(state, STATE_VBAR_EL1) ||
                           state_knows(state, STATE_VBAR_EL2) || state_knows(state, STATE_VBAR_EL3);
}

void state_reset(struct system_state *state)
{
    *state = (struct system_state){
        .known = 1U << STATE_SCTLR_EL1 | 1U << STATE_SCTLR_EL2 | 1U << STATE_SCTLR_EL3,
        .el = TRACE_EL_UNKNOWN,
        .regime = 1,
    };
    renew(state);
}

enum state_register state_register_of(uint32_t sys)
{
    static const struct {
        uint32_t sys;
        enum state_register reg;
    } KNOWN[] = {
        {A64_SCTLR_EL1, STATE_SCTLR_EL1}, {A64_SCTLR_EL12, STATE_SCTLR_EL1},
        {A64_SCTLR_EL2, STATE_SCTLR_EL2}, {A64_SCTLR_EL3, STATE_SCTLR_EL3},
        {A64_VBAR_EL1, STATE_VBAR_EL1},   {A64_VBAR_EL12, STATE_VBAR_EL1},
        {A64_VBAR_EL2, STATE_VBAR_EL2},   {A64_VBAR_EL3, STATE_VBAR_EL3},
        {A64_SPSR_EL1, STATE_SPSR_EL1},   {A64_SPSR_EL12, STATE_SPSR_EL1},
        {A64_SPSR_EL2, STATE_SPSR_EL2},   {A64_SPSR_EL3, STATE_SPSR_EL3},
        {A64_TCR_EL1, STATE_TCR_EL1},     {A64_TCR_EL12, STATE_TCR_EL1},
        {A64_TTBR0_EL1, STATE_TTBR0_EL1}, {A64_TTBR0_EL12, STATE_TTBR0_EL1},
        {A64_TTBR1_EL1, STATE_TTBR1_EL1}, {A64_TTBR1_EL12, STATE_TTBR1_EL1},
        {A64_MAIR_EL1, STATE_MAIR_EL1},   {A64_MAIR_EL12, STATE_MAIR_EL1},
    };
    for (unsigned int i = 0; i < sizeof KNOWN / sizeof KNOWN[0]; i++) {
        if (KNOWN[i].sys == sys) {
            return KNOWN[i].reg;
        }
    }
    return STATE_REGISTERS;
}

void state_write(struct system_state *state, enum state_register reg, bool known, uint64_t value)
{
    state->value[reg] = known ? value : 0;
    state->known = (state->known & ~(1U << reg)) | (known ? 1U << reg : 0);
    if (reg <= STATE_SCTLR_EL3) {
        state->regime = (uint8_t)(reg - STATE_SCTLR_EL1 + 1);
    }
    renew(state);
}

void state_set_el(struct system_state *state, uint8_t el)
{
    if (state->el != el) {
        state->el = el;
        renew(state);
    }
}

/* Can an exception taken at `state` go to that vector of level `el`? DDI 0487, D1.3.1. */
static bool consistent(const struct system_state *state, uint8_t el, uint32_t offset)
{
    return state->el == TRACE_EL_UNKNOWN ||
           (offset < VECTORS_LOWER ? state->el == el : state->el < el);
}

/* The level that was interrupted. Vectors tell better than the state, which may lag behind. */
static uint8_t interrupted(const struct system_state *state, uint8_t el, uint32_t offset)
{
    if (offset < VECTORS_LOWER) {
        return el;
    }
    if (el == 1) {
        return 0;
    }
    return state->el < el ? state->el : TRACE_EL_UNKNOWN;
}

bool state_is_entry(const struct system_state *state, uint64_t pc, struct state_entry *entry)
{
    uint8_t best = 0;
    uint32_t offset = pc % VECTORS_SIZE;
    if (offset % VECTOR_SIZE != 0) {
        return false;
    }
    for (unsigned int level = 1; level <= EL_MAX; level++) {
        uint8_t el = (uint8_t)level;
        enum state_register reg = (enum state_register)(STATE_VBAR_EL1 + el - 1);
        bool matches = state_knows(state, reg) && state->value[reg] == pc - offset;
        if (matches &&
            (best == 0 || consistent(state, el, offset) || !consistent(state, best, offset))) {
            best = el;
        }
    }
    if (best == 0) {
        return false;
    }
    *entry = (struct state_entry){
        .vbar = pc - offset,
        .offset = offset,
        .el = best,
        .from = interrupted(state, best, offset),
    };
    return true;
}

void state_enter(struct system_state *state, const struct state_entry *entry)
{
    enum state_register spsr = (enum state_register)(STATE_SPSR_EL1 + entry->el - 1);
    bool known = entry->from != TRACE_EL_UNKNOWN;
    state_write(state, spsr, known, known ? (uint64_t)entry->from << SPSR_EL_SHIFT : 0);
    state_set_el(state, entry->el);
}

void state_exception_return(struct system_state *state)
{
    uint8_t el = TRACE_EL_UNKNOWN;
    if (state->el >= 1 && state->el <= EL_MAX) {
        enum state_register spsr = (enum state_register)(STATE_SPSR_EL1 + state->el - 1);
        uint64_t value = state->value[spsr];
        if (state_knows(state, spsr)) {
            el = (value & SPSR_AARCH32) != 0 ? 0 : value >> SPSR_EL_SHIFT & SPSR_EL_MASK;
        }
    }
    state_set_el(state, el);
}

bool state_el1_mmu_on(const struct system_state *state)
{
    return !state_knows(state, STATE_SCTLR_EL1) ||
           (state->value[STATE_SCTLR_EL1] & SCTLR_EL1_M_BIT) != 0;
}

bool state_walk_regs(const struct system_state *state, struct rig_walk_regs *regs)
{
    if (!state_knows(state, STATE_TCR_EL1)) {
        return false;
    }
    *regs = PERMISSIVE;
    regs->sctlr = state->value[STATE_SCTLR_EL1];
    regs->tcr = state->value[STATE_TCR_EL1];
    regs->ttbr0 = state->value[STATE_TTBR0_EL1];
    regs->ttbr1 = state->value[STATE_TTBR1_EL1];
    regs->mair = state->value[STATE_MAIR_EL1];
    return true;
}

bool state_translate(const struct system_state *state, rig_walk_read_u64 read, void *context,
                     uint64_t va, uint64_t *pa)
{
    struct rig_walk_regs regs;
    struct rig_walk_result result;
    if (state->mmu_off) {
        *pa = va;
        return true;
    }
    bool upper = (va >> HALF_SELECT_BIT & 1) != 0;
    if (state->regime != 1 || !state_knows(state, STATE_SCTLR_EL1) ||
        !state_knows(state, upper ? STATE_TTBR1_EL1 : STATE_TTBR0_EL1) ||
        !state_walk_regs(state, &regs) ||
        rig_walk(&regs, read, context, va, &result) != RIG_WALK_OK) {
        return false;
    }
    *pa = result.pa;
    return true;
}
