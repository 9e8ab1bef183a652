/*
 * Windows: from an instruction that begins a hazard to the barriers that end every hazard
 * (trace_events.h). One for each virtual CPU.
 */
#ifndef RIG_PLUGIN_EVENT_WINDOW_H
#define RIG_PLUGIN_EVENT_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#include "a64_system.h"

enum { WINDOW_EVENTS = 65536 }; /* ACCESS and BLOCK events of one window */

enum window_need {
    WINDOW_NEED_CSE = 1, /* a context synchronization event has to come */
    WINDOW_NEED_DSB = 2, /* a DSB, and a context synchronization event behind it */
};

struct event_window {
    uint8_t needs;  /* enum window_need; 0: no window is open */
    uint8_t domain; /* enum a64_domain: the least that the DSB has to have */
    bool loads;     /* ... and it has to wait for loads, too */
    bool cut;       /* it was too long: nothing of the rest is recorded */
    uint32_t events;
};

/* An instruction that begins a hazard: also of a window that is open, which counts anew. */
static inline void window_open(struct event_window *window, enum window_need need)
{
    window->needs |= (uint8_t)need;
    window->cut = false;
    window->events = 0;
}

/* The same, of a hazard that a DSB has to end: a weaker one than asked for leaves it open. */
static inline void window_open_dsb(struct event_window *window, enum a64_domain domain, bool loads)
{
    window_open(window, WINDOW_NEED_DSB);
    window->domain = window->domain > domain ? window->domain : (uint8_t)domain;
    window->loads = window->loads || loads;
}

static inline void window_dsb(struct event_window *window, struct a64_barrier barrier)
{
    if ((window->needs & WINDOW_NEED_DSB) != 0 &&
        a64_barrier_covers(barrier, (enum a64_domain)window->domain, window->loads)) {
        window->needs = WINDOW_NEED_CSE;
        window->domain = A64_NSH;
        window->loads = false;
    }
}

/* ISB, ERET, exception entry. A barrier that is still to come keeps the window open. */
static inline void window_cse(struct event_window *window)
{
    window->needs &= (uint8_t)~WINDOW_NEED_CSE;
}

/* Is what is "only in windows" to be recorded now? */
static inline bool window_records(const struct event_window *window)
{
    return window->needs != 0 && !window->cut;
}

/* Count an ACCESS or BLOCK. False when it is the first one too many: a CUT goes to its place. */
static inline bool window_count(struct event_window *window)
{
    if (window->events < WINDOW_EVENTS) {
        window->events++;
        return true;
    }
    window->cut = true;
    return false;
}

#endif
