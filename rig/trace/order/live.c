#include "live.h"

#include <inttypes.h>
#include <stdio.h>

#include "va_range.h"

enum { LAST_LEVEL = 3, SWEEP_COUNT = 64 };

enum live_kind live_kind(unsigned int level, uint64_t descriptor)
{
    bool bit1 = (descriptor & 2) != 0;
    if ((descriptor & 1) == 0) {
        return LIVE_INVALID;
    }
    if (level == LAST_LEVEL) {
        return bit1 ? LIVE_LEAF : LIVE_INVALID;
    }
    if (bit1) {
        return LIVE_TABLE;
    }
    return level == 0 ? LIVE_INVALID : LIVE_LEAF;
}

bool live_mmu_on(const struct machine *machine)
{
    for (uint32_t i = 0; i < machine->cpu_count; i++) {
        if (machine_mmu_on(&machine->cpus[i])) {
            return true;
        }
    }
    return false;
}

bool live_store(const struct machine *machine, const struct trace_event *event,
                struct live_store *store)
{
    const uint8_t flags = TRACE_EVENT_TABLE | TRACE_EVENT_VALUE;
    if (event->kind != TRACE_EVENT_STORE || (event->flags & flags) != flags) {
        return false;
    }
    const struct table_frame *frame = tables_find(&machine->tables, event->pa);
    if (frame == NULL || !live_mmu_on(machine)) {
        return false;
    }
    uint64_t before = frame->words[(event->pa - frame->pa) / sizeof(before)];
    *store = (struct live_store){
        .frame = frame,
        .pa = event->pa,
        .before = before,
        .after = event->value,
        .was = live_kind(frame->level, before),
        .is = live_kind(frame->level, event->value),
    };
    return before != event->value;
}

struct table_word *live_remember(struct words *words, const struct live_store *store,
                                 const struct trace_event *event, uint64_t now)
{
    struct table_word *word = words_put(words, store->pa);
    if (word != NULL) {
        *word = (struct table_word){
            .pa = store->pa,
            .before = store->before,
            .after = store->after,
            .since = store->frame->since,
            .store = order_end_of(event, now),
            .level = store->frame->level,
            .upper = store->frame->upper != 0,
        };
    }
    return word;
}

bool live_still(const struct machine *machine, const struct table_word *word)
{
    const struct table_frame *frame = tables_find(&machine->tables, word->pa);
    return frame != NULL && frame->since == word->since;
}

void live_sweep(const struct machine *machine, struct words *words)
{
    for (size_t i = words->count > SWEEP_COUNT ? words->count : 0; i > 0; i--) {
        if (!live_still(machine, &words->items[i - 1])) {
            words_remove(words, &words->items[i - 1]);
        }
    }
}

void live_text(const struct machine *machine, const struct machine_cpu *cpu,
               const struct table_word *word, char *text, size_t size)
{
    const struct table_frame *frame = tables_find(&machine->tables, word->pa);
    struct va_range range;
    if (frame == NULL) {
        snprintf(text, size, "the word at PA 0x%" PRIx64 " (level %u)", word->pa, word->level);
        return;
    }
    uint64_t index = (word->pa - frame->pa) / sizeof(uint64_t);
    if (va_range_of(machine, cpu, word->pa, &range)) {
        snprintf(text, size,
                 "word %" PRIu64 " of the level %u table at PA 0x%" PRIx64 " (VA 0x%" PRIx64
                 " to 0x%" PRIx64 ")",
                 index, word->level, frame->pa, range.first, range.last);
        return;
    }
    snprintf(text, size, "word %" PRIu64 " of the level %u table at PA 0x%" PRIx64, index,
             word->level, frame->pa);
}
