/* The distinct instructions of a trace and how often each came: by PC and opcode. */
#ifndef RIG_EVENTS_SITE_COUNTS_H
#define RIG_EVENTS_SITE_COUNTS_H

#include <stddef.h>
#include <stdint.h>

struct site_count {
    uint64_t pc;
    uint64_t count;
    uint32_t opcode;
};

struct site_counts {
    struct site_count *items; /* in order of first appearance */
    size_t count;
    size_t room;
    size_t *slots; /* open hash: index + 1 */
    size_t slot_count;
};

/* Count one; how often it has come, this one included. */
uint64_t site_counts_add(struct site_counts *sites, uint64_t pc, uint32_t opcode);
void site_counts_free(struct site_counts *sites);

#endif
