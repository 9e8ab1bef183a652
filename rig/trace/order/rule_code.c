/*
 * code-before-execute: between the store of an instruction and its execution the store is made
 * coherent with fetches. DDI 0487, B2.7.4.2 "Synchronization and coherency issues between data and
 * instruction accesses": DC CVAU, DSB, IC IVAU, DSB, and a context synchronization event on the CPU
 * that executes.
 */
#include <inttypes.h>
#include <stdio.h>

#include "code_chain.h"
#include "sysregs.h"
#include "words.h"

enum { INSN_BYTES = 4, STORE_BYTES = 16, DEFERRED_MAX = 64 };

/* A CPU in the middle of replacing its own code executed some of it. */
struct deferred {
    struct code_writer writer;
    struct code_chain chain;
    struct order_end consumer;
};

struct state {
    struct words stores; /* newest store to each word of code; `after`: flags of its event */
    struct deferred deferred[DEFERRED_MAX];
    unsigned int deferred_count;
};

/* A loader that moves itself executes thousands of blocks that one loop wrote: one finding for each
 * step that is missing behind the writer. The texts are literals. */
static uint64_t group_of(const struct code_chain *chain)
{
    return (uint64_t)(uintptr_t)chain->missing;
}

static bool report(struct rule *rule, enum order_level level, const struct code_writer *writer,
                   const struct order_end *consumer, const struct code_chain *chain,
                   const char *remark)
{
    struct finding_text text;
    snprintf(text.missing, ORDER_TEXT, "%s", chain->missing);
    snprintf(text.detail, ORDER_TEXT,
             "code at VA 0x%" PRIx64 ", line at PA 0x%" PRIx64
             " written by CPU %u with caches %s; CPU %u may execute what was there before%s",
             consumer->pc, code_line(writer) * CODE_LINE_BYTES, (unsigned int)writer->end.cpu,
             writer->caches_off ? "off" : "on", (unsigned int)consumer->cpu, remark);
    snprintf(text.fix, ORDER_TEXT, "%s", chain->fix);
    return rule_report_group(rule, level, &writer->end, consumer, &text, group_of(chain));
}

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
        uint64_t line = code_line(&deferred->writer);
        followed = followed || history_ic(history, t, line) != HISTORY_NEVER ||
                   history_dc(history, t, line, A64_DC_CLEAN, false) != HISTORY_NEVER;
    }
    return report(rule, followed ? ORDER_NOTE : ORDER_ERROR, &deferred->writer, &deferred->consumer,
                  &deferred->chain,
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
static struct code_writer writer_of(const struct rule *rule, const struct trace_code *code)
{
    const struct state *state = rule->state;
    uint64_t end = code->paddr + (uint64_t)code->insns * INSN_BYTES;
    struct code_writer writer = {
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
        writer = (struct code_writer){
            .end = newest->store,
            .pa = newest->pa,
            .caches_off = (newest->after & TRACE_EVENT_CACHES_OFF) != 0,
            .over_code = true,
        };
    }
    return writer;
}

/* B, BL, NOP, ISB, and SVC, HVC, SMC, BRK, which one CPU may store over each other while another
 * executes them and sees either: B2.2.5 "Concurrent modification and execution of instructions". */
static bool may_be_replaced(uint32_t opcode)
{
    bool branch = (opcode & 0x7c000000) == 0x14000000;
    bool exception = (opcode & 0xffe0001c) == 0xd4000000 || (opcode & 0xffe0001f) == 0xd4200000;
    return branch || exception || opcode == 0xd503201f || opcode == 0xd5033fdf;
}

static bool replaces_such(const struct trace_code *code, const struct code_writer *writer)
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
static const char *excuse(const struct machine *machine, const struct code_writer *writer,
                          const struct code_chain *chain, const struct trace_event *event,
                          const struct trace_code *code)
{
    const struct machine_value *sctlr = code_sctlr(&machine->cpus[event->cpu]);
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

/* Stored over by the CPU that runs it, which has not come to the IC. */
static bool in_the_middle(const struct code_writer *writer, const struct code_chain *chain,
                          uint8_t consumer)
{
    return writer->over_code && writer->end.cpu == consumer && chain->before_ic;
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
    struct code_writer writer = writer_of(rule, code);
    struct code_chain chain = code_chain_of(machine, &writer, event->cpu);
    if (chain.missing == NULL) {
        return true;
    }
    struct order_end consumer = order_end_of(event, machine->now);
    if (in_the_middle(&writer, &chain, event->cpu) && state->deferred_count < DEFERRED_MAX) {
        state->deferred[state->deferred_count++] = (struct deferred){writer, chain, consumer};
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
