/*
 * vbar-aligned: VBAR is given an address that is no start of a vector table. DDI 0487, VBAR_EL1:
 * bits 10:0 are RES0, so a core takes exceptions at the address without them, while an emulator may
 * keep some: QEMU clears 4:0 alone, and goes to the table as it was linked.
 */
#include <inttypes.h>
#include <stdio.h>

#include "rule.h"

#define RESERVED UINT64_C(0x7ff)

/* The name of the VBAR that an instruction writes; NULL for any other instruction. */
static const char *vbar_written(const struct trace_event *event)
{
    if (a64_class(event->opcode) != A64_MSR) {
        return NULL;
    }
    switch (a64_sys(event->opcode)) {
    case A64_VBAR_EL1:
        return "VBAR_EL1";
    case A64_VBAR_EL12:
        return "VBAR_EL12";
    case A64_VBAR_EL2:
        return "VBAR_EL2";
    case A64_VBAR_EL3:
        return "VBAR_EL3";
    default:
        return NULL;
    }
}

static bool on_event(struct rule *rule, const struct trace_event *event)
{
    const char *name = vbar_written(event);
    if (name == NULL || (event->flags & TRACE_EVENT_VALUE) == 0) {
        return true;
    }
    rule->subjects++;
    rule->consumers++;
    if ((event->value & RESERVED) == 0 || rule_again(rule, ORDER_ERROR, event->pc, event->pc)) {
        return true;
    }
    struct order_end end = order_end_of(event, rule->machine->now);
    struct finding_text text;
    snprintf(text.missing, ORDER_TEXT, "no vector table begins at 0x%" PRIx64, event->value);
    snprintf(text.detail, ORDER_TEXT,
             "bits 10:0 of %s are RES0: a core may take exceptions at 0x%" PRIx64, name,
             event->value & ~RESERVED);
    snprintf(text.fix, ORDER_TEXT, "align the vectors to 2 KiB, .balign 2048");
    return rule_report(rule, ORDER_ERROR, &end, &end, &text);
}

const struct rule_module RULE_VBAR_ALIGNED = {
    .info =
        {
            .id = "vbar-aligned",
            .title = "VBAR is the start of a vector table",
            .section = "DDI 0487, VBAR_EL1, Vector Base Address Register (EL1), bits 10:0",
            .level = ORDER_ERROR,
        },
    .needs = TRACE_OPERANDS,
    .kinds = RULE_KIND(TRACE_EVENT_INSN),
    .event = on_event,
};
