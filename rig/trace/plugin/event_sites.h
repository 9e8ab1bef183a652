/*
 * Instructions that have a callback: what the callback has to know of them, once for each distinct
 * instruction, however often QEMU translates it. They are never freed: QEMU keeps pointers to them.
 *
 * Not thread-safe: the caller holds a lock.
 */
#ifndef RIG_PLUGIN_EVENT_SITES_H
#define RIG_PLUGIN_EVENT_SITES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event_site {
    uint64_t pc;
    uint64_t pc_pa; /* or TRACE_UNKNOWN_ADDRESS */
    uint32_t opcode;
    uint64_t opener;  /* a DAIFSet of I: where a DAIFClr is with nothing between, if it is one */
    uint8_t kind;     /* enum a64_class */
    bool always;      /* recorded also outside of windows */
    bool has_operand; /* a64_has_operand */
    bool fed;         /* the list of operands names it */
};

struct event_sites {
    struct event_site **slots; /* open hash */
    size_t slot_count, count;
    struct site_batch *batches; /* the newest first: new ones come from there */
    size_t batch_left;
};

/* The site of that instruction, all else of it as `wanted` says when it is new; NULL when memory is
 * short. */
struct event_site *event_sites_get(struct event_sites *sites, const struct event_site *wanted);

/* For tests: nobody may use a site any more. */
void event_sites_free(struct event_sites *sites);

#endif
