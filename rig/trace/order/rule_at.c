/*
 * at-before-par: an address translation instruction writes PAR_EL1 indirectly, and a direct read
 * of it before a context synchronization event may give what PAR_EL1 held before.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "rule.h"

struct at_cpu {
    bool pending;
    struct order_end at;
    bool known; /* the address */
};

struct at_state {
    struct at_cpu *cpus;
};

static bool make_cpus(struct rule *rule)
{
    struct at_state *state = rule->state;
    if (state->cpus == NULL) {
        state->cpus = calloc(rule->machine->cpu_count, sizeof(state->cpus[0]));
    }
    return state->cpus != NULL;
}

static bool report(struct rule *rule, const struct trace_event *event, const struct at_cpu *own)
{
    struct finding_text text;
    snprintf(text.missing, ORDER_TEXT,
             "no context synchronization event (ISB) between the AT and the MRS of PAR_EL1");
    if (own->known) {
        snprintf(text.detail, ORDER_TEXT,
                 "the MRS may give what PAR_EL1 held before the translation of VA 0x%" PRIx64,
                 own->at.address);
    } else {
        snprintf(text.detail, ORDER_TEXT,
                 "the MRS may give what PAR_EL1 held before the translation");
    }
    snprintf(text.fix, ORDER_TEXT, "put an ISB between the AT and the MRS");
    struct order_end consumer = order_end_of(event, rule->machine->now);
    return rule_report(rule, ORDER_ERROR, &own->at, &consumer, &text);
}

static bool on_event(struct rule *rule, const struct trace_event *event)
{
    struct at_state *state = rule->state;
    if (!make_cpus(rule)) {
        return false;
    }
    struct at_cpu *own = &state->cpus[event->cpu];
    switch (a64_class(event->opcode)) {
    case A64_AT:
        rule->subjects++;
        own->pending = true;
        own->known = (event->flags & TRACE_EVENT_VALUE) != 0;
        own->at = order_end_of(event, rule->machine->now);
        own->at.address = event->value;
        own->at.has_address = own->known;
        return true;
    case A64_MSR: /* a direct write behind the AT is what the MRS gives: Table D24-1 */
        own->pending = own->pending && a64_sys(event->opcode) != A64_PAR_EL1;
        return true;
    case A64_MRS:
        if (a64_sys(event->opcode) != A64_PAR_EL1) {
            return true;
        }
        rule->consumers++;
        return !own->pending || report(rule, event, own);
    default:
        return true;
    }
}

static bool on_cse(struct rule *rule, const struct trace_event *event)
{
    struct at_state *state = rule->state;
    if (state->cpus != NULL) {
        state->cpus[event->cpu].pending = false;
    }
    return true;
}

static void give_back(struct rule *rule)
{
    struct at_state *state = rule->state;
    free(state->cpus);
}

const struct rule_module RULE_AT_BEFORE_PAR = {
    .info =
        {
            .id = "at-before-par",
            .title = "The result of an address translation instruction is in PAR_EL1 after a "
                     "context synchronization event",
            .section =
                "DDI 0487, D24.1.2.2 \"Synchronization requirements for AArch64 System registers\"",
            .level = ORDER_ERROR,
        },
    .kinds = RULE_KIND(TRACE_EVENT_INSN),
    .state_size = sizeof(struct at_state),
    .event = on_event,
    .cse = on_cse,
    .free = give_back,
};
