/*
 * What a guest did in order, folded for people.
 *
 * A line is an act at a place: a register written, tables that became reachable, a TLBI, an
 * exception. An act that follows the same act at the same place on its CPU counts in its line. One
 * that was there before (the same place again, a control register with a value that it had from
 * this place) goes into a line "again" that counts by kind of act. Barriers count in the line that
 * they follow.
 */
#ifndef RIG_EVENTS_TIMELINE_H
#define RIG_EVENTS_TIMELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "event_reader.h"

enum timeline_act {
    ACT_REGISTER, /* MSR to a register that controls or returns; MSR DAIFSet, DAIFClr */
    ACT_TABLES,   /* tables became reachable, or are no longer */
    ACT_STORES,   /* stores to live tables or to code */
    ACT_TLBI,
    ACT_CACHE, /* DC, IC, DC ZVA */
    ACT_AT,
    ACT_CODE, /* blocks out of memory that the guest wrote */
    ACT_CALL, /* SVC, HVC, SMC */
    ACT_ENTRY,
    ACT_RETURN, /* ERET */
    ACT_WAIT,
    ACT_OFF_READ,
    ACT_CUT,
    ACT_COUNT,
    /* Lines that are no act. */
    LINE_AGAIN = ACT_COUNT,
    LINE_BARRIERS, /* before any act of the CPU */
};

enum mmu_change { MMU_AS_BEFORE, MMU_TURNED_ON, MMU_TURNED_OFF };

enum { LEVELS = 4 };

struct timeline_line {
    unsigned int act; /* enum timeline_act */
    uint8_t cpu;
    uint8_t el;
    bool has_value; /* of the first one */
    enum mmu_change mmu;
    uint32_t opcode; /* ENTRY: offset of the vector */
    uint64_t pc;     /* of the first one */
    uint64_t value;
    uint64_t first; /* events */
    uint64_t last;
    uint64_t count;
    bool has_range;
    uint64_t low; /* the smallest and largest address it was about */
    uint64_t high;
    uint64_t reachable[LEVELS]; /* TABLES: by level */
    uint64_t gone;
    uint64_t isb;
    uint64_t dsb;
    uint64_t dmb;
    uint64_t again[ACT_COUNT]; /* AGAIN */
};

struct timeline {
    struct timeline_line *lines; /* by first event */
    size_t count;
    size_t room;
};

/* Make it of one CPU's events, or of all with cpu < 0. */
void timeline_make(struct timeline *timeline, const struct event_trace *trace, int cpu);
void timeline_free(struct timeline *timeline);

#endif
