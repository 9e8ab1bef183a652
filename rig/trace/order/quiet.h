/*
 * Notes that come again and again from one place that writes and from many that consume: the first
 * consumer stands for all, so that they do not take the room of other findings.
 */
#ifndef RIG_ORDER_QUIET_H
#define RIG_ORDER_QUIET_H

#include "rule.h"

enum { QUIET_WRITERS = 64 };

struct quiet {
    uint64_t write_pc[QUIET_WRITERS];
    uint64_t consumer_pc[QUIET_WRITERS];
    unsigned int count;
};

bool quiet_note(struct quiet *quiet, struct rule *rule, const struct order_end *write,
                const struct order_end *consumer, const struct finding_text *text);

#endif
