/*
 * break-before-make: between two valid descriptors that must not be held by a TLB together there is
 * an invalid one, a DSB, a TLBI and a DSB. DDI 0487, D8.17.1, RWHZWS (what asks for it) and RDDMVT
 * (the steps).
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bbm_change.h"
#include "live.h"
#include "rule.h"
#include "tlbi_match.h"

/* Words are looked through for those that are finished when there are so many. */
enum { SWEEP_COUNT = 64 };

/* A live table descriptor was changed to another one: what the old one led to. */
struct swap {
    uint64_t *words; /* NULL: nothing to compare */
    uint32_t size;
    uint64_t child; /* the new table */
    unsigned int level;
    struct order_end store;
};

struct state {
    struct words broken; /* words made invalid; `before` is what they held */
    struct swap swap;
};

/* The store of the new descriptor is both ends: it comes too early, and nothing else has to. */
static bool report(struct rule *rule, const struct bbm_change *change, const struct order_end *make,
                   const char *missing, const char *detail)
{
    struct finding_text text;
    snprintf(text.missing, ORDER_TEXT, "%s", missing);
    snprintf(text.detail, ORDER_TEXT, "%s%s", detail,
             change->need == BBM_ADVISED
                 ? "; both are read-only: allowed if both places hold the same"
                 : "");
    snprintf(text.fix, ORDER_TEXT,
             "make the descriptor invalid; DSB ISHST; TLBI for its range; DSB ISH; then store the "
             "new one");
    return rule_report(rule, change->need == BBM_NEEDED ? ORDER_ERROR : ORDER_NOTE, make, make,
                       &text);
}

/* What of invalid, DSB, TLBI, DSB is missing; NULL when all is there. */
static const char *missing_step(const struct rule *rule, const struct table_word *word)
{
    if (!word->tlbi_seen) {
        return word->tlbi_early
                   ? "no DSB between the store of the invalid descriptor and the TLBI for it"
                   : "no TLBI for it between the invalid descriptor and the new valid one";
    }
    const struct cpu_history *history = &rule->machine->cpus[word->tlbi.cpu].history;
    if (history_dsb(history, word->tlbi.event, word->domain, true) == HISTORY_NEVER) {
        return "no DSB of the TLBI's domain, for loads and stores, between the TLBI and the new "
               "valid descriptor";
    }
    return NULL;
}

/* The word becomes valid: `before` is what a TLB may still hold, `broken` its invalid time, if any.
 */
static bool judge(struct rule *rule, const struct trace_event *event,
                  const struct live_store *store, uint64_t before, const struct table_word *broken)
{
    const struct machine_cpu *cpu = &rule->machine->cpus[event->cpu];
    struct bbm_change change =
        bbm_change_of(rule->machine, cpu, store->frame->level, before, store->after);
    if (change.need == BBM_NONE) {
        return true;
    }
    rule->consumers++;
    const char *missing =
        broken != NULL ? missing_step(rule, broken)
                       : "no invalid descriptor, DSB, TLBI and DSB between two valid descriptors";
    if (missing == NULL) {
        return true;
    }
    struct table_word word = {.pa = store->pa, .level = store->frame->level};
    char where[ORDER_TEXT / 2];
    char detail[ORDER_TEXT];
    struct order_end end = order_end_of(event, rule->machine->now);
    live_text(rule->machine, cpu, &word, where, sizeof(where));
    int used = snprintf(detail, sizeof(detail),
                        "%s went from 0x%" PRIx64 " to 0x%" PRIx64 ", which changes %s", where,
                        before, store->after, change.what);
    if (broken != NULL && used > 0 && (size_t)used < sizeof(detail)) {
        snprintf(detail + used, sizeof(detail) - (size_t)used, "; made invalid at PC 0x%" PRIx64,
                 broken->store.pc);
    }
    return report(rule, &change, &end, missing, detail);
}

static void swap_clear(struct swap *swap)
{
    free(swap->words);
    *swap = (struct swap){0};
}

/* The two tables are known: the first pair of valid descriptors that must not meet. */
static bool swap_judge(struct rule *rule, const struct swap *swap, const struct table_frame *frame)
{
    const struct machine_cpu *cpu = &rule->machine->cpus[swap->store.cpu];
    uint32_t size = swap->size < frame->size ? swap->size : frame->size;
    for (uint32_t i = 0; i < size / sizeof(uint64_t); i++) {
        struct bbm_change change =
            bbm_change_of(rule->machine, cpu, swap->level, swap->words[i], frame->words[i]);
        if (change.need != BBM_NONE) {
            char detail[ORDER_TEXT];
            snprintf(detail, sizeof(detail),
                     "word %" PRIu32 " of the level %u table: 0x%" PRIx64
                     " by the old table, 0x%" PRIx64 " by the new one at PA 0x%" PRIx64
                     ", which changes %s",
                     i, swap->level, swap->words[i], frame->words[i], frame->pa, change.what);
            rule->consumers++;
            return report(rule, &change, &swap->store,
                          "no invalid descriptor, DSB, TLBI and DSB between two table descriptors "
                          "that lead to different translations",
                          detail);
        }
    }
    return true;
}

/* A table for another: equal if what they lead to is. The new one may be told only by the next
 * FRAME, and the old one be forgotten by then. */
static bool swap_begin(struct rule *rule, const struct trace_event *event,
                       const struct live_store *store)
{
    const uint64_t next_table = UINT64_C(0xfffffffff000);
    struct state *state = rule->state;
    const struct tables *tables = &rule->machine->tables;
    const struct table_frame *old_frame = tables_find(tables, store->before & next_table);
    const struct table_frame *new_frame = tables_find(tables, store->after & next_table);
    if (old_frame == NULL || old_frame->pa != (store->before & next_table) ||
        old_frame == new_frame) {
        return true;
    }
    swap_clear(&state->swap);
    state->swap = (struct swap){
        .words = malloc(old_frame->size),
        .size = old_frame->size,
        .child = store->after & next_table,
        .level = old_frame->level,
        .store = order_end_of(event, rule->machine->now),
    };
    if (state->swap.words == NULL) {
        return false;
    }
    memcpy(state->swap.words, old_frame->words, old_frame->size);
    bool kept = true;
    if (new_frame != NULL && new_frame->pa == state->swap.child) {
        kept = swap_judge(rule, &state->swap, new_frame);
        swap_clear(&state->swap);
    }
    return kept;
}

static bool on_store(struct rule *rule, const struct trace_event *event)
{
    struct state *state = rule->state;
    struct live_store store;
    if (!live_store(rule->machine, event, &store)) {
        return true;
    }
    struct table_word *word = words_find(&state->broken, store.pa);
    if (store.is == LIVE_INVALID) {
        rule->subjects += store.was != LIVE_INVALID;
        return store.was == LIVE_INVALID ||
               live_remember(&state->broken, &store, event, rule->machine->now) != NULL;
    }
    bool kept = true;
    if (store.was != LIVE_INVALID) {
        rule->subjects++;
        kept = judge(rule, event, &store, store.before, NULL);
    } else if (word != NULL && live_still(rule->machine, word)) {
        kept = judge(rule, event, &store, word->before, word);
    }
    if (word != NULL) {
        words_remove(&state->broken, word);
    }
    if (kept && store.was == LIVE_TABLE && store.is == LIVE_TABLE) {
        kept = swap_begin(rule, event, &store);
    }
    return kept;
}

/* Nothing can be missing any more, or the table is no longer walked. */
static bool finished(const struct rule *rule, const struct table_word *word)
{
    return !live_still(rule->machine, word) ||
           (word->tlbi_seen && missing_step(rule, word) == NULL);
}

/* A range is compared with every word. */
static void sweep(const struct rule *rule, struct words *broken)
{
    for (size_t i = broken->count > SWEEP_COUNT ? broken->count : 0; i > 0; i--) {
        if (finished(rule, &broken->items[i - 1])) {
            words_remove(broken, &broken->items[i - 1]);
        }
    }
}

static void on_tlbi(struct rule *rule, const struct trace_event *event)
{
    struct state *state = rule->state;
    const struct machine *machine = rule->machine;
    struct tlbi_target target;
    struct table_word *word;
    size_t cursor = SIZE_MAX;
    if (state->broken.count == 0 || !tlbi_target_of(rule->machine, event, &target)) {
        return;
    }
    if (target.op.scope == A64_TLBI_RANGE) {
        sweep(rule, &state->broken);
    }
    while ((word = tlbi_next(machine, &machine->cpus[event->cpu], &target, &state->broken,
                             &cursor)) != NULL) {
        if (finished(rule, word)) {
            words_remove(&state->broken, word);
            continue;
        }
        if (word->tlbi_seen) {
            continue;
        }
        bool ordered = history_dsb(&machine->cpus[word->store.cpu].history, word->store.event,
                                   target.op.domain, false) != HISTORY_NEVER;
        word->tlbi_seen = ordered;
        word->tlbi_early = !ordered;
        word->tlbi = order_end_of(event, machine->now);
        word->domain = target.op.domain;
    }
}

static bool bbm_event(struct rule *rule, const struct trace_event *event)
{
    struct state *state = rule->state;
    if (event->kind == TRACE_EVENT_STORE) {
        return on_store(rule, event);
    }
    if (event->kind == TRACE_EVENT_INSN) {
        if (a64_class(event->opcode) == A64_TLBI) {
            on_tlbi(rule, event);
        }
        return true;
    }
    bool kept = true;
    if (state->swap.words != NULL && event->pa == state->swap.child) {
        const struct table_frame *frame = tables_find(&rule->machine->tables, event->pa);
        kept = frame == NULL || swap_judge(rule, &state->swap, frame);
        swap_clear(&state->swap);
    }
    return kept;
}

static void bbm_free(struct rule *rule)
{
    struct state *state = rule->state;
    words_free(&state->broken);
    swap_clear(&state->swap);
}

const struct rule_module RULE_BREAK_BEFORE_MAKE = {
    .info =
        {
            .id = "break-before-make",
            .title = "a live descriptor is invalid, and out of the TLBs, before it becomes a "
                     "different valid one",
            .section = "DDI 0487, D8.17.1 Using break-before-make when updating translation table "
                       "entries",
            .level = ORDER_ERROR,
        },
    .needs = TRACE_STORES,
    .kinds =
        RULE_KIND(TRACE_EVENT_STORE) | RULE_KIND(TRACE_EVENT_INSN) | RULE_KIND(TRACE_EVENT_FRAME),
    .state_size = sizeof(struct state),
    .event = bbm_event,
    .free = bbm_free,
};
