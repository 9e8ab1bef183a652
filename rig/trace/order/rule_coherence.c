/*
 * mmu-off-coherence: what was written past the caches is not read out of a stale line of them.
 * DDI 0487, B2.11 "Mismatched memory attributes": the writes with caches off are to another
 * cacheability than the reads; a clean line from before has to be invalidated between.
 *
 * D7.5.9.15 "Ordering and completion of data and instruction cache instructions": only a DMB or DSB
 * orders stores to Device or Non-cacheable memory before the maintenance of their line, and only a
 * DSB of the CPU that did the maintenance completes it; each of loads and stores. For the reads of
 * that CPU and its walker a DSB NSH will do.
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

/* How far the sequence of store, barrier, DC, DSB came. */
enum step { NO_DC, NO_BARRIER, NO_DSB, WHOLE };

static enum step chain_on(const struct cpu_history *cpu, const struct order_end *write,
                          uint64_t barrier, uint64_t line)
{
    if (history_dc(cpu, write->event, line, A64_DC_INVALIDATE, true) == HISTORY_NEVER) {
        return NO_DC;
    }
    uint64_t dc = barrier == HISTORY_NEVER
                      ? HISTORY_NEVER
                      : history_dc(cpu, barrier, line, A64_DC_INVALIDATE, true);
    if (dc == HISTORY_NEVER) {
        return NO_BARRIER;
    }
    return history_dsb(cpu, dc, A64_NSH, true) == HISTORY_NEVER ? NO_DSB : WHOLE;
}

/* By any CPU: invalidation by address to the PoC reaches all, and set/way is counted for all. */
static enum step chain(const struct machine *machine, const struct order_end *write, uint64_t line)
{
    uint64_t barrier = history_barrier(&machine->cpus[write->cpu].history, write->event);
    enum step best = NO_DC;
    for (uint32_t i = 0; i < machine->cpu_count; i++) {
        enum step own = chain_on(&machine->cpus[i].history, write, barrier, line);
        best = own > best ? own : best;
    }
    return best;
}

static void put_texts(struct finding_text *text, enum step step, uint64_t pa, const char *reader)
{
    static const struct {
        const char *missing, *why, *fix;
    } WORDS[] = {
        [NO_DC] =
            {"DC that invalidates the line between the store with caches off",
             "the store went to memory; a clean line that was in a cache before it still "
             "holds the old content",
             "put DC IVAC over what was stored, then DSB SY, before the caches are turned on"},
        [NO_BARRIER] =
            {"DMB or DSB (of loads and stores) between the store with caches off and the "
             "DC of its line, before",
             "the DC may be done before the store, and the line be fetched again with "
             "the old content",
             "put DMB SY between the stores and the DCs"},
        [NO_DSB] =
            {"DSB (of loads and stores) between the DC of the line stored to with caches off",
             "the DC need not be done yet, and the line still hold the old content",
             "put DSB SY behind the DCs, before the caches are turned on"},
    };
    const char *joint = step == NO_BARRIER ? "" : " and";
    snprintf(text->missing, ORDER_TEXT, "no %s%s the read by %s with caches on",
             WORDS[step].missing, joint, reader);
    snprintf(text->detail, ORDER_TEXT, "line at PA 0x%" PRIx64 ": %s", pa / LINE_BYTES * LINE_BYTES,
             WORDS[step].why);
    snprintf(text->fix, ORDER_TEXT, "%s", WORDS[step].fix);
}

static bool judge(struct rule *rule, const struct trace_event *event, const struct order_end *write,
                  uint64_t pa, const char *reader)
{
    rule->consumers++;
    enum step step = chain(rule->machine, write, pa / LINE_BYTES);
    if (step == WHOLE) {
        return true;
    }
    struct order_end consumer = order_end_of(event, rule->machine->now);
    struct finding_text text;
    put_texts(&text, step, pa, reader);
    return rule_report_group(rule, ORDER_NOTE, write, &consumer, &text, step);
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
            .section = "DDI 0487, B2.11 \"Mismatched memory attributes\"; D7.5.9.15 \"Ordering and "
                       "completion of data and instruction cache instructions\"",
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
