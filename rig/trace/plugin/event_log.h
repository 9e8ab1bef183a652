/*
 * The events of a trace, in chunks that fill up in place: an event counts from the moment it is
 * complete, so a QEMU that is killed loses none (trace_events.h).
 *
 * Not thread-safe: the caller holds a lock. Only event_log_time may be called by anyone.
 */
#ifndef RIG_PLUGIN_EVENT_LOG_H
#define RIG_PLUGIN_EVENT_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "trace_events.h"
#include "trace_writer.h"

struct event_log {
    struct trace_writer *writer;
    uint64_t limit;                /* of the file, in bytes */
    struct trace_event_list *list; /* that events go to; NULL when the next needs a new one */
    uint32_t next_room;            /* of that new one, in events */
    uint64_t count;                /* of all events */
    bool full;                     /* there was no room for one: nothing more is recorded */
};

void event_log_start(struct event_log *log, struct trace_writer *writer, uint64_t limit);

/* False when there is no room; the trace's TRACE_FULL is set then. */
bool event_log_add(struct event_log *log, const struct trace_event *event);

/*
 * A chunk that events will refer to, as trace_writer_begin gives it, and its offset in the file.
 * Events behind it go to a new list, so that it stands before them in the file, too. NULL when
 * there is no room. The caller fills it and ends with trace_writer_commit.
 */
void *event_log_chunk(struct event_log *log, uint32_t tag, uint64_t size, uint64_t *offset);

/* Events so far: the time of what happens now. */
static inline uint64_t event_log_time(const struct event_log *log)
{
    return __atomic_load_n(&log->count, __ATOMIC_RELAXED);
}

#endif
