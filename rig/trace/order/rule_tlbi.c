/*
 * tlbi-completes: a TLBI is followed by a DSB of its domain, for loads and stores, and by a context
 * synchronization event, before something of this CPU could use an entry that it removes.
 * DDI 0487, D8.17.5: RPSMWS (which DSB) and RBLDZX (DSB, then CSE, for the issuing PE).
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "bbm_change.h"
#include "rule.h"
#include "sysregs.h"
#include "tlbi_state.h"

static bool on_store(struct rule *rule, const struct trace_event *event)
{
    struct tlbi_state *state = rule->state;
    struct live_store store;
    if (!live_store(rule->machine, event, &store)) {
        return true;
    }
    struct table_word *word = words_find(&state->changed, store.pa);
    if (word != NULL) {
        word->after = store.after; /* what was there first may be in a TLB still */
        return true;
    }
    return !bbm_stale_matters(&rule->machine->cpus[event->cpu], store.frame->level, store.before,
                              store.after) ||
           live_remember(&state->changed, &store, event, rule->machine->now) != NULL;
}

/* Both TTBRs' ASIDs exist; TCR_EL1.A1 says which one counts: DDI 0487, D8.16.3.1. */
static bool changes_asid(const struct machine_cpu *cpu, enum machine_register reg, uint64_t differ)
{
    bool a1 = (cpu->regs[MACHINE_TCR_EL1].value & TCR_EL1_A1_BIT) != 0;
    return (reg == MACHINE_TTBR1_EL1) == a1 && (differ & TTBR0_EL1_ASID_MASK) != 0;
}

/* Another table for a half, under the ASID that the entries of the old one are held by. */
static void on_ttbr(struct rule *rule, const struct trace_event *event, struct tlbi_cpu *own)
{
    const struct machine_cpu *cpu = &rule->machine->cpus[event->cpu];
    enum machine_register reg = machine_register_written(cpu, a64_sys(event->opcode));
    if ((reg != MACHINE_TTBR0_EL1 && reg != MACHINE_TTBR1_EL1) || !machine_mmu_on(cpu) ||
        !cpu->regs[reg].known || !cpu->regs[MACHINE_TCR_EL1].known ||
        (event->flags & TRACE_EVENT_VALUE) == 0) {
        return;
    }
    uint64_t differ = cpu->regs[reg].value ^ event->value;
    struct tlbi_half *half = &own->halves[reg == MACHINE_TTBR1_EL1];
    if ((differ & TTBR0_EL1_BADDR_MASK) == 0 || changes_asid(cpu, reg, differ) ||
        half->state == HALF_FLUSHED) {
        return;
    }
    *half = (struct tlbi_half){.state = HALF_CHANGED, .ttbr = cpu->regs[reg].value};
}

/* What the TLBI removes waits for its DSB from now on. False: out of memory. */
static bool flush(struct rule *rule, const struct trace_event *event, struct tlbi_cpu *own,
                  const struct tlbi_target *target)
{
    struct tlbi_state *state = rule->state;
    const struct machine *machine = rule->machine;
    const struct machine_cpu *cpu = &machine->cpus[event->cpu];
    const struct order_end end = tlbi_end(event, machine->now, target);
    bool subject = false;
    struct table_word *word;
    size_t cursor = SIZE_MAX;
    while ((word = tlbi_next(machine, cpu, target, &state->changed, &cursor)) != NULL) {
        struct table_word *flushed = words_put(&own->flushed, word->pa);
        if (flushed == NULL) {
            return false;
        }
        *flushed = *word;
        flushed->tlbi = end;
        flushed->domain = target->op.domain;
        flushed->operand_unknown = target->operand_unknown;
        words_remove(&state->changed, word);
        subject = true;
    }
    for (unsigned int i = 0; target->everywhere && !target->operand_unknown && i < 2; i++) {
        if (own->halves[i].state == HALF_CHANGED) {
            own->halves[i].state = HALF_FLUSHED;
            own->halves[i].tlbi = end;
            own->halves[i].domain = target->op.domain;
            subject = true;
        }
    }
    /* With the MMU off nobody knows what the TLB holds (D8.16.1): this is what empties it. */
    const struct machine_value *sctlr = &cpu->regs[MACHINE_SCTLR_EL1];
    if (target->op.scope == A64_TLBI_ALL && sctlr->known && !machine_mmu_on(cpu) && !own->all) {
        own->all = true;
        own->all_tlbi = end;
        own->all_domain = target->op.domain;
        subject = true;
    }
    rule->subjects += subject;
    return true;
}

static bool on_tlbi(struct rule *rule, const struct trace_event *event, struct tlbi_cpu *own)
{
    struct tlbi_state *state = rule->state;
    struct tlbi_target target;
    if (!tlbi_target_of(rule->machine, event, &target)) {
        return true;
    }
    if (target.op.scope == A64_TLBI_RANGE) {
        live_sweep(rule->machine, &state->changed);
    }
    tlbi_open(&own->open, event, rule->machine->now, &target);
    return flush(rule, event, own, &target);
}

static bool on_insn(struct rule *rule, const struct trace_event *event, struct tlbi_cpu *own)
{
    switch (a64_class(event->opcode)) {
    case A64_MSR:
        on_ttbr(rule, event, own);
        return true;
    case A64_DSB:
        return tlbi_close(rule, &own->open, event->opcode);
    case A64_TLBI:
        return on_tlbi(rule, event, own);
    default:
        return true;
    }
}

static bool tlbi_event(struct rule *rule, const struct trace_event *event)
{
    struct tlbi_cpu *own = tlbi_cpu_of(rule, event->cpu);
    if (own == NULL || !tlbi_judge_uses(rule, event, own)) {
        return false;
    }
    switch (event->kind) {
    case TRACE_EVENT_STORE:
        return on_store(rule, event);
    case TRACE_EVENT_INSN:
        return on_insn(rule, event, own);
    default:
        return true;
    }
}

static bool tlbi_cse(struct rule *rule, const struct trace_event *event)
{
    struct tlbi_cpu *own = tlbi_cpu_of(rule, event->cpu);
    if (own == NULL || !tlbi_judge_return(rule, event, own)) {
        return false;
    }
    tlbi_sweep(rule, own);
    tlbi_passed(&own->open, event, rule->machine->now);
    return true;
}

static void tlbi_end_of_trace(struct rule *rule)
{
    const struct tlbi_state *state = rule->state;
    for (uint32_t i = 0; state->cpus != NULL && i < rule->machine->cpu_count; i++) {
        (void)tlbi_note(rule, &state->cpus[i].open);
    }
}

static void tlbi_free(struct rule *rule)
{
    struct tlbi_state *state = rule->state;
    for (uint32_t i = 0; state->cpus != NULL && i < rule->machine->cpu_count; i++) {
        words_free(&state->cpus[i].flushed);
    }
    free(state->cpus);
    words_free(&state->changed);
}

const struct rule_module RULE_TLBI_COMPLETES = {
    .info =
        {
            .id = "tlbi-completes",
            .title = "a TLBI is complete before something uses what it removes",
            .section = "DDI 0487, D8.17.5 TLB maintenance instructions",
            .level = ORDER_ERROR,
        },
    .needs = TRACE_STORES,
    .kinds = USE_KINDS | RULE_KIND(TRACE_EVENT_INSN),
    .state_size = sizeof(struct tlbi_state),
    .event = tlbi_event,
    .cse = tlbi_cse,
    .end = tlbi_end_of_trace,
    .free = tlbi_free,
};
