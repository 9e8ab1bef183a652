/* table-before-walk: a store into a translation table is complete before a walker reads it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "live.h"
#include "rule.h"
#include "sysregs.h"
#include "use.h"

enum { HALF_SELECT_BIT = 55 };

struct table_cpu {
    struct words live;   /* words that this CPU made valid while a walker could read them */
    struct words frames; /* tables that it made reachable, by address, written before */
    bool by_store;       /* the last way it made some reachable was a store, not TTBRn */
};

struct state {
    struct table_cpu *cpus;
};

static struct table_cpu *cpu_of(struct rule *rule, uint8_t cpu)
{
    struct state *state = rule->state;
    if (state->cpus == NULL) {
        state->cpus = calloc(rule->machine->cpu_count, sizeof(state->cpus[0]));
    }
    return state->cpus == NULL ? NULL : &state->cpus[cpu];
}

/* The walker is an observer of its own: a DSB by the writer makes its stores visible to it, and to
 * another CPU's only one of the Inner Shareable domain. DDI 0487, D8.2.6.1 "Ordering of memory
 * accesses from translation table walks". */
static uint64_t completed(const struct rule *rule, const struct order_end *store, uint8_t walker)
{
    return history_dsb(&rule->machine->cpus[store->cpu].history, store->event,
                       store->cpu == walker ? A64_NSH : A64_ISH, false);
}

static bool keep_frame(struct rule *rule, struct table_cpu *own, uint64_t pa,
                       const struct order_end *store)
{
    const struct table_frame *frame = tables_find(&rule->machine->tables, pa);
    struct table_word *item = words_put(&own->frames, pa);
    if (item == NULL) {
        return false;
    }
    *item = (struct table_word){
        .pa = pa,
        .store = *store,
        .level = frame == NULL ? 0 : frame->level,
        .upper = frame != NULL && frame->upper != 0,
        .by_store = own->by_store,
    };
    rule->subjects++;
    return true;
}

static bool on_frame(struct rule *rule, const struct trace_event *event, struct table_cpu *own)
{
    const struct trace_frame *frame = event_frame(rule->machine->trace, event);
    if ((frame->written.flags & TRACE_EVENT_VALUE) == 0 ||
        frame->written.cpu >= rule->machine->cpu_count) {
        return true; /* the emulator loaded it */
    }
    const struct order_end store = order_end_of_writer(&frame->written);
    return keep_frame(rule, own, frame->pa, &store);
}

static void on_frame_gone(struct rule *rule, const struct trace_event *event)
{
    const struct state *state = rule->state;
    for (uint32_t i = 0; i < rule->machine->cpu_count; i++) {
        struct table_word *item = words_find(&state->cpus[i].frames, event->pa);
        if (item != NULL) {
            words_remove(&state->cpus[i].frames, item);
        }
    }
}

static bool on_store(struct rule *rule, const struct trace_event *event, struct table_cpu *own)
{
    struct live_store store;
    const struct table_frame *frame = tables_find(&rule->machine->tables, event->pa);
    if ((event->flags & TRACE_EVENT_TABLE) == 0 || frame == NULL) {
        return true;
    }
    own->by_store = true;
    if (!machine_mmu_on(&rule->machine->cpus[event->cpu])) {
        const struct order_end end = order_end_of(event, rule->machine->now);
        own->by_store = false; /* translation has to be turned on first */
        return keep_frame(rule, own, frame->pa, &end);
    }
    if (!live_store(rule->machine, event, &store)) {
        return true;
    }
    struct table_word *word = words_find(&own->live, event->pa);
    if (store.is == LIVE_INVALID) {
        if (word != NULL) {
            words_remove(&own->live, word);
        }
        return true;
    }
    if (store.was != LIVE_INVALID && word == NULL) {
        return true; /* the other rules' business */
    }
    rule->subjects++;
    return live_remember(&own->live, &store, event, rule->machine->now) != NULL;
}

static bool report_use(struct rule *rule, const struct trace_event *event, const struct use *use,
                       const struct table_word *word, bool dsb, bool excusable)
{
    struct order_end consumer = order_end_of(event, rule->machine->now);
    struct finding_text text;
    char where[ORDER_TEXT / 2];
    consumer.address = use->va;
    consumer.has_address = true;
    live_text(rule->machine, &rule->machine->cpus[event->cpu], word, where, sizeof(where));
    snprintf(
        text.missing, ORDER_TEXT,
        dsb ? "a DSB, but no context synchronization event (ISB) behind it, between the store "
              "that made a descriptor valid and the %s of VA 0x%" PRIx64 " through it"
            : "no DSB between the store that made a descriptor valid and the %s of VA 0x%" PRIx64
              " through it",
        use_name(use), use->va);
    snprintf(text.detail, ORDER_TEXT,
             "%s was 0x%" PRIx64 " (invalid) and became 0x%" PRIx64
             "; the walker may still read the old one and fault%s",
             where, word->before, word->after,
             excusable ? "; a handler that takes the fault for spurious can cope" : "");
    snprintf(text.fix, ORDER_TEXT, "put %s",
             dsb ? "an ISB behind the DSB" : "DSB ISHST; ISB behind the store");
    return excusable ? rule_report_group(rule, ORDER_NOTE, &word->store, &consumer, &text, 0)
                     : rule_report(rule, ORDER_ERROR, &word->store, &consumer, &text);
}

/* A page that EL0 may use is mapped late by many kernels, which count on the handler to find the
 * descriptor valid when hardware did not see it in time. A page for EL1 that only lacks UXN is
 * none.
 */
static bool users(const struct use *use, const struct rig_walk_attributes *attr)
{
    return use->el == 0 || attr->el0_read != 0 || attr->el0_write != 0 ||
           (attr->el0_exec != 0 && attr->el1_exec == 0);
}

/* The walker of the event's CPU reads the table: `use` at a use (NULL: at a CSE). */
static bool judge_frame(struct rule *rule, const struct trace_event *event, const struct use *use,
                        const struct table_word *frame, bool excused)
{
    rule->consumers++;
    if (completed(rule, &frame->store, event->cpu) != HISTORY_NEVER) {
        return true;
    }
    struct order_end consumer = order_end_of(event, rule->machine->now);
    struct finding_text text;
    if (use != NULL) {
        consumer.address = use->va;
        consumer.has_address = true;
    }
    snprintf(text.missing, ORDER_TEXT,
             "no DSB%s between the last store into a translation table and the %s",
             frame->store.cpu != event->cpu
                 ? " of the Inner Shareable domain by the CPU that wrote it"
                 : "",
             use != NULL ? "first use of what it maps"
                         : "context synchronization event from which on the CPU may walk it");
    snprintf(text.detail, ORDER_TEXT,
             "level %u table at PA 0x%" PRIx64 ", reached from TTBR%d_EL1 of CPU %u, last written "
             "by CPU %u; the walker may read what was there before",
             frame->level, frame->pa, frame->upper ? 1 : 0, (unsigned int)event->cpu,
             (unsigned int)frame->store.cpu);
    snprintf(text.fix, ORDER_TEXT, "put DSB ISHST behind the stores that fill the table");
    return excused ? rule_report_group(rule, ORDER_NOTE, &frame->store, &consumer, &text, 0)
                   : rule_report(rule, ORDER_ERROR, &frame->store, &consumer, &text);
}

static bool judge_word(struct rule *rule, const struct trace_event *event, const struct use *use,
                       const struct rig_walk_result *walk, struct table_word *word)
{
    const struct machine *machine = rule->machine;
    struct words *live = &cpu_of(rule, event->cpu)->live;
    uint64_t dsb = completed(rule, &word->store, event->cpu);
    bool synchronized = history_cse(&machine->cpus[event->cpu].history, dsb) != HISTORY_NEVER;
    rule->consumers++;
    if (dsb != HISTORY_NEVER && !synchronized && machine->features.ets2 && use->kind != USE_FETCH) {
        return true; /* with FEAT_ETS2 no CSE for data: DDI 0487, D8.2.6.1 */
    }
    bool kept = (dsb != HISTORY_NEVER && synchronized) || !live_still(machine, word) ||
                report_use(rule, event, use, word, dsb != HISTORY_NEVER, users(use, &walk->attr));
    words_remove(live, word);
    return kept;
}

static bool on_use(struct rule *rule, const struct trace_event *event, const struct use *use)
{
    struct machine *machine = rule->machine;
    struct table_cpu *own = cpu_of(rule, event->cpu);
    struct rig_walk_regs regs;
    struct rig_walk_result walk;
    if (!machine_walk_regs(machine, &machine->cpus[event->cpu], use->va, &regs) ||
        !use_walk(machine, &regs, use->va, UINT64_MAX, 0, &walk)) {
        return true;
    }
    for (unsigned int i = 0; i < walk.step_count; i++) {
        uint64_t pa = walk.steps[i].descriptor_pa;
        struct table_word *word = words_find(&own->live, pa);
        if (word != NULL && !judge_word(rule, event, use, &walk, word)) {
            return false;
        }
        const struct table_frame *table = tables_find(&machine->tables, pa);
        struct table_word *frame = table == NULL ? NULL : words_find(&own->frames, table->pa);
        if (frame != NULL) {
            bool kept = judge_frame(rule, event, use, frame, users(use, &walk.attr));
            words_remove(&own->frames, frame);
            if (!kept) {
                return false;
            }
        }
    }
    return true;
}

static bool table_event(struct rule *rule, const struct trace_event *event)
{
    struct table_cpu *own = cpu_of(rule, event->cpu);
    if (own == NULL) {
        return false;
    }
    struct use uses[USES_MAX];
    unsigned int count =
        own->live.count + own->frames.count == 0 ? 0 : uses_of(rule->machine, event, uses);
    for (unsigned int i = 0; i < count; i++) {
        if (!on_use(rule, event, &uses[i])) {
            return false;
        }
    }
    switch (event->kind) {
    case TRACE_EVENT_INSN:
        own->by_store = own->by_store && a64_class(event->opcode) != A64_MSR;
        return true;
    case TRACE_EVENT_STORE:
        return on_store(rule, event, own);
    case TRACE_EVENT_FRAME:
        return on_frame(rule, event, own);
    case TRACE_EVENT_FRAME_GONE:
        on_frame_gone(rule, event);
        return true;
    default:
        return true;
    }
}

/* Whether a write of SCTLR_EL1 that waits for this CSE turned translation on. */
static bool turning_on(const struct machine_cpu *cpu)
{
    for (unsigned int i = 0; i < cpu->pending_count; i++) {
        const struct machine_pending *pending = &cpu->pending[i];
        if (pending->reg == MACHINE_SCTLR_EL1 && pending->before.known &&
            (pending->before.value & SCTLR_EL1_M_BIT) == 0) {
            return true;
        }
    }
    return false;
}

/*
 * A kernel in the high half that installs tables of the low one does not walk them for itself. What
 * a walker can miss of them is a descriptor that became valid, and the handler of a spurious fault
 * copes: Linux installs a task's tables so.
 */
static bool excusable(const struct machine_cpu *cpu, const struct trace_event *event,
                      const struct table_word *frame)
{
    return !turning_on(cpu) && !frame->upper && (event->pc >> HALF_SELECT_BIT & 1) != 0;
}

/* Another regime's code does not walk these tables: DDI 0487, D8.16 "out-of-context". */
static bool walks_after(const struct machine_cpu *cpu, const struct trace_event *event)
{
    bool returns = event->kind == TRACE_EVENT_INSN && a64_class(event->opcode) == A64_ERET;
    return machine_mmu_on(cpu) && (returns || (cpu->el != 2 && cpu->el != 3));
}

static bool table_cse(struct rule *rule, const struct trace_event *event)
{
    struct table_cpu *own = cpu_of(rule, event->cpu);
    if (own == NULL) {
        return false;
    }
    for (size_t i = own->live.count; i > 0; i--) {
        struct table_word *word = &own->live.items[i - 1];
        if (completed(rule, &word->store, event->cpu) != HISTORY_NEVER) {
            words_remove(&own->live, word);
        }
    }
    const struct machine_cpu *cpu = &rule->machine->cpus[event->cpu];
    if (!walks_after(cpu, event)) {
        return true;
    }
    for (size_t i = own->frames.count; i > 0; i--) {
        struct table_word *frame = &own->frames.items[i - 1];
        /* An interrupt may come between the store that links a table and the DSB behind both; no
         * walker sees the table before the link. It is judged by its first use then. */
        frame->interrupted = frame->interrupted || event->kind == TRACE_EVENT_ENTRY;
        if (frame->by_store && frame->interrupted &&
            completed(rule, &frame->store, event->cpu) == HISTORY_NEVER) {
            continue;
        }
        if (!judge_frame(rule, event, NULL, frame, excusable(cpu, event, frame))) {
            return false;
        }
        words_remove(&own->frames, frame);
    }
    return true;
}

static void table_free(struct rule *rule)
{
    struct state *state = rule->state;
    for (uint32_t i = 0; state->cpus != NULL && i < rule->machine->cpu_count; i++) {
        words_free(&state->cpus[i].live);
        words_free(&state->cpus[i].frames);
    }
    free(state->cpus);
}

const struct rule_module RULE_TABLE_BEFORE_WALK = {
    .info =
        {
            .id = "table-before-walk",
            .title = "a store into a translation table is complete before a walker reads it",
            .section =
                "DDI 0487, D8.2.6.1 Ordering of memory accesses from translation table walks",
            .level = ORDER_ERROR,
        },
    .needs = TRACE_STORES,
    .kinds = USE_KINDS | RULE_KIND(TRACE_EVENT_INSN) | RULE_KIND(TRACE_EVENT_FRAME) |
             RULE_KIND(TRACE_EVENT_FRAME_GONE),
    .state_size = sizeof(struct state),
    .event = table_event,
    .cse = table_cse,
    .free = table_free,
};
