/*
 * tlb-before-mmu: the MMU comes on for the first time, and the TLB holds what it held at reset, or
 * what a loader left in it: nobody knows (DDI 0487, D8.16). Before the first instruction or
 * access that is translated, a TLBI has to remove everything of the regime. One by address or ASID
 * leaves the rest.
 *
 * Consumer is that first instruction, on each CPU and in each regime. Whether a TLBI of EL1's is
 * complete tlbi-completes asks. It does not look at EL2's, so the DSB behind that one is asked for
 * here; a context synchronization event is not, for nothing was fetched through a translation yet.
 */
#include <stdio.h>
#include <stdlib.h>

#include "rule.h"
#include "sysregs.h"
#include "tlbi_match.h"

enum { EL1, EL2, REGIMES };

/* What was done so that a regime's TLB holds nothing. */
struct regime {
    bool decided;  /* the MMU came on, and was judged; or whether it is on is unknown */
    bool enabled;  /* by `enable`, and nothing was translated yet */
    bool flushed;  /* by `flush`, everything */
    bool narrowed; /* a TLBI removed something */
    struct order_end enable;
    struct order_end flush;
    enum a64_domain domain; /* of the DSB that `flush` needs */
};

struct tlb_cpu {
    bool runs;
    struct regime regimes[REGIMES];
};

struct tlb_state {
    struct tlb_cpu *cpus;
};

static const enum machine_register SCTLR[REGIMES] = {MACHINE_SCTLR_EL1, MACHINE_SCTLR_EL2};
static const char *const TLBI[REGIMES] = {"TLBI VMALLE1", "TLBI ALLE2"};

static bool report(struct rule *rule, const struct trace_event *event, const struct regime *regime,
                   unsigned int which)
{
    const char *name = machine_register_name(SCTLR[which]);
    struct finding_text text;
    if (regime->flushed) {
        snprintf(text.missing, ORDER_TEXT,
                 "no DSB between the TLBI and the first translated instruction behind the write of "
                 "%s.M",
                 name);
    } else {
        snprintf(text.missing, ORDER_TEXT,
                 "no TLBI of all entries before the first translated instruction behind the write "
                 "of %s.M",
                 name);
    }
    snprintf(text.detail, ORDER_TEXT,
             "what the TLB holds at reset, or from earlier software, is unknown: any address may "
             "still be translated by that%s",
             !regime->flushed && regime->narrowed ? "; a TLBI by address or ASID leaves the rest"
                                                  : "");
    snprintf(text.fix, ORDER_TEXT, "put %s; DSB %s; ISB before the MSR to %s", TLBI[which],
             regime->flushed ? tlbi_domain_name(regime->domain) : "NSH", name);
    struct order_end consumer = order_end_of(event, rule->machine->now);
    return rule_report(rule, ORDER_ERROR, &regime->enable, &consumer, &text);
}

/* tlbi-completes judges EL1's. */
static bool is_complete(const struct rule *rule, const struct regime *regime, unsigned int which)
{
    const struct cpu_history *history = &rule->machine->cpus[regime->flush.cpu].history;
    return which == EL1 ||
           history_dsb(history, regime->flush.event, regime->domain, true) < regime->enable.event;
}

/* Something executes, or is accessed, in a regime whose MMU has just come on. */
static bool judge(struct rule *rule, const struct trace_event *event, struct regime *regime,
                  unsigned int which)
{
    const struct machine_cpu *cpu = &rule->machine->cpus[event->cpu];
    if (!regime->enabled || !machine_in_own_regime(cpu, SCTLR[which])) {
        return true;
    }
    regime->enabled = false;
    regime->decided = true;
    rule->consumers++;
    return (regime->flushed && is_complete(rule, regime, which)) ||
           report(rule, event, regime, which);
}

static void see_write(struct rule *rule, const struct trace_event *event, struct tlb_cpu *own)
{
    const struct machine_cpu *cpu = &rule->machine->cpus[event->cpu];
    enum machine_register reg = machine_register_written(cpu, a64_sys(event->opcode));
    for (unsigned int which = 0; which < REGIMES; which++) {
        struct regime *regime = &own->regimes[which];
        if (reg != SCTLR[which] || regime->decided) {
            continue;
        }
        bool known = (event->flags & TRACE_EVENT_VALUE) != 0;
        regime->decided = !known;
        regime->enabled = known && (event->value & SCTLR_EL1_M_BIT) != 0; /* M: EL2's, too */
        regime->enable = order_end_of(event, rule->machine->now);
        rule->subjects += regime->enabled;
    }
}

/* Whose entries a TLBI removes. With E2H and TGE VMALLE1 and its kin are EL2's own; ALLE1 never is.
 */
static unsigned int regime_of(struct rule *rule, const struct trace_event *event,
                              const struct a64_tlbi *op)
{
    struct tlbi_target target;
    bool renamed = (a64_sys(event->opcode) >> 11 & 7) == 0; /* op1 */
    if (op->el == 1) {
        return !renamed || tlbi_target_of(rule->machine, event, &target) ? EL1 : EL2;
    }
    return op->el == 2 ? EL2 : REGIMES;
}

/* A TLBI counts for other CPUs that run when it is broadcast. */
static void see_tlbi(struct rule *rule, const struct trace_event *event)
{
    const struct tlb_state *state = rule->state;
    const struct a64_tlbi op = a64_tlbi(event->opcode);
    bool all = op.scope == A64_TLBI_ALL;
    unsigned int which = all ? regime_of(rule, event, &op) : op.el == 2 ? EL2 : EL1;
    if (which == REGIMES || op.scope == A64_TLBI_IPA) {
        return;
    }
    for (uint32_t i = 0; i < rule->machine->cpu_count; i++) {
        struct tlb_cpu *other = &state->cpus[i];
        struct regime *regime = &other->regimes[which];
        if (regime->decided || (i != event->cpu && (op.domain == A64_NSH || !other->runs))) {
            continue;
        }
        regime->narrowed = regime->narrowed || !all;
        if (all) {
            regime->flushed = true;
            regime->flush = order_end_of(event, rule->machine->now);
            regime->domain = op.domain;
        }
    }
}

static bool on_event(struct rule *rule, const struct trace_event *event)
{
    struct tlb_state *state = rule->state;
    if (state->cpus == NULL) {
        state->cpus = calloc(rule->machine->cpu_count, sizeof(state->cpus[0]));
        if (state->cpus == NULL) {
            return false;
        }
    }
    struct tlb_cpu *own = &state->cpus[event->cpu];
    own->runs = true;
    if (!judge(rule, event, &own->regimes[EL1], EL1) ||
        !judge(rule, event, &own->regimes[EL2], EL2)) {
        return false;
    }
    if (event->kind != TRACE_EVENT_INSN) {
        return true;
    }
    switch (a64_class(event->opcode)) {
    case A64_MSR:
        see_write(rule, event, own);
        return true;
    case A64_TLBI:
        see_tlbi(rule, event);
        return true;
    default:
        return true;
    }
}

static void give_back(struct rule *rule)
{
    struct tlb_state *state = rule->state;
    free(state->cpus);
}

const struct rule_module RULE_TLB_BEFORE_MMU = {
    .info =
        {
            .id = "tlb-before-mmu",
            .title = "The TLB is emptied before the MMU comes on for the first time",
            .section = "DDI 0487, D8.16 Translation Lookaside Buffers; D8.17.5 TLB maintenance "
                       "instructions",
            .level = ORDER_ERROR,
        },
    .needs = TRACE_OPERANDS,
    .kinds = RULE_KIND(TRACE_EVENT_INSN) | RULE_KIND(TRACE_EVENT_BLOCK) |
             RULE_KIND(TRACE_EVENT_ACCESS) | RULE_KIND(TRACE_EVENT_STORE) |
             RULE_KIND(TRACE_EVENT_ENTRY),
    .state_size = sizeof(struct tlb_state),
    .event = on_event,
    .free = give_back,
};
