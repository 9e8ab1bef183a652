/* store-before-tlbi: a descriptor's store is complete before the TLBI that removes the old one. */
#include <inttypes.h>
#include <stdio.h>

#include "live.h"
#include "rule.h"
#include "tlbi_match.h"

/* Words of older stores are looked through for those that are complete when there are so many. */
enum { SWEEP_COUNT = 64 };

struct state {
    struct words words; /* stores that no TLBI has followed */
};

/* DDI 0487, D8.17.1: "a DSB instruction to ensure the invalid entry is visible" comes before the
 * TLBI; its domain has to reach the CPUs that the TLBI reaches. */
static bool complete(const struct rule *rule, const struct table_word *word, enum a64_domain domain)
{
    return history_dsb(&rule->machine->cpus[word->store.cpu].history, word->store.event, domain,
                       false) != HISTORY_NEVER;
}

static bool on_store(struct rule *rule, const struct trace_event *event)
{
    struct state *state = rule->state;
    struct live_store store;
    if (!live_store(rule->machine, event, &store) || store.was == LIVE_INVALID) {
        return true;
    }
    rule->subjects++;
    return live_remember(&state->words, &store, event, rule->machine->now) != NULL;
}

static bool report(struct rule *rule, const struct trace_event *event,
                   const struct tlbi_target *target, const struct table_word *word)
{
    struct order_end consumer = order_end_of(event, rule->machine->now);
    struct finding_text text;
    char where[ORDER_TEXT / 2];
    const char *domain = tlbi_domain_name(target->op.domain);
    live_text(rule->machine, &rule->machine->cpus[event->cpu], word, where, sizeof(where));
    if (!target->everywhere) {
        consumer.address = target->first;
        consumer.has_address = true;
    }
    snprintf(text.missing, ORDER_TEXT,
             "no DSB that orders stores in the %s domain between the store to a live descriptor "
             "and the TLBI%s",
             domain,
             target->operand_unknown ? " (operand unknown: it may be for another one)" : "");
    snprintf(text.detail, ORDER_TEXT,
             "%s was 0x%" PRIx64 " and became 0x%" PRIx64
             "; the TLBI may be done first, and a walk behind it fetch the old one again",
             where, word->before, word->after);
    snprintf(text.fix, ORDER_TEXT, "put DSB %sST between the store and the TLBI", domain);
    return rule_report(rule, target->operand_unknown ? ORDER_NOTE : ORDER_ERROR, &word->store,
                       &consumer, &text);
}

/* A range is compared with every word: forget those that no TLBI within the Inner Shareable domain
 * can come too early for. */
static void sweep(struct rule *rule, struct words *words)
{
    for (size_t i = words->count; i > 0; i--) {
        if (complete(rule, &words->items[i - 1], A64_ISH)) {
            words_remove(words, &words->items[i - 1]);
        }
    }
}

static bool on_tlbi(struct rule *rule, const struct trace_event *event)
{
    struct state *state = rule->state;
    struct machine *machine = rule->machine;
    const struct machine_cpu *cpu = &machine->cpus[event->cpu];
    struct tlbi_target target;
    struct table_word *word;
    size_t cursor = SIZE_MAX;
    if (state->words.count == 0 || !tlbi_target_of(machine, event, &target)) {
        return true;
    }
    if (target.op.scope == A64_TLBI_RANGE && state->words.count > SWEEP_COUNT) {
        sweep(rule, &state->words);
    }
    while ((word = tlbi_next(machine, cpu, &target, &state->words, &cursor)) != NULL) {
        if (word->store.cpu != event->cpu) {
            continue; /* ordered with the other CPU by means that are not seen here */
        }
        rule->consumers++;
        if (!complete(rule, word, target.op.domain) && !report(rule, event, &target, word)) {
            return false;
        }
        words_remove(&state->words, word);
    }
    return true;
}

static bool store_tlbi_event(struct rule *rule, const struct trace_event *event)
{
    if (event->kind == TRACE_EVENT_STORE) {
        return on_store(rule, event);
    }
    return a64_class(event->opcode) != A64_TLBI || on_tlbi(rule, event);
}

static void store_tlbi_free(struct rule *rule)
{
    struct state *state = rule->state;
    words_free(&state->words);
}

const struct rule_module RULE_STORE_BEFORE_TLBI = {
    .info =
        {
            .id = "store-before-tlbi",
            .title = "a store to a live descriptor is complete before the TLBI for it",
            .section = "DDI 0487, D8.17.1 Using break-before-make when updating translation table "
                       "entries",
            .level = ORDER_ERROR,
        },
    .needs = TRACE_STORES,
    .kinds = RULE_KIND(TRACE_EVENT_STORE) | RULE_KIND(TRACE_EVENT_INSN),
    .state_size = sizeof(struct state),
    .event = store_tlbi_event,
    .free = store_tlbi_free,
};
