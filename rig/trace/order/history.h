/*
 * When each barrier and maintenance operation of a CPU executed, to ask later whether what had to
 * come between two moments did. Times are event numbers; "after t" means at an event >= t where t
 * is a time (trace_events.h), so a store at time t is before the barrier of event t.
 */
#ifndef RIG_ORDER_HISTORY_H
#define RIG_ORDER_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "a64_system.h"

#define HISTORY_NEVER UINT64_MAX

/* DSB by what it orders (stores only, or loads too) in each domain; all other marks are of kind 0.
 * A DSB that orders loads only ends no hazard of memory and is not kept, nor a DMB of less than
 * loads and stores. */
enum { HISTORY_KINDS = 8 };

struct history_run {
    uint64_t *events; /* ascending */
    size_t count, room;
};

struct history_list {
    struct history_run kinds[HISTORY_KINDS];
};

/* DC and IC by address: of the physical line, or of every line when the address is not known. */
struct line_mark {
    uint64_t event;
    uint32_t opcode;
};

struct line_marks {
    uint64_t line;           /* PA / 64 */
    struct line_mark *marks; /* ascending by event; NULL: the slot is free */
    size_t count, room;
};

struct line_list {
    struct line_marks every;  /* set/way, ALL, and where the address is not known */
    struct line_marks *slots; /* open hash by line */
    size_t slot_count, line_count;
};

struct cpu_history {
    struct history_list dsb;
    struct history_list dmb; /* of loads and stores, any domain */
    struct history_list cse;
    struct line_list dc;
    struct line_list ic;
};

/* Events are added in ascending order. `opcode`: of the DSB; of a CSE 0 for an exception entry;
 * `line`: PA / 64, or HISTORY_NEVER for every line. False: out of memory. */
bool history_add(struct history_list *list, uint64_t event, uint32_t opcode);
bool history_add_line(struct line_list *list, uint64_t event, uint64_t line, uint32_t opcode);
void cpu_history_free(struct cpu_history *history);

/* The first CSE at an event >= t, or HISTORY_NEVER. */
uint64_t history_cse(const struct cpu_history *history, uint64_t t);

/* The first DSB at an event >= t that orders stores (or `full`: loads and stores) in at least the
 * domain, or HISTORY_NEVER. */
uint64_t history_dsb(const struct cpu_history *history, uint64_t t, enum a64_domain domain,
                     bool full);

/* The first DMB or DSB at an event >= t that orders loads and stores, in any domain, or
 * HISTORY_NEVER. */
uint64_t history_barrier(const struct cpu_history *history, uint64_t t);

/* The first DC at >= t with all bits of `what` that concerns the line, to the PoU or further
 * (`poc`: to the PoC); the first IC. HISTORY_NEVER when there is none. */
uint64_t history_dc(const struct cpu_history *history, uint64_t t, uint64_t line, unsigned int what,
                    bool poc);
uint64_t history_ic(const struct cpu_history *history, uint64_t t, uint64_t line);
/* The same, but only IC that other CPUs obey, too: IC IALLU is this CPU's own. */
uint64_t history_ic_broadcast(const struct cpu_history *history, uint64_t t, uint64_t line);

#endif
