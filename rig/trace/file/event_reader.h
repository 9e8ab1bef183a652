/*
 * Read an event trace (trace_events.h): checked whole first, then handed out as an array-like view.
 *
 * A torn tail is dropped and told, as trace_reader.h does, and with it every event from the first
 * on that refers into it; a file that contradicts itself (an event of unknown kind, a reference to
 * no chunk or to one of the wrong kind) is refused.
 */
#ifndef RIG_EVENT_READER_H
#define RIG_EVENT_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trace_events.h"

enum { EVENT_ERROR_TEXT = 256 };

struct event_run; /* the events of one chunk */

struct event_trace {
    const uint8_t *data;
    size_t size;
    bool mapped;
    uint32_t flags; /* of the header */
    uint32_t api;
    uint32_t cpus; /* 1 to 255; events' cpu is below it */
    uint32_t image_id_size;
    uint8_t image_id[TRACE_IMAGE_ID_BYTES];
    uint64_t torn_bytes;
    struct event_run *runs;
    size_t run_count;
    uint64_t event_count;
    uint64_t *codes; /* offsets of the code chunks, ascending */
    size_t code_count;
};

/* One pass through the events. */
struct event_cursor {
    const struct event_trace *trace;
    size_t run;
    uint32_t at;
    uint64_t number; /* of the next event */
};

bool event_trace_open(struct event_trace *trace, const char *path,
                      char error[static EVENT_ERROR_TEXT]);
/* From memory (8-byte aligned), which must stay. Little-endian hosts read in place. */
bool event_trace_parse(struct event_trace *trace, const uint8_t *data, size_t size,
                       char error[static EVENT_ERROR_TEXT]);
void event_trace_close(struct event_trace *trace);

struct event_cursor event_trace_begin(const struct event_trace *trace);
/* The next event, or NULL at the end; valid as long as the trace. */
const struct trace_event *event_next(struct event_cursor *cursor);
/* The event of that number < event_count. */
const struct trace_event *event_at(const struct event_trace *trace, uint64_t number);

/* What an event's value refers to; NULL unless the event is of a kind that does. */
const struct trace_code *event_code(const struct event_trace *trace,
                                    const struct trace_event *event);
const struct trace_frame *event_frame(const struct event_trace *trace,
                                      const struct trace_event *event);
const struct trace_written *event_writer(const struct event_trace *trace,
                                         const struct trace_event *event);

static inline const uint32_t *trace_code_opcodes(const struct trace_code *code)
{
    return (const uint32_t *)(const void *)(code + 1);
}

static inline const uint64_t *trace_frame_words(const struct trace_frame *frame)
{
    return (const uint64_t *)(const void *)(frame + 1);
}

/* The opcode at a PC as any code chunk of the trace has it, false when none has: for findings. */
bool event_trace_opcode(const struct event_trace *trace, uint64_t pc, uint32_t *opcode);

#endif
