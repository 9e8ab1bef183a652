/*
 * Numbers of an event trace: events by kind, instructions by class, sites, and windows.
 *
 * A window begins with an instruction that begins a hazard and ends with the barriers that end each
 * one: trace_events.h.
 */
#ifndef RIG_EVENTS_EVENT_STATS_H
#define RIG_EVENTS_EVENT_STATS_H

#include <stdbool.h>
#include <stdint.h>

#include "event_reader.h"
#include "event_words.h"
#include "site_counts.h"

struct window_stats {
    uint64_t count;
    uint64_t open_at_end;
    uint64_t cuts;
    uint64_t recorded;   /* accesses and blocks in all windows */
    uint64_t longest;    /* accesses and blocks of the longest one */
    uint64_t longest_at; /* the event that opened it */
};

struct event_stats {
    uint64_t kinds[TRACE_EVENT_KINDS];
    uint64_t classes[EVENT_CLASSES];
    uint64_t unknown_operands; /* of instructions that have one */
    uint64_t operands;         /* instructions that have one */
    struct site_counts sites;  /* INSN events, most frequent first */
    struct window_stats windows;
};

void event_stats_make(struct event_stats *stats, const struct event_trace *trace);
void event_stats_free(struct event_stats *stats);

#endif
