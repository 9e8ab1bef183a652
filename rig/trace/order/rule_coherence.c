/*
 * mmu-off-coherence: what was written past the caches is not read out of a stale line of them.
 * DDI 0487, B2.11 "Mismatched memory attributes": the writes with caches off are to another
 * cacheability than the reads; a clean line from before has to be invalidated between.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "rule.h"
#include "words.h"

enum { LINE_BYTES = 64 };

struct state {
    struct words
        *frames; /* of each CPU: tables it made reachable, by address; written caches off */
};

/* By any CPU: invalidation by address to the PoC reaches all, and set/way is counted for all. */
static bool invalidated(const struct machine *machine, uint64_t time, uint64_t line)
{
    for (uint32_t i = 0; i < machine->cpu_count; i++) {
        if (history_dc(&machine->cpus[i].history, time, line, A64_DC_INVALIDATE, true) !=
            HISTORY_NEVER) {
            return true;
        }
    }
    return false;
}

static bool judge(struct rule *rule, const struct trace_event *event, const struct order_end *write,
                  uint64_t pa, const char *reader)
{
    rule->consumers++;
    if (invalidated(rule->machine, write->event, pa / LINE_BYTES)) {
        return true;
    }
    struct order_end consumer = order_end_of(event, rule->machine->now);
    struct finding_text text;
    snprintf(text.missing, ORDER_TEXT,
             "no DC that invalidates the line between the store with caches off and the read by %s "
             "with caches on",
             reader);
    snprintf(text.detail, ORDER_TEXT,
             "line at PA 0x%" PRIx64 ": the store went to memory; a clean line that was in a cache "
             "before it still holds the old content",
             pa / LINE_BYTES * LINE_BYTES);
    snprintf(text.fix, ORDER_TEXT,
             "put DC IVAC over what was stored, then DSB SY, before the caches are turned on");
    return rule_report_group(rule, ORDER_NOTE, write, &consumer, &text, 0);
}

static bool on_read(struct rule *rule, const struct trace_event *event)
{
    const struct trace_written *written = event_writer(rule->machine->trace, event);
    if (written == NULL || (written->flags & TRACE_EVENT_VALUE) == 0) {
        return true;
    }
    struct order_end write = order_end_of_writer(written);
    rule->subjects++;
    return judge(rule, event, &write, event->pa == TRACE_UNKNOWN_ADDRESS ? written->pa : event->pa,
                 "the CPU");
}

static bool on_frame(struct rule *rule, const struct trace_event *event)
{
    struct state *state = rule->state;
    const struct trace_written *written = &event_frame(rule->machine->trace, event)->written_off;
    if ((written->flags & TRACE_EVENT_VALUE) == 0) {
        return true;
    }
    if (state->frames == NULL) {
        state->frames = calloc(rule->machine->cpu_count, sizeof(state->frames[0]));
    }
    struct table_word *item =
        state->frames == NULL ? NULL : words_put(&state->frames[event->cpu], event->pa);
    if (item == NULL) {
        return false;
    }
    item->store = order_end_of_writer(written);
    item->after = written->pa;
    rule->subjects++;
    return true;
}

static void on_frame_gone(struct rule *rule, const struct trace_event *event)
{
    const struct state *state = rule->state;
    for (uint32_t i = 0; state->frames != NULL && i < rule->machine->cpu_count; i++) {
        struct table_word *item = words_find(&state->frames[i], event->pa);
        if (item != NULL) {
            words_remove(&state->frames[i], item);
        }
    }
}

static bool coherence_event(struct rule *rule, const struct trace_event *event)
{
    switch (event->kind) {
    case TRACE_EVENT_OFF_READ:
        return on_read(rule, event);
    case TRACE_EVENT_FRAME:
        return on_frame(rule, event);
    default:
        on_frame_gone(rule, event);
        return true;
    }
}

/* The walker reads through the caches as TCR_EL1.IRGNn and ORGNn say, from the first CSE on. */
static bool coherence_cse(struct rule *rule, const struct trace_event *event)
{
    const struct state *state = rule->state;
    if (state->frames == NULL || !machine_caches_on(&rule->machine->cpus[event->cpu])) {
        return true;
    }
    struct words *frames = &state->frames[event->cpu];
    while (frames->count > 0) {
        struct table_word *frame = &frames->items[frames->count - 1];
        if (!judge(rule, event, &frame->store, frame->after, "the table walker")) {
            return false;
        }
        words_remove(frames, frame);
    }
    return true;
}

static void coherence_free(struct rule *rule)
{
    struct state *state = rule->state;
    for (uint32_t i = 0; state->frames != NULL && i < rule->machine->cpu_count; i++) {
        words_free(&state->frames[i]);
    }
    free(state->frames);
}

const struct rule_module RULE_MMU_OFF_COHERENCE = {
    .info =
        {
            .id = "mmu-off-coherence",
            .title = "memory written with caches off is not read through a stale line",
            .section = "DDI 0487, B2.11 Mismatched memory attributes",
            .level = ORDER_NOTE,
        },
    .needs = TRACE_STORES,
    .kinds = RULE_KIND(TRACE_EVENT_OFF_READ) | RULE_KIND(TRACE_EVENT_FRAME) |
             RULE_KIND(TRACE_EVENT_FRAME_GONE),
    .state_size = sizeof(struct state),
    .event = coherence_event,
    .cse = coherence_cse,
    .free = coherence_free,
};
