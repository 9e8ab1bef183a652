/*
 * Fuzz target: any bytes as an event trace.
 *
 * Held for every input: it is refused with a reason, or all of it can be read (each event by
 * cursor and by number, what each refers to, opcodes by PC) and judged.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "order.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "broken: %s\n", what);
        abort();
    }
}

/* Touch every byte that a reference gives out. */
static uint64_t sum_of(const struct event_trace *trace, const struct trace_event *event)
{
    const struct trace_code *code = event_code(trace, event);
    const struct trace_frame *frame = event_frame(trace, event);
    const struct trace_written *writer = event_writer(trace, event);
    uint64_t sum = writer == NULL ? 0 : writer->pc;
    for (uint32_t i = 0; code != NULL && i < code->insns; i++) {
        sum += trace_code_opcodes(code)[i];
    }
    for (uint32_t i = 0; frame != NULL && i < frame->size / sizeof(uint64_t); i++) {
        sum += trace_frame_words(frame)[i];
    }
    return sum;
}

static void read_all(const struct event_trace *trace)
{
    struct event_cursor cursor = event_trace_begin(trace);
    const struct trace_event *event;
    uint64_t sum = 0;
    uint64_t count = 0;
    while ((event = event_next(&cursor)) != NULL) {
        uint32_t opcode = 0;
        must(event == event_at(trace, count), "cursor and number give the same event");
        must(event->cpu < trace->cpus, "no event of a CPU that is not there");
        sum += sum_of(trace, event);
        sum += event_trace_opcode(trace, event->pc, &opcode) ? opcode : 0;
        count++;
    }
    must(count == trace->event_count && cursor.number == count, "the events are as many as told");
    must(sum != 1 || count != 0, "nothing is the sum of no events");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char error[ORDER_TEXT] = "";
    struct event_trace trace;
    struct order_result result;
    uint8_t *copy = malloc(size + 1); /* aligned, and of its own size for the sanitizer */
    must(copy != NULL, "memory");
    memcpy(copy, data, size);
    if (!event_trace_parse(&trace, copy, size, error)) {
        must(error[0] != '\0', "a refusal has a reason");
        free(copy);
        return 0;
    }
    read_all(&trace);
    const struct order_settings settings = {.finding_limit = 16};
    must(order_check(&trace, &settings, &result, error), "memory");
    must(result.events == trace.event_count, "every event was judged");
    must(result.finding_count <= settings.finding_limit, "no more findings than asked for");
    order_result_free(&result);
    event_trace_close(&trace);
    free(copy);
    return 0;
}
