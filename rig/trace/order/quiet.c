#include "quiet.h"

bool quiet_note(struct quiet *quiet, struct rule *rule, const struct order_end *write,
                const struct order_end *consumer, const struct finding_text *text)
{
    for (unsigned int i = 0; i < quiet->count; i++) {
        if (quiet->write_pc[i] == write->pc) {
            return rule_again(rule, ORDER_NOTE, write->pc, quiet->consumer_pc[i]) ||
                   rule_report(rule, ORDER_NOTE, write, consumer, text);
        }
    }
    if (quiet->count < QUIET_WRITERS) {
        quiet->write_pc[quiet->count] = write->pc;
        quiet->consumer_pc[quiet->count++] = consumer->pc;
    }
    return rule_report(rule, ORDER_NOTE, write, consumer, text);
}
