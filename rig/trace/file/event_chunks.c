#include "event_chunks.h"

#include <stdlib.h>

enum { WORD_BITS = 64, FIRST_ROOM = 64, LEVEL_MAX = 3 };

/* The arrays while they grow. */
struct growing {
    size_t runs;
    size_t codes;
};

/* Room for one more item; the array doubles. */
static void *one_more(void *items, size_t count, size_t *room, size_t size)
{
    if (count < *room) {
        return items;
    }
    size_t wanted = *room == 0 ? FIRST_ROOM : *room * 2;
    void *grown = reallocarray(items, wanted, size);
    if (grown != NULL) {
        *room = wanted;
    }
    return grown;
}

static bool writer_is_sound(const struct event_trace *trace, const struct trace_written *written)
{
    return (written->flags & TRACE_EVENT_VALUE) == 0 || written->cpu < trace->cpus;
}

static enum chunk_outcome take_list(struct event_trace *trace, struct growing *growing,
                                    const struct trace_chunk *chunk)
{
    const struct trace_event_list *list = (const struct trace_event_list *)(const void *)chunk;
    if (chunk->size < sizeof(*list) || list->count > list->room ||
        sizeof(*list) + (uint64_t)list->room * sizeof(struct trace_event) > chunk->size) {
        return CHUNK_DAMAGED;
    }
    if (list->count == 0) {
        return CHUNK_TAKEN;
    }
    void *grown = one_more(trace->runs, trace->run_count, &growing->runs, sizeof(trace->runs[0]));
    if (grown == NULL) {
        return CHUNK_NO_MEMORY;
    }
    trace->runs = grown;
    trace->runs[trace->run_count++] = (struct event_run){
        .events = (const struct trace_event *)(const void *)(list + 1),
        .first = trace->event_count,
        .count = list->count,
    };
    trace->event_count += list->count;
    return CHUNK_TAKEN;
}

static enum chunk_outcome take_code(struct event_trace *trace, struct growing *growing,
                                    const struct trace_chunk *chunk)
{
    const struct trace_code *code = (const struct trace_code *)(const void *)chunk;
    if (chunk->size < sizeof(*code) || code->insns == 0 ||
        sizeof(*code) + (uint64_t)code->insns * sizeof(uint32_t) > chunk->size ||
        !writer_is_sound(trace, &code->written)) {
        return CHUNK_DAMAGED;
    }
    void *grown =
        one_more(trace->codes, trace->code_count, &growing->codes, sizeof(trace->codes[0]));
    if (grown == NULL) {
        return CHUNK_NO_MEMORY;
    }
    trace->codes = grown;
    trace->codes[trace->code_count++] = (uint64_t)((const uint8_t *)chunk - trace->data);
    return CHUNK_TAKEN;
}

static enum chunk_outcome take_frame(const struct event_trace *trace,
                                     const struct trace_chunk *chunk)
{
    const struct trace_frame *frame = (const struct trace_frame *)(const void *)chunk;
    bool sound =
        chunk->size >= sizeof(*frame) && frame->size != 0 && frame->size % sizeof(uint64_t) == 0 &&
        frame->pa % sizeof(uint64_t) == 0 && frame->pa + frame->size > frame->pa &&
        sizeof(*frame) + (uint64_t)frame->size <= chunk->size && frame->level <= LEVEL_MAX &&
        frame->upper <= 1 && writer_is_sound(trace, &frame->written) &&
        writer_is_sound(trace, &frame->written_off);
    return sound ? CHUNK_TAKEN : CHUNK_DAMAGED;
}

static enum chunk_outcome take_writer(const struct event_trace *trace,
                                      const struct trace_chunk *chunk)
{
    const struct trace_writer_note *note = (const struct trace_writer_note *)(const void *)chunk;
    bool sound = chunk->size >= sizeof(*note) && writer_is_sound(trace, &note->written);
    return sound ? CHUNK_TAKEN : CHUNK_DAMAGED;
}

static enum chunk_outcome take_one(struct event_trace *trace, struct growing *growing,
                                   const struct trace_chunk *chunk)
{
    switch (chunk->tag) {
    case TRACE_EVENT_LIST:
        return take_list(trace, growing, chunk);
    case TRACE_CODE:
        return take_code(trace, growing, chunk);
    case TRACE_FRAME:
        return take_frame(trace, chunk);
    case TRACE_WRITER:
        return take_writer(trace, chunk);
    default:
        return CHUNK_DAMAGED;
    }
}

/* Take the chunk at `offset`, with `left` bytes up to the end of what is valid. */
static enum chunk_outcome take_chunk(struct event_trace *trace, struct growing *growing,
                                     uint64_t offset, uint64_t left)
{
    if (left < sizeof(struct trace_chunk)) {
        return CHUNK_TORN;
    }
    const struct trace_chunk *chunk = (const void *)(trace->data + offset);
    /* Zeros are what is left of pages that never reached the disk. */
    if (chunk->size > left || (chunk->tag == 0 && chunk->size == 0)) {
        return CHUNK_TORN;
    }
    if (chunk->size < sizeof(*chunk) || chunk->size % sizeof(uint64_t) != 0) {
        return CHUNK_DAMAGED;
    }
    return take_one(trace, growing, chunk);
}

enum chunk_outcome event_chunks_take(struct event_trace *trace, uint64_t used,
                                     struct chunk_starts *starts, uint64_t *offset)
{
    struct growing growing = {0};
    uint64_t end = used < trace->size ? used : trace->size;
    starts->bits = calloc(trace->size / (sizeof(uint64_t) * WORD_BITS) + 1, sizeof(uint64_t));
    if (starts->bits == NULL) {
        return CHUNK_NO_MEMORY;
    }
    *offset = sizeof(struct trace_header);
    while (*offset < end) {
        enum chunk_outcome outcome = take_chunk(trace, &growing, *offset, end - *offset);
        if (outcome == CHUNK_TORN) {
            break;
        }
        if (outcome != CHUNK_TAKEN) {
            return outcome;
        }
        uint64_t word = *offset / sizeof(uint64_t);
        starts->bits[word / WORD_BITS] |= UINT64_C(1) << word % WORD_BITS;
        const struct trace_chunk *chunk = (const void *)(trace->data + *offset);
        *offset += chunk->size;
    }
    starts->end = *offset;
    trace->torn_bytes = used - *offset;
    return CHUNK_TAKEN;
}

bool event_chunk_at(const struct event_trace *trace, const struct chunk_starts *starts,
                    uint64_t offset, uint32_t tag)
{
    if (offset >= starts->end || offset % sizeof(uint64_t) != 0) {
        return false;
    }
    uint64_t word = offset / sizeof(uint64_t);
    if ((starts->bits[word / WORD_BITS] >> word % WORD_BITS & 1) == 0) {
        return false;
    }
    return ((const struct trace_chunk *)(const void *)(trace->data + offset))->tag == tag;
}
