/*
 * code-before-execute: between the store of an instruction and its execution the store is made
 * coherent with fetches. DDI 0487, B2.7.4.2 "Synchronization and coherency issues between data and
 * instruction accesses": DC CVAU, DSB, IC IVAU, DSB, and a context synchronization event on the CPU
 * that executes.
 */
#include <inttypes.h>
#include <stdio.h>

#include "rule.h"
#include "sysregs.h"
#include "words.h"

enum { LINE_BYTES = 64, INSN_BYTES = 4, STORE_BYTES = 16, DEFERRED_MAX = 64 };

struct writer {
    struct order_end end;
    uint64_t pa;
    bool caches_off;
    bool over_code; /* the memory held code that had been executed */
    bool beside;    /* to the block's line, but not to the block: whether that was stored, and
                       when, is not known */
};

/* A CPU in the middle of replacing its own code executed some of it. */
struct deferred {
    struct writer writer;
    struct order_end consumer;
};

struct state {
    struct words stores; /* newest store to each word of code; `after`: flags of its event */
    struct deferred deferred[DEFERRED_MAX];
    unsigned int deferred_count;
};

/* Where the chain from the store to the fetch ends too early. */
struct chain {
    const char *missing; /* NULL: complete */
    const char *fix;
    bool only_cse;
};

static uint64_t line_of(const struct writer *writer)
{
    return writer->pa / LINE_BYTES;
}

/* A loader that moves itself executes thousands of blocks that one loop wrote: one finding for each
 * step that is missing behind the writer. The texts are literals. */
static uint64_t group_of(const struct chain *chain)
{
    return (uint64_t)(uintptr_t)chain->missing;
}

static bool report(struct rule *rule, enum order_level level, const struct writer *writer,
                   const struct order_end *consumer, const struct chain *chain, const char *remark)
{
    struct finding_text text;
    snprintf(text.missing, ORDER_TEXT, "%s", chain->missing);
    snprintf(text.detail, ORDER_TEXT,
             "code at VA 0x%" PRIx64 ", line at PA 0x%" PRIx64
             " written by CPU %u with caches %s; CPU %u may execute what was there before%s",
             consumer->pc, line_of(writer) * LINE_BYTES, (unsigned int)writer->end.cpu,
             writer->caches_off ? "off" : "on", (unsigned int)consumer->cpu, remark);
    snprintf(text.fix, ORDER_TEXT, "%s", chain->fix);
    return rule_report_group(rule, level, &writer->end, consumer, &text, group_of(chain));
}

static const struct chain NO_DC = {
    "no DC that cleans the line to the Point of Unification between the store of the instruction "
    "and its execution",
    "put DC CVAU for each line; DSB ISH; IC IVAU for each; DSB ISH; ISB behind the store", false};

/*
 * A patching kernel executes code while it patches it, and either version will do: Linux's ftrace
 * replaces a NOP at the start of the functions that it calls for that. It is told by the
 * maintenance that follows; code that is only executed has none.
 */
static bool settle(struct rule *rule, const struct deferred *deferred)
{
    const struct machine *machine = rule->machine;
    bool followed = false;
    for (uint32_t i = 0; i < machine->cpu_count; i++) {
        const struct cpu_history *history = &machine->cpus[i].history;
        uint64_t t = deferred->consumer.event;
        uint64_t line = line_of(&deferred->writer);
        followed = followed || history_ic(history, t, line) != HISTORY_NEVER ||
                   history_dc(history, t, line, A64_DC_CLEAN, false) != HISTORY_NEVER;
    }
    return report(rule, followed ? ORDER_NOTE : ORDER_ERROR, &deferred->writer, &deferred->consumer,
                  &NO_DC,
                  followed ? " (the maintenance comes later: right if either will do)" : "");
}

/* The word is stored to again: what is deferred for it cannot be settled by what comes now. */
static bool settle_word(struct rule *rule, uint64_t pa)
{
    struct state *state = rule->state;
    bool kept = true;
    for (unsigned int i = state->deferred_count; i > 0; i--) {
        if (state->deferred[i - 1].writer.pa == pa) {
            kept = kept && settle(rule, &state->deferred[i - 1]);
            state->deferred[i - 1] = state->deferred[--state->deferred_count];
        }
    }
    return kept;
}

static bool on_store(struct rule *rule, const struct trace_event *event)
{
    struct state *state = rule->state;
    if ((event->flags & TRACE_EVENT_CODE) == 0) {
        return true;
    }
    struct table_word *word = words_put(&state->stores, event->pa);
    if (word == NULL || !settle_word(rule, event->pa)) {
        return false;
    }
    word->store = order_end_of(event, rule->machine->now);
    word->after = event->flags;
    return true;
}

/*
 * The store that the fetch has to see. A code chunk names the last store to any of its lines, which
 * may be to what lies beside the block; when a store to the block's own words was seen, that one
 * counts instead.
 */
static struct writer writer_of(const struct rule *rule, const struct trace_code *code)
{
    const struct state *state = rule->state;
    uint64_t end = code->paddr + (uint64_t)code->insns * INSN_BYTES;
    struct writer writer = {
        .end = order_end_of_writer(&code->written),
        .pa = code->written.pa,
        .caches_off = (code->written.flags & TRACE_EVENT_CACHES_OFF) != 0,
        .beside = code->written.pa + STORE_BYTES <= code->paddr || code->written.pa >= end,
    };
    const struct table_word *newest = NULL;
    for (uint64_t pa = code->paddr & ~UINT64_C(7); code->paddr != TRACE_UNKNOWN_ADDRESS && pa < end;
         pa += sizeof(uint64_t)) {
        const struct table_word *word = words_find(&state->stores, pa);
        if (word != NULL && (newest == NULL || word->store.event > newest->store.event)) {
            newest = word;
        }
    }
    if (newest != NULL && (writer.beside || newest->store.event >= writer.end.event)) {
        writer = (struct writer){
            .end = newest->store,
            .pa = newest->pa,
            .caches_off = (newest->after & TRACE_EVENT_CACHES_OFF) != 0,
            .over_code = true,
        };
    }
    return writer;
}

/* Shortest way over all CPUs: a maintenance instruction of the line at >= t, then a DSB of the same
 * CPU behind it. A task may go on on another CPU between two steps. */
struct step {
    uint64_t maintenance;
    uint64_t dsb;
};

static struct step clean_step(const struct machine *machine, const struct writer *writer,
                              uint8_t consumer)
{
    struct step step = {HISTORY_NEVER, HISTORY_NEVER};
    for (uint32_t i = 0; i < machine->cpu_count; i++) {
        const struct cpu_history *history = &machine->cpus[i].history;
        uint64_t done =
            history_dc(history, writer->end.event, line_of(writer), A64_DC_CLEAN, false);
        uint64_t dsb = history_dsb(history, done, i == consumer ? A64_NSH : A64_ISH, false);
        step.maintenance = done < step.maintenance ? done : step.maintenance;
        step.dsb = dsb < step.dsb ? dsb : step.dsb;
    }
    return step;
}

/* Complete is an IC by a DSB for loads and stores only: B2.3.1 "Completed IC Effect". */
static struct step invalidate_step(const struct machine *machine, const struct writer *writer,
                                   uint64_t t, uint8_t consumer)
{
    struct step step = {HISTORY_NEVER, HISTORY_NEVER};
    for (uint32_t i = 0; i < machine->cpu_count; i++) {
        const struct cpu_history *history = &machine->cpus[i].history;
        bool own = i == consumer;
        uint64_t done = own ? history_ic(history, t, line_of(writer))
                            : history_ic_broadcast(history, t, line_of(writer));
        uint64_t dsb = history_dsb(history, done, own ? A64_NSH : A64_ISH, true);
        step.maintenance = done < step.maintenance ? done : step.maintenance;
        step.dsb = dsb < step.dsb ? dsb : step.dsb;
    }
    return step;
}

/* The store reaches the Point of Unification; `*t` becomes the time from which it has. */
static struct chain clean(const struct machine *machine, const struct writer *writer,
                          uint8_t consumer, uint64_t *t)
{
    if (machine->features.idc || writer->caches_off) {
        *t = history_dsb(&machine->cpus[writer->end.cpu].history, writer->end.event,
                         writer->end.cpu == consumer ? A64_NSH : A64_ISH, false);
        return *t != HISTORY_NEVER
                   ? (struct chain){0}
                   : (struct chain){"no DSB between the store of the instruction and its execution",
                                    "put DSB ISH; ISB behind the store", false};
    }
    struct step step = clean_step(machine, writer, consumer);
    if (step.maintenance == HISTORY_NEVER) {
        return NO_DC;
    }
    *t = step.dsb;
    bool ic_before =
        step.dsb == HISTORY_NEVER ||
        invalidate_step(machine, writer, step.dsb, consumer).maintenance == HISTORY_NEVER;
    bool ic_behind =
        invalidate_step(machine, writer, step.maintenance, consumer).maintenance != HISTORY_NEVER;
    if (step.dsb == HISTORY_NEVER || (!machine->features.dic && ic_before && ic_behind)) {
        return (struct chain){"no DSB between the DC that cleans the instruction's line and the IC "
                              "of it",
                              "put DSB ISH between the DC and the IC", false};
    }
    return (struct chain){0};
}

static const struct machine_value *sctlr_of(const struct machine_cpu *cpu)
{
    return &cpu->regs[cpu->el == 2 ? MACHINE_SCTLR_EL2 : MACHINE_SCTLR_EL1];
}

static bool needs_ic(const struct machine *machine, const struct machine_cpu *cpu)
{
    const struct machine_value *sctlr = sctlr_of(cpu);
    bool off = sctlr->known && (sctlr->value & SCTLR_EL1_I_BIT) == 0; /* EL2: the same bit */
    return !machine->features.dic && !off;
}

static struct chain chain_of(const struct machine *machine, const struct writer *writer,
                             uint8_t consumer)
{
    const struct machine_cpu *cpu = &machine->cpus[consumer];
    uint64_t t = HISTORY_NEVER;
    struct chain chain = clean(machine, writer, consumer, &t);
    if (chain.missing != NULL) {
        return chain;
    }
    if (needs_ic(machine, cpu)) {
        /* Memory that was written with translation off, and never executed before, is in no
         * instruction cache but for what is there from before the reset (D8.2.12): for that any
         * IC since then is enough. */
        bool fresh = writer->caches_off && !writer->over_code;
        struct step step =
            invalidate_step(machine, writer, fresh ? writer->end.event : t, consumer);
        if (step.maintenance == HISTORY_NEVER) {
            return (struct chain){"no IC of the line behind the DSB that completes the store of "
                                  "the instruction",
                                  "put IC IVAU (or IC IALLU); DSB ISH; ISB behind that DSB", false};
        }
        if (step.dsb == HISTORY_NEVER && !fresh) {
            return (struct chain){"no DSB for loads and stores behind the IC of the instruction's "
                                  "line",
                                  "put DSB ISH; ISB behind the IC", false};
        }
        t = fresh ? t : step.dsb;
    }
    if (history_cse(&cpu->history, t) == HISTORY_NEVER) {
        return (struct chain){"no context synchronization event (ISB) on the CPU that executes the "
                              "instruction behind the DSB",
                              "put an ISB behind the last DSB", true};
    }
    return (struct chain){0};
}

/* B, BL, NOP, ISB, and SVC, HVC, SMC, BRK, which one CPU may store over each other while another
 * executes them and sees either: B2.2.5 "Concurrent modification and execution of instructions". */
static bool may_be_replaced(uint32_t opcode)
{
    bool branch = (opcode & 0x7c000000) == 0x14000000;
    bool exception = (opcode & 0xffe0001c) == 0xd4000000 || (opcode & 0xffe0001f) == 0xd4200000;
    return branch || exception || opcode == 0xd503201f || opcode == 0xd5033fdf;
}

static bool replaces_such(const struct trace_code *code, const struct writer *writer)
{
    const uint32_t *opcodes = trace_code_opcodes(code);
    for (uint32_t i = 0; i < code->insns; i++) {
        uint64_t pa = code->paddr + (uint64_t)i * INSN_BYTES;
        if (pa >= writer->pa && pa < writer->pa + sizeof(uint64_t) &&
            !may_be_replaced(opcodes[i])) {
            return false;
        }
    }
    return true;
}

/*
 * What makes a note of it, NULL for an error. With translation off a PE fetches ahead only in the
 * page it executes and the next one (D8.2.12 "The effects of disabling an address translation
 * stage"), and the store went to memory: new code is at risk from what is still in a store buffer
 * only. U-Boot moves itself so.
 */
static const char *excuse(const struct machine *machine, const struct writer *writer,
                          const struct chain *chain, const struct trace_event *event,
                          const struct trace_code *code)
{
    const struct machine_value *sctlr = sctlr_of(&machine->cpus[event->cpu]);
    bool translating = sctlr->known && (sctlr->value & SCTLR_EL1_M_BIT) != 0;
    if (writer->beside) {
        return " (the store was beside it; whether the code itself was stored is not known)";
    }
    if (writer->caches_off && !writer->over_code && !translating) {
        return " (nothing fetches ahead there with translation off)";
    }
    if (chain->only_cse && writer->end.cpu != event->cpu && replaces_such(code, writer)) {
        return " (another CPU may replace this instruction at any time)";
    }
    return NULL;
}

/* Nothing at all came between a store over code and the execution. */
static bool in_the_middle(const struct machine *machine, const struct writer *writer,
                          const struct chain *chain, uint8_t consumer)
{
    const struct cpu_history *history = &machine->cpus[consumer].history;
    return writer->over_code && chain->missing == NO_DC.missing && writer->end.cpu == consumer &&
           history_dsb(history, writer->end.event, A64_NSH, false) == HISTORY_NEVER &&
           history_cse(history, writer->end.event) == HISTORY_NEVER;
}

static bool on_translate(struct rule *rule, const struct trace_event *event)
{
    struct state *state = rule->state;
    const struct machine *machine = rule->machine;
    const struct trace_code *code = event_code(machine->trace, event);
    if (code == NULL || (code->written.flags & TRACE_EVENT_VALUE) == 0 ||
        code->written.cpu >= machine->cpu_count) {
        return true; /* the emulator loaded it */
    }
    rule->subjects++;
    rule->consumers++;
    struct writer writer = writer_of(rule, code);
    struct chain chain = chain_of(machine, &writer, event->cpu);
    if (chain.missing == NULL) {
        return true;
    }
    struct order_end consumer = order_end_of(event, machine->now);
    if (in_the_middle(machine, &writer, &chain, event->cpu) &&
        state->deferred_count < DEFERRED_MAX) {
        state->deferred[state->deferred_count++] = (struct deferred){writer, consumer};
        return true;
    }
    const char *remark = excuse(machine, &writer, &chain, event, code);
    if (writer.beside && rule_again(rule, ORDER_ERROR, writer.end.pc, group_of(&chain))) {
        return true; /* it is known to store code */
    }
    return report(rule, remark != NULL ? ORDER_NOTE : ORDER_ERROR, &writer, &consumer, &chain,
                  remark != NULL ? remark : "");
}

static bool code_event(struct rule *rule, const struct trace_event *event)
{
    return event->kind == TRACE_EVENT_STORE ? on_store(rule, event) : on_translate(rule, event);
}

static void code_end(struct rule *rule)
{
    const struct state *state = rule->state;
    for (unsigned int i = 0; i < state->deferred_count; i++) {
        (void)settle(rule, &state->deferred[i]);
    }
}

static void code_free(struct rule *rule)
{
    struct state *state = rule->state;
    words_free(&state->stores);
}

const struct rule_module RULE_CODE_BEFORE_EXECUTE = {
    .info =
        {
            .id = "code-before-execute",
            .title = "an instruction that was stored is made coherent with fetches before it "
                     "executes",
            .section = "DDI 0487, B2.7.4.2 Synchronization and coherency issues between data and "
                       "instruction accesses",
            .level = ORDER_ERROR,
        },
    .needs = TRACE_STORES,
    .kinds = RULE_KIND(TRACE_EVENT_STORE) | RULE_KIND(TRACE_EVENT_TRANSLATE),
    .state_size = sizeof(struct state),
    .event = code_event,
    .end = code_end,
    .free = code_free,
};
