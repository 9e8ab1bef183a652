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

struct history_mark {
    uint64_t event;
    uint32_t opcode; /* DSB: which; CSE: 0 for an exception entry */
};

struct history_list {
    struct history_mark *marks; /* ascending */
    size_t count, room;
};

/* DC and IC by address: the physical line, or every line when the address is not known. */
struct line_mark {
    uint64_t event;
    uint64_t line; /* PA / 64, or HISTORY_NEVER for all */
    uint32_t opcode;
};

struct line_list {
    struct line_mark *marks; /* ascending by event */
    size_t count, room;
};

struct cpu_history {
    struct history_list dsb;
    struct history_list cse;
    struct line_list dc;
    struct line_list ic;
};

bool history_add(struct history_list *list, uint64_t event, uint32_t opcode);
bool history_add_line(struct line_list *list, uint64_t event, uint64_t line, uint32_t opcode);
void cpu_history_free(struct cpu_history *history);

/* The first CSE at an event >= t, or HISTORY_NEVER. */
uint64_t history_cse(const struct cpu_history *history, uint64_t t);

/* The first DSB at an event >= t that orders stores (or `full`: loads and stores) in at least the
 * domain, or HISTORY_NEVER. */
uint64_t history_dsb(const struct cpu_history *history, uint64_t t, enum a64_domain domain,
                     bool full);

/* The first DC at >= t with all bits of `what` that concerns the line, to the PoU or further
 * (`poc`: to the PoC); the first IC. HISTORY_NEVER when there is none. */
uint64_t history_dc(const struct cpu_history *history, uint64_t t, uint64_t line, unsigned int what,
                    bool poc);
uint64_t history_ic(const struct cpu_history *history, uint64_t t, uint64_t line);

#endif
