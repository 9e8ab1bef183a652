#include "event_log.h"

#include <stddef.h>

/* A list that another chunk cuts short leaves its rest unused, so lists begin small and grow for as
 * long as nothing comes between. */
enum { FIRST_ROOM = 8, MOST_ROOM = 8192 };

void event_log_start(struct event_log *log, struct trace_writer *writer, uint64_t limit)
{
    *log = (struct event_log){.writer = writer, .limit = limit, .next_room = FIRST_ROOM};
}

static struct trace_event *events_of(struct trace_event_list *list)
{
    return (struct trace_event *)(void *)(list + 1);
}

/* As many events as still fit into the file; 1 when none does, and the writer refuses. */
static uint32_t room_left(const struct event_log *log, uint32_t wanted)
{
    uint64_t used = trace_writer_used(log->writer);
    uint64_t left = used < log->limit ? log->limit - used : 0;
    uint64_t fit = left < sizeof(struct trace_event_list)
                       ? 0
                       : (left - sizeof(struct trace_event_list)) / sizeof(struct trace_event);
    if (fit == 0) {
        return 1;
    }
    return fit < wanted ? (uint32_t)fit : wanted;
}

static bool new_list(struct event_log *log)
{
    uint32_t room = room_left(log, log->next_room);
    uint64_t size = sizeof(struct trace_event_list) + (uint64_t)room * sizeof(struct trace_event);
    struct trace_event_list *list = trace_writer_begin(log->writer, TRACE_EVENT_LIST, size);
    if (list == NULL) {
        log->full = true;
        return false;
    }
    list->room = room;
    trace_writer_commit(log->writer);
    log->list = list;
    log->next_room = log->next_room >= MOST_ROOM ? MOST_ROOM : log->next_room * 2;
    return true;
}

bool event_log_add(struct event_log *log, const struct trace_event *event)
{
    if (log->full) {
        return false;
    }
    if ((log->list == NULL || log->list->count == log->list->room) && !new_list(log)) {
        return false;
    }
    struct trace_event_list *list = log->list;
    events_of(list)[list->count] = *event;
    __atomic_store_n(&list->count, list->count + 1, __ATOMIC_RELEASE);
    __atomic_store_n(&log->count, log->count + 1, __ATOMIC_RELAXED);
    return true;
}

void *event_log_chunk(struct event_log *log, uint32_t tag, uint64_t size, uint64_t *offset)
{
    if (log->full) {
        return NULL;
    }
    void *chunk = trace_writer_begin(log->writer, tag, size);
    if (chunk == NULL) {
        log->full = true;
        return NULL;
    }
    *offset = trace_writer_used(log->writer); /* it grows with the commit */
    log->list = NULL;
    log->next_room = FIRST_ROOM;
    return chunk;
}
