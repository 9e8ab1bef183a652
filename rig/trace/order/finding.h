/* The findings of one check: the same rule and level at the same two PCs is one, counted. */
#ifndef RIG_ORDER_FINDING_H
#define RIG_ORDER_FINDING_H

#include "order.h"
#include "rule.h"

struct finding_slot;

struct findings {
    struct order_finding *items;
    size_t count, room;
    struct finding_slot *slots; /* open hash over every finding, also those not kept */
    size_t slot_count, slots_used;
    uint64_t limit; /* kept of each level */
    uint64_t kept[ORDER_ERROR + 1];
    uint64_t cut;
};

void findings_begin(struct findings *findings, uint64_t limit);
void findings_free(struct findings *findings);

/* Errors first, then by event of the consumer; notes beyond the limit of all go. */
void findings_sort(struct findings *findings);

#endif
