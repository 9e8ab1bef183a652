/*
 * dsb-before-wfi: a CPU goes to sleep with stores that no DSB has completed. DDI 0487, D1.7.2 "Wait
 * for Interrupt mechanism": WFI need not drain pending memory activity first, and software must not
 * rely on it. The store may be the one that asks for the interrupt that ends the sleep.
 */
#include <inttypes.h>
#include <stdio.h>

#include "rule.h"

static bool on_event(struct rule *rule, const struct trace_event *event)
{
    const uint32_t wfi_bit = 0x20; /* of the encodings of A64_WAIT; WFIT has it, too */
    if (a64_class(event->opcode) != A64_WAIT || (event->opcode & wfi_bit) == 0) {
        return true;
    }
    rule->subjects++;
    rule->consumers++;
    if ((event->flags & TRACE_EVENT_PENDING) == 0 ||
        rule_again(rule, ORDER_NOTE, event->pc, event->pc)) {
        return true;
    }
    struct order_end end = order_end_of(event, rule->machine->now);
    struct finding_text text;
    snprintf(text.missing, ORDER_TEXT, "no DSB between the stores before the WFI and the WFI");
    snprintf(text.detail, ORDER_TEXT,
             "WFI need not wait for them: what they asked of memory or of a device may still be "
             "undone while the CPU sleeps");
    snprintf(text.fix, ORDER_TEXT, "put DSB SY before the WFI");
    return rule_report(rule, ORDER_NOTE, &end, &end, &text);
}

const struct rule_module RULE_DSB_BEFORE_WFI = {
    .info =
        {
            .id = "dsb-before-wfi",
            .title = "Stores are complete before the CPU waits for an interrupt",
            .section = "DDI 0487, D1.7.2 \"Wait for Interrupt mechanism\"",
            .level = ORDER_NOTE,
        },
    .needs = TRACE_STORES,
    .kinds = RULE_KIND(TRACE_EVENT_INSN),
    .event = on_event,
};
