/*
 * null-regime: once a kernel runs in the high half and has freed the low one (TCR_EL1.EPD0, or a
 * TTBR0_EL1 without a valid entry), nothing at a low address may be used until a task's tables are
 * installed: a TLB may still hold the translations of before, and a null pointer goes unseen.
 *
 * A use that faulted leaves no access in the trace; the exception is a note, for the trace does not
 * tell FAR_EL1.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "rule.h"
#include "sysregs.h"

enum {
    HALF_SELECT_BIT = 55,
    SYNC_SP0 = 0x000, /* offsets of the vectors for a synchronous exception from the same level */
    SYNC_SPX = 0x200,
};

#define TTBR_TABLE UINT64_C(0x0000fffffffffffe) /* BADDR, without ASID and CnP */

struct null_cpu {
    bool high;    /* it has run in the high half */
    bool written; /* `freed` is the last write to TTBR0_EL1 or TCR_EL1.EPD0 since */
    struct order_end freed;
    uint64_t table_before; /* of TTBR0_EL1 before it, or UINT64_MAX when unknown */
    uint64_t judged;       /* generation + 1 of `is_free` */
    bool is_free;
    bool called; /* the last instruction told is SVC, HVC or SMC: not a fault */
};

struct null_state {
    uint64_t generation; /* of registers and tables */
    struct null_cpu *cpus;
};

static bool has_valid_entry(const struct table_frame *frame)
{
    for (size_t i = 0; i < frame->size / sizeof(frame->words[0]); i++) {
        if ((frame->words[i] & DESC_VALID_BIT) != 0) {
            return true;
        }
    }
    return false;
}

/* The low half leads nowhere, by the registers and the tables as they stand. */
static bool low_half_is_free(const struct rule *rule, const struct machine_cpu *cpu,
                             const struct null_cpu *own)
{
    const struct machine_value *tcr = &cpu->regs[MACHINE_TCR_EL1];
    const struct machine_value *ttbr = &cpu->regs[MACHINE_TTBR0_EL1];
    if (!machine_mmu_on(cpu) || !tcr->known) {
        return false;
    }
    if ((tcr->value & TCR_EL1_EPD0_BIT) != 0) {
        return true;
    }
    if (!ttbr->known) {
        return false;
    }
    uint64_t table = ttbr->value & TTBR_TABLE;
    const struct table_frame *frame = tables_find(&rule->machine->tables, table);
    bool followed = (rule->machine->trace->flags & TRACE_TABLES_CUT) == 0;
    return frame == NULL ? followed && table != own->table_before : !has_valid_entry(frame);
}

static bool is_freed(const struct rule *rule, uint8_t number)
{
    const struct null_state *state = rule->state;
    struct null_cpu *own = &state->cpus[number];
    if (!own->written) {
        return false;
    }
    if (own->judged != state->generation + 1) {
        own->judged = state->generation + 1;
        own->is_free = low_half_is_free(rule, &rule->machine->cpus[number], own);
    }
    return own->is_free;
}

static bool report(struct rule *rule, const struct trace_event *event, enum order_level level,
                   const char *what)
{
    const struct null_state *state = rule->state;
    const struct null_cpu *own = &state->cpus[event->cpu];
    struct finding_text text;
    if (rule_again(rule, level, own->freed.pc, event->pc)) {
        return true;
    }
    snprintf(text.missing, ORDER_TEXT,
             "no table of a task was installed between freeing the low half and the %s", what);
    if (level == ORDER_NOTE) {
        snprintf(text.detail, ORDER_TEXT,
                 "a synchronous exception from EL1 while the low half leads nowhere; whether "
                 "FAR_EL1 is a low address the trace does not tell");
    } else {
        snprintf(text.detail, ORDER_TEXT,
                 "VA 0x%" PRIx64 " is in the low half, which leads nowhere; what a TLB may still "
                 "hold of it is what was mapped before",
                 event->va);
    }
    snprintf(text.fix, ORDER_TEXT,
             "use the high half's address, or install a task's TTBR0_EL1 before; TLBI what the "
             "low half held when it is freed");
    struct order_end consumer = order_end_of(event, rule->machine->now);
    return rule_report(rule, level, &own->freed, &consumer, &text);
}

/* A write that may free the low half, or install another: what it does is judged at its use. */
static void see_write(struct rule *rule, const struct trace_event *event)
{
    struct null_state *state = rule->state;
    struct null_cpu *own = &state->cpus[event->cpu];
    const struct machine_cpu *cpu = &rule->machine->cpus[event->cpu];
    enum machine_register reg = machine_register_written(cpu, a64_sys(event->opcode));
    bool known = (event->flags & TRACE_EVENT_VALUE) != 0;
    bool free_before = is_freed(rule, event->cpu);
    state->generation++;
    if (!own->high || (reg != MACHINE_TTBR0_EL1 && reg != MACHINE_TCR_EL1)) {
        return;
    }
    const struct machine_value *before = &cpu->regs[reg];
    if (reg == MACHINE_TCR_EL1) {
        if (!known || (before->known && ((before->value ^ event->value) & TCR_EL1_EPD0_BIT) == 0)) {
            return;
        }
    } else if (!free_before) {
        own->table_before = before->known ? before->value & TTBR_TABLE : UINT64_MAX;
    }
    rule->subjects++;
    own->written = true;
    own->freed = order_end_of(event, rule->machine->now);
}

static bool see_entry(struct rule *rule, const struct trace_event *event)
{
    const struct null_state *state = rule->state;
    bool called = state->cpus[event->cpu].called;
    state->cpus[event->cpu].called = false;
    if (event->el != 1 || (event->opcode != SYNC_SP0 && event->opcode != SYNC_SPX) || called) {
        return true;
    }
    rule->consumers++;
    return !is_freed(rule, event->cpu) || report(rule, event, ORDER_NOTE, "exception");
}

static bool insn(struct rule *rule, const struct trace_event *event)
{
    const struct null_state *state = rule->state;
    enum a64_class class = a64_class(event->opcode);
    state->cpus[event->cpu].called = class == A64_SVC || class == A64_HVC || class == A64_SMC;
    if (class == A64_MSR) {
        see_write(rule, event);
    }
    return true;
}

static bool use(struct rule *rule, const struct trace_event *event)
{
    uint8_t el = rule->machine->cpus[event->cpu].el;
    if ((event->va >> HALF_SELECT_BIT & 1) != 0 || el == 2 || el == 3) {
        return true;
    }
    rule->consumers++;
    if (!is_freed(rule, event->cpu)) {
        return true;
    }
    return report(rule, event, ORDER_ERROR,
                  event->kind == TRACE_EVENT_BLOCK ? "instruction fetch" : "access");
}

static bool on_event(struct rule *rule, const struct trace_event *event)
{
    struct null_state *state = rule->state;
    const struct machine_cpu *cpu = &rule->machine->cpus[event->cpu];
    if (state->cpus == NULL) {
        state->cpus = calloc(rule->machine->cpu_count, sizeof(state->cpus[0]));
        if (state->cpus == NULL) {
            return false;
        }
    }
    struct null_cpu *own = &state->cpus[event->cpu];
    own->high = own->high || ((event->pc >> HALF_SELECT_BIT & 1) != 0 && cpu->el <= 1 &&
                              event->kind != TRACE_EVENT_FRAME_GONE);
    switch (event->kind) {
    case TRACE_EVENT_INSN:
        return insn(rule, event);
    case TRACE_EVENT_ENTRY:
        return see_entry(rule, event);
    case TRACE_EVENT_ACCESS:
    case TRACE_EVENT_BLOCK:
        return use(rule, event);
    default: /* a table changed, came or went */
        state->generation++;
        return true;
    }
}

static void give_back(struct rule *rule)
{
    struct null_state *state = rule->state;
    free(state->cpus);
}

const struct rule_module RULE_NULL_REGIME = {
    .info =
        {
            .id = "null-regime",
            .title = "No low address is used between freeing the low half and installing a task's "
                     "tables",
            .section = "DDI 0487, D8.2 \"Translation process\", TCR_EL1.EPD0",
            .level = ORDER_ERROR,
        },
    .needs = TRACE_STORES | TRACE_OPERANDS,
    .kinds = RULE_KIND(TRACE_EVENT_INSN) | RULE_KIND(TRACE_EVENT_ACCESS) |
             RULE_KIND(TRACE_EVENT_BLOCK) | RULE_KIND(TRACE_EVENT_ENTRY) |
             RULE_KIND(TRACE_EVENT_STORE) | RULE_KIND(TRACE_EVENT_FRAME) |
             RULE_KIND(TRACE_EVENT_FRAME_GONE),
    .state_size = sizeof(struct null_state),
    .event = on_event,
    .free = give_back,
};
