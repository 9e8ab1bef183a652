#include "event_reader.h"

#include <endian.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "event_chunks.h"
#include "trace_input.h"

enum { EL_MAX = 3, CPUS_MAX = 255 };

static bool refuse(char *error, const char *text)
{
    snprintf(error, EVENT_ERROR_TEXT, "%s", text);
    return false;
}

static bool take_header(struct event_trace *trace, uint64_t *used, char *error)
{
    struct trace_header header;
    if (!trace_input_header(trace->data, trace->size, TRACE_EVENTS, &header, error)) {
        return false;
    }
    if (header.cpus == 0 || header.cpus > CPUS_MAX) {
        return refuse(error, "damaged trace: its header contradicts itself");
    }
    *used = header.used;
    trace->flags = header.flags;
    trace->api = header.api;
    trace->cpus = header.cpus;
    trace->image_id_size = header.image_id_size;
    memcpy(trace->image_id, header.image_id, TRACE_IMAGE_ID_BYTES);
    return true;
}

/* The tag of the chunk that an event of that kind refers to, 0 when it refers to none. */
static uint32_t referred_tag(uint8_t kind)
{
    switch (kind) {
    case TRACE_EVENT_BLOCK:
    case TRACE_EVENT_TRANSLATE:
        return TRACE_CODE;
    case TRACE_EVENT_FRAME:
        return TRACE_FRAME;
    case TRACE_EVENT_OFF_READ:
        return TRACE_WRITER;
    default:
        return 0;
    }
}

enum event_verdict { EVENT_SOUND, EVENT_TORN, EVENT_DAMAGED };

static enum event_verdict check_event(const struct event_trace *trace,
                                      const struct chunk_starts *starts,
                                      const struct trace_event *event)
{
    if (event->kind == 0 || event->kind >= TRACE_EVENT_KINDS || event->cpu >= trace->cpus ||
        (event->el > EL_MAX && event->el != TRACE_EL_UNKNOWN)) {
        return EVENT_DAMAGED;
    }
    uint32_t tag = referred_tag(event->kind);
    if (tag == 0 || event_chunk_at(trace, starts, event->value, tag)) {
        return EVENT_SOUND;
    }
    bool into_the_tail = trace->torn_bytes != 0 && event->value >= starts->end;
    return into_the_tail ? EVENT_TORN : EVENT_DAMAGED;
}

/* End the trace before this event: it, or what it refers to, was lost with the tail. */
static void cut_before(struct event_trace *trace, size_t run, uint32_t at)
{
    trace->runs[run].count = at;
    trace->run_count = at == 0 ? run : run + 1;
    trace->event_count = trace->runs[run].first + at;
}

static bool check_events(struct event_trace *trace, const struct chunk_starts *starts, char *error)
{
    for (size_t run = 0; run < trace->run_count; run++) {
        for (uint32_t at = 0; at < trace->runs[run].count; at++) {
            switch (check_event(trace, starts, &trace->runs[run].events[at])) {
            case EVENT_SOUND:
                break;
            case EVENT_TORN:
                cut_before(trace, run, at);
                return true;
            case EVENT_DAMAGED:
            default:
                snprintf(error, EVENT_ERROR_TEXT,
                         "damaged trace: event %" PRIu64 " contradicts the file",
                         trace->runs[run].first + at);
                return false;
            }
        }
    }
    return true;
}

static bool take_chunks(struct event_trace *trace, uint64_t used, char *error)
{
    struct chunk_starts starts = {0};
    uint64_t offset = 0;
    bool taken = false;
    switch (event_chunks_take(trace, used, &starts, &offset)) {
    case CHUNK_TAKEN:
        taken = check_events(trace, &starts, error);
        break;
    case CHUNK_NO_MEMORY:
        taken = refuse(error, "out of memory");
        break;
    default:
        snprintf(error, EVENT_ERROR_TEXT,
                 "damaged trace: the chunk at offset %" PRIu64 " contradicts itself", offset);
        break;
    }
    free(starts.bits);
    return taken;
}

bool event_trace_parse(struct event_trace *trace, const uint8_t *data, size_t size,
                       char error[static EVENT_ERROR_TEXT])
{
    *trace = (struct event_trace){.data = data, .size = size};
    uint64_t used = 0;
    if (htole16(1) != 1) {
        return refuse(error, "event traces are read on little-endian hosts only");
    }
    if (take_header(trace, &used, error) && take_chunks(trace, used, error)) {
        return true;
    }
    event_trace_close(trace);
    return false;
}

bool event_trace_open(struct event_trace *trace, const char *path,
                      char error[static EVENT_ERROR_TEXT])
{
    *trace = (struct event_trace){0};
    size_t size = 0;
    const uint8_t *data = trace_input_map(path, &size, error);
    if (data == NULL) {
        return false;
    }
    if (!event_trace_parse(trace, data, size, error)) {
        trace_input_unmap(data, size);
        return false;
    }
    trace->mapped = true;
    return true;
}

void event_trace_close(struct event_trace *trace)
{
    free(trace->runs);
    free(trace->codes);
    if (trace->mapped) {
        trace_input_unmap(trace->data, trace->size);
    }
    *trace = (struct event_trace){0};
}

struct event_cursor event_trace_begin(const struct event_trace *trace)
{
    return (struct event_cursor){.trace = trace};
}

const struct trace_event *event_next(struct event_cursor *cursor)
{
    if (cursor->run == cursor->trace->run_count) {
        return NULL;
    }
    const struct event_run *run = &cursor->trace->runs[cursor->run];
    const struct trace_event *event = &run->events[cursor->at];
    cursor->number++;
    if (++cursor->at == run->count) {
        cursor->at = 0;
        cursor->run++;
    }
    return event;
}

const struct trace_event *event_at(const struct event_trace *trace, uint64_t number)
{
    size_t low = 0;
    size_t high = trace->run_count;
    while (high - low > 1) { /* runs[low].first <= number < runs[high].first */
        size_t middle = low + (high - low) / 2;
        if (trace->runs[middle].first <= number) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return &trace->runs[low].events[number - trace->runs[low].first];
}

static const void *referred(const struct event_trace *trace, const struct trace_event *event,
                            uint32_t tag)
{
    return referred_tag(event->kind) == tag ? trace->data + event->value : NULL;
}

const struct trace_code *event_code(const struct event_trace *trace,
                                    const struct trace_event *event)
{
    return referred(trace, event, TRACE_CODE);
}

const struct trace_frame *event_frame(const struct event_trace *trace,
                                      const struct trace_event *event)
{
    return referred(trace, event, TRACE_FRAME);
}

const struct trace_written *event_writer(const struct event_trace *trace,
                                         const struct trace_event *event)
{
    const struct trace_writer_note *note = referred(trace, event, TRACE_WRITER);
    return note == NULL ? NULL : &note->written;
}

bool event_trace_opcode(const struct event_trace *trace, uint64_t pc, uint32_t *opcode)
{
    for (size_t i = 0; i < trace->code_count; i++) {
        const struct trace_code *code = (const void *)(trace->data + trace->codes[i]);
        uint64_t index = (pc - code->vaddr) / sizeof(uint32_t);
        if (pc >= code->vaddr && pc % sizeof(uint32_t) == 0 && index < code->insns) {
            *opcode = trace_code_opcodes(code)[index];
            return true;
        }
    }
    return false;
}
