/*
 * window-synchronized: interrupts are let in and shut out again with nothing but NOPs, DSBs and
 * DMBs between. That an interrupt which is pending and unmasked is taken is promised at a context
 * synchronization event only (DDI 0487, Glossary "Context synchronization event"), and none is in
 * such a window: it may close with the interrupt still pending. Where instructions do something
 * between, the window was for them, and when the interrupt comes is nobody's promise.
 *
 * An interrupt that the emulator took there is no proof that a CPU does.
 */
#include <inttypes.h>
#include <stdio.h>

#include "rule.h"

static bool on_event(struct rule *rule, const struct trace_event *event)
{
    if (a64_class(event->opcode) != A64_DAIF || (event->flags & TRACE_EVENT_PENDING) == 0) {
        return true;
    }
    rule->subjects++;
    rule->consumers++;
    struct order_end consumer = order_end_of(event, rule->machine->now);
    struct order_end write = consumer;
    write.pc = event->va;
    write.pc_pa = TRACE_UNKNOWN_ADDRESS;
    write.opcode = 0;
    if (rule_again(rule, ORDER_NOTE, write.pc, consumer.pc)) {
        return true;
    }
    struct finding_text text;
    snprintf(text.missing, ORDER_TEXT,
             "no context synchronization event (ISB) between the MSR DAIFClr that lets interrupts "
             "in and the MSR DAIFSet that shuts them out");
    snprintf(
        text.detail, ORDER_TEXT,
        "an interrupt that is pending need not be taken in this empty window, however often it "
        "opens");
    snprintf(text.fix, ORDER_TEXT, "put an ISB between them");
    return rule_report(rule, ORDER_NOTE, &write, &consumer, &text);
}

const struct rule_module RULE_WINDOW_SYNCHRONIZED = {
    .info =
        {
            .id = "window-synchronized",
            .title = "A window for interrupts holds a context synchronization event, or something "
                     "to do",
            .section = "DDI 0487, Glossary \"Context synchronization event\"",
            .level = ORDER_NOTE,
        },
    .kinds = RULE_KIND(TRACE_EVENT_INSN),
    .event = on_event,
};
