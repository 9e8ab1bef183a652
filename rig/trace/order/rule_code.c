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

enum { LINE_BYTES = 64, INSN_BYTES = 4 };

struct state {
    struct words stores; /* newest store to each word of code; `after`: flags of its event */
};

struct writer {
    struct order_end end;
    uint64_t line; /* PA / 64 */
    bool caches_off;
};

/* Where the chain from the store to the fetch ends too early. */
struct chain {
    const char *missing; /* NULL: complete */
    const char *fix;
    bool only_cse;
};

static bool on_store(struct rule *rule, const struct trace_event *event)
{
    struct state *state = rule->state;
    if ((event->flags & TRACE_EVENT_CODE) == 0) {
        return true;
    }
    struct table_word *word = words_put(&state->stores, event->pa);
    if (word == NULL) {
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
    struct writer writer = {
        .end = order_end_of_writer(&code->written),
        .line = code->written.pa / LINE_BYTES,
        .caches_off = (code->written.flags & TRACE_EVENT_CACHES_OFF) != 0,
    };
    uint64_t end = code->paddr + (uint64_t)code->insns * INSN_BYTES;
    bool inside = code->written.pa + sizeof(uint64_t) > code->paddr && code->written.pa < end;
    const struct table_word *newest = NULL;
    for (uint64_t pa = code->paddr & ~UINT64_C(7); code->paddr != TRACE_UNKNOWN_ADDRESS && pa < end;
         pa += sizeof(uint64_t)) {
        const struct table_word *word = words_find(&state->stores, pa);
        if (word != NULL && (newest == NULL || word->store.event > newest->store.event)) {
            newest = word;
        }
    }
    if (newest != NULL && (!inside || newest->store.event > writer.end.event)) {
        writer.end = newest->store;
        writer.line = newest->pa / LINE_BYTES;
        writer.caches_off = (newest->after & TRACE_EVENT_CACHES_OFF) != 0;
    }
    return writer;
}

/* Shortest way over all CPUs: a maintenance instruction of the line at >= t, then a DSB of the same
 * CPU behind it. A task may go on on another CPU between two steps. */
struct step {
    uint64_t maintenance;
    uint64_t dsb;
};

static struct step first_step(const struct machine *machine, const struct writer *writer,
                              uint64_t t, uint8_t consumer, bool instruction)
{
    struct step step = {HISTORY_NEVER, HISTORY_NEVER};
    for (uint32_t i = 0; i < machine->cpu_count; i++) {
        const struct cpu_history *history = &machine->cpus[i].history;
        uint64_t done = instruction ? history_ic(history, t, writer->line)
                                    : history_dc(history, t, writer->line, A64_DC_CLEAN, false);
        if (done == HISTORY_NEVER) {
            continue;
        }
        /* IC is complete by a DSB for loads and stores only (B2.3.1 "Completed IC Effect"); what
         * a DC wrote back is a store's matter. */
        uint64_t dsb = history_dsb(history, done, i == consumer ? A64_NSH : A64_ISH, instruction);
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
        if (*t == HISTORY_NEVER) {
            return (struct chain){"no DSB between the store of the instruction and its execution",
                                  "put DSB ISH; ISB behind the store", false};
        }
        return (struct chain){0};
    }
    struct step step = first_step(machine, writer, writer->end.event, consumer, false);
    if (step.maintenance == HISTORY_NEVER) {
        return (struct chain){"no DC that cleans the line to the Point of Unification between the "
                              "store of the instruction and its execution",
                              "put DC CVAU for each line; DSB ISH; IC IVAU for each; DSB ISH; ISB "
                              "behind the store",
                              false};
    }
    if (step.dsb == HISTORY_NEVER) {
        return (struct chain){"no DSB behind the DC that cleans the instruction's line",
                              "put DSB ISH behind the DC, before the IC", false};
    }
    *t = step.dsb;
    return (struct chain){0};
}

static bool needs_ic(const struct machine *machine, const struct machine_cpu *cpu)
{
    const struct machine_value *sctlr =
        &cpu->regs[cpu->el == 2 ? MACHINE_SCTLR_EL2 : MACHINE_SCTLR_EL1];
    bool off = sctlr->known && (sctlr->value & SCTLR_EL1_I_BIT) == 0; /* I: the same bit */
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
        struct step step = first_step(machine, writer, t, consumer, true);
        if (step.maintenance == HISTORY_NEVER) {
            return (struct chain){"no IC of the line behind the DSB that completes the store of "
                                  "the instruction",
                                  "put IC IVAU (or IC IALLU); DSB ISH; ISB behind that DSB", false};
        }
        if (step.dsb == HISTORY_NEVER) {
            return (struct chain){"no DSB for loads and stores behind the IC of the instruction's "
                                  "line",
                                  "put DSB ISH; ISB behind the IC", false};
        }
        t = step.dsb;
    }
    if (history_cse(&cpu->history, t) == HISTORY_NEVER) {
        return (struct chain){"no context synchronization event (ISB) on the CPU that executes the "
                              "instruction behind the DSB",
                              "put an ISB behind the last DSB", true};
    }
    return (struct chain){0};
}

/*
 * With translation off a PE fetches ahead only in the page it executes and the next one (D8.2.12
 * "The effects of disabling an address translation stage"), and the store went to memory: new code
 * is at risk from what is still in the store buffer only. U-Boot relocates itself so.
 *
 * One CPU may replace a branch or NOP that another executes (B2.2.5 "Concurrent modification and
 * execution of instructions"); the other one then sees either.
 */
static bool excusable(const struct machine_cpu *cpu, const struct writer *writer,
                      const struct chain *chain, const struct trace_event *event)
{
    const struct machine_value *sctlr =
        &cpu->regs[cpu->el == 2 ? MACHINE_SCTLR_EL2 : MACHINE_SCTLR_EL1];
    bool mmu_off = sctlr->known && (sctlr->value & (SCTLR_EL1_M_BIT | SCTLR_EL1_I_BIT)) == 0;
    return (mmu_off && writer->caches_off) || (chain->only_cse && writer->end.cpu != event->cpu);
}

static bool on_translate(struct rule *rule, const struct trace_event *event)
{
    const struct machine *machine = rule->machine;
    const struct machine_cpu *cpu = &machine->cpus[event->cpu];
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
    struct finding_text text;
    snprintf(text.missing, ORDER_TEXT, "%s", chain.missing);
    snprintf(text.detail, ORDER_TEXT,
             "code at VA 0x%" PRIx64 ", line at PA 0x%" PRIx64
             " written by CPU %u with caches %s; CPU %u may execute what was there before",
             event->pc, writer.line * LINE_BYTES, (unsigned int)writer.end.cpu,
             writer.caches_off ? "off" : "on", (unsigned int)event->cpu);
    snprintf(text.fix, ORDER_TEXT, "%s", chain.fix);
    enum order_level level = excusable(cpu, &writer, &chain, event) ? ORDER_NOTE : ORDER_ERROR;
    /* A loader that moves itself executes thousands of blocks that one loop wrote: one finding for
     * each step that is missing behind the writer. The texts are literals. */
    return rule_report_group(rule, level, &writer.end, &consumer, &text,
                             (uint64_t)(uintptr_t)chain.missing);
}

static bool code_event(struct rule *rule, const struct trace_event *event)
{
    return event->kind == TRACE_EVENT_STORE ? on_store(rule, event) : on_translate(rule, event);
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
    .free = code_free,
};
