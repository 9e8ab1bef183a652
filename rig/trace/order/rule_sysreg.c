/*
 * sysreg-before-use: a translation control is written, and before a context synchronization event
 * something is done that comes out otherwise with the old value. Hardware may use each write or
 * not yet, so every combination of old and new values is tried.
 *
 * EL2's own stage 1 is not walked: there, a write that may matter to a data access is a note.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "regime_use.h"
#include "rule.h"
#include "sysreg_entry.h"
#include "sysregs.h"

enum {
    CACHE_SLOTS = 256,
    PAGE_SHIFT = 12,
    KINDS = REGIME_ADDRESS + 1,
    COMBINATIONS = 1 << REGIME_REGISTERS,
    OPCODE_BYTES = 4,
};

/* The bits of SCTLR_EL1 that the walk or the access depends on. I decides nothing an access sees.
 */
#define SCTLR_BITS (SCTLR_EL1_M_BIT | SCTLR_EL1_C_BIT | SCTLR_EL1_WXN_BIT | SCTLR_EL1_EE_BIT)

/* A page that a kind of use was judged for, in this state of registers and tables. */
struct judged {
    uint64_t page;
    uint64_t generation; /* 0: none */
    uint8_t kind;
};

struct cpu_state {
    uint64_t reported[KINDS]; /* event + 1 of the newest write reported for each kind */
    uint64_t entry_reported;  /* sysreg_entry.h */
    struct judged judged[CACHE_SLOTS];
};

struct sysreg_state {
    uint64_t generation; /* of the controls and tables of all CPUs */
    struct cpu_state *cpus;
};

/* What is pending of the regime's registers: bit r for enum machine_register r. */
struct pending_set {
    const struct machine_pending *first[REGIME_REGISTERS];
    unsigned int mask;
};

struct hazard {
    const struct machine_pending *write;
    unsigned int mask;
    struct regime_answer stale;
    struct regime_answer fresh;
};

static unsigned int bits_in(unsigned int mask)
{
    return (unsigned int)__builtin_popcount(mask);
}

static struct pending_set pending_of(const struct machine_cpu *cpu)
{
    struct pending_set set = {.mask = 0};
    for (unsigned int i = 0; i < cpu->pending_count; i++) {
        enum machine_register reg = cpu->pending[i].reg;
        if (reg >= REGIME_REGISTERS || set.first[reg] != NULL) {
            continue;
        }
        set.first[reg] = &cpu->pending[i];
        uint64_t bits = reg == MACHINE_SCTLR_EL1 ? SCTLR_BITS : UINT64_MAX;
        if (machine_changed(cpu, &cpu->pending[i], bits)) {
            set.mask |= 1U << reg;
        }
    }
    return set;
}

/* The newest of the combination's writes. */
static const struct machine_pending *newest(const struct pending_set *set, unsigned int mask)
{
    const struct machine_pending *found = NULL;
    for (unsigned int reg = 0; reg < REGIME_REGISTERS; reg++) {
        if ((mask >> reg & 1) != 0 && (found == NULL || set->first[reg]->event > found->event)) {
            found = set->first[reg];
        }
    }
    return found;
}

/* Whether a hazard of these old values is a better one to tell: fewer, then written later. */
static bool better(const struct pending_set *set, unsigned int mask, const struct hazard *than)
{
    if (than->write == NULL) {
        return true;
    }
    unsigned int bits = bits_in(mask);
    unsigned int others = bits_in(than->mask);
    return bits < others || (bits == others && newest(set, mask)->event > than->write->event);
}

/* The smallest combination of old values that gives the use another result than all new ones. */
static struct hazard find_hazard(struct machine *machine, const struct machine_cpu *cpu,
                                 const struct pending_set *set, const struct regime_use *use)
{
    const struct regime_values values = regime_values_of(cpu);
    struct hazard hazard = {.fresh = regime_ask(machine, &values, use)};
    if (!hazard.fresh.granted) {
        return hazard; /* not what was executed: the model lacks something, and cannot judge */
    }
    for (unsigned int mask = 1; mask < COMBINATIONS; mask++) {
        if ((mask & ~set->mask) != 0 || !better(set, mask, &hazard)) {
            continue;
        }
        struct regime_values mixed = values;
        for (unsigned int reg = 0; reg < REGIME_REGISTERS; reg++) {
            if ((mask >> reg & 1) != 0) {
                mixed.regs[reg] = set->first[reg]->before;
            }
        }
        struct regime_answer stale = regime_ask(machine, &mixed, use);
        if (!regime_same(&stale, &hazard.fresh, use->kind)) {
            hazard.write = newest(set, mask);
            hazard.mask = mask;
            hazard.stale = stale;
        }
    }
    return hazard;
}

static void put_texts(struct finding_text *text, const struct machine_pending *write,
                      const struct regime_use *use)
{
    const char *name = machine_register_name(write->reg);
    snprintf(text->missing, ORDER_TEXT,
             "no context synchronization event (ISB, ERET, exception entry) between the write of "
             "%s and the %s",
             name, regime_word(use->kind));
    snprintf(text->fix, ORDER_TEXT, "put an ISB behind the MSR to %s, before the %s", name,
             regime_word(use->kind));
}

static struct order_end consumer_of(const struct rule *rule, const struct trace_event *event,
                                    const struct regime_use *use)
{
    struct order_end end = order_end_of(event, rule->machine->now);
    end.address = use->va;
    end.has_address = true;
    const struct trace_code *code = event_code(rule->machine->trace, event);
    if (code != NULL) {
        end.opcode = trace_code_opcodes(code)[(use->va - event->va) / OPCODE_BYTES];
        end.pc = use->va;
        end.pc_pa = use->va == event->va ? event->pc_pa : TRACE_UNKNOWN_ADDRESS;
    }
    return end;
}

/* An old value, or an old table, that the trace does not have is no proof. */
static enum order_level level_of(const struct rule *rule, const struct hazard *hazard)
{
    const struct regime_answer *stale = &hazard->stale;
    bool cut = stale->unread && (rule->machine->trace->flags & TRACE_TABLES_CUT) != 0;
    return cut || stale->lost ? ORDER_NOTE : ORDER_ERROR;
}

static bool report(struct rule *rule, const struct trace_event *event, const struct regime_use *use,
                   const struct hazard *hazard)
{
    struct sysreg_state *state = rule->state;
    uint64_t *reported = &state->cpus[event->cpu].reported[use->kind];
    if (*reported > hazard->write->event) {
        return true;
    }
    *reported = hazard->write->event + 1;
    struct finding_text text = {.detail = ""};
    char stale[REGIME_TEXT];
    char fresh[REGIME_TEXT];
    put_texts(&text, hazard->write, use);
    regime_text(&hazard->stale, use->kind, stale);
    regime_text(&hazard->fresh, use->kind, fresh);
    snprintf(text.detail, ORDER_TEXT,
             "VA 0x%" PRIx64 ": %s with the new value; with the old %s%s it may be %s", use->va,
             fresh, machine_register_name(hazard->write->reg),
             bits_in(hazard->mask) > 1 ? " and what else was written before the same ISB" : "",
             stale);
    struct order_end write = order_end_of_pending(hazard->write, event->cpu);
    struct order_end consumer = consumer_of(rule, event, use);
    return rule_report(rule, level_of(rule, hazard), &write, &consumer, &text);
}

/* A write whose operand nobody knows decides: as far as it may, that is a note. */
static bool report_unknown(struct rule *rule, const struct trace_event *event,
                           const struct regime_use *use, const struct machine_pending *write)
{
    struct sysreg_state *state = rule->state;
    uint64_t *reported = &state->cpus[event->cpu].reported[use->kind];
    if (*reported > write->event ||
        (use->kind == REGIME_FETCH && write->reg == MACHINE_SCTLR_EL1)) {
        return true; /* the ISB behind MSR SCTLR_EL1 is itself fetched */
    }
    *reported = write->event + 1;
    struct finding_text text = {.detail = ""};
    put_texts(&text, write, use);
    snprintf(text.detail, ORDER_TEXT,
             "operand unknown: whether the %s of VA 0x%" PRIx64 " depends on the new %s cannot be "
             "told",
             regime_word(use->kind), use->va, machine_register_name(write->reg));
    struct order_end end = order_end_of_pending(write, event->cpu);
    struct order_end consumer = consumer_of(rule, event, use);
    return rule_report(rule, ORDER_NOTE, &end, &consumer, &text);
}

static bool was_judged(const struct sysreg_state *state, uint8_t cpu, const struct regime_use *use)
{
    uint64_t page = use->va >> PAGE_SHIFT;
    struct judged *slot = &state->cpus[cpu].judged[(page * KINDS + use->kind) % CACHE_SLOTS];
    if (slot->generation == state->generation && slot->page == page && slot->kind == use->kind) {
        return true;
    }
    *slot = (struct judged){page, state->generation, (uint8_t)use->kind};
    return false;
}

static bool judge(struct rule *rule, const struct trace_event *event, const struct regime_use *use)
{
    const struct machine_cpu *cpu = &rule->machine->cpus[event->cpu];
    const struct pending_set set = pending_of(cpu);
    if (set.mask == 0) {
        return true;
    }
    rule->consumers++;
    if (was_judged(rule->state, event->cpu, use)) {
        return true;
    }
    struct hazard hazard = find_hazard(rule->machine, cpu, &set, use);
    enum machine_register unknown = hazard.fresh.unknown;
    if (unknown < REGIME_REGISTERS && (set.mask >> unknown & 1) != 0) {
        return report_unknown(rule, event, use, set.first[unknown]);
    }
    return hazard.write == NULL || report(rule, event, use, &hazard);
}

/* A data access at EL2 while a control of EL2's stage 1 is pending and its MMU is on or was. */
static bool judge_el2(struct rule *rule, const struct trace_event *event,
                      const struct regime_use *use)
{
    static const enum machine_register CONTROLS[] = {MACHINE_SCTLR_EL2, MACHINE_TCR_EL2,
                                                     MACHINE_TTBR0_EL2, MACHINE_MAIR_EL2};
    const struct machine_cpu *cpu = &rule->machine->cpus[event->cpu];
    const struct machine_pending *sctlr = machine_first_pending(cpu, MACHINE_SCTLR_EL2);
    const struct machine_value *now = &cpu->regs[MACHINE_SCTLR_EL2];
    bool on =
        !now->known || (now->value & SCTLR_EL1_M_BIT) != 0 ||
        (sctlr != NULL && (!sctlr->before.known || (sctlr->before.value & SCTLR_EL1_M_BIT) != 0));
    if (!on || (use->kind != REGIME_READ && use->kind != REGIME_WRITE)) {
        return true;
    }
    for (size_t i = 0; i < sizeof(CONTROLS) / sizeof(CONTROLS[0]); i++) {
        const struct machine_pending *write = machine_first_pending(cpu, CONTROLS[i]);
        uint64_t bits = CONTROLS[i] == MACHINE_SCTLR_EL2 ? SCTLR_BITS : UINT64_MAX;
        if (write == NULL || !machine_changed(cpu, write, bits)) {
            continue;
        }
        rule->consumers++;
        struct finding_text text = {.detail = ""};
        put_texts(&text, write, use);
        snprintf(text.detail, ORDER_TEXT,
                 "whether the %s of VA 0x%" PRIx64 " depends on the new %s cannot be told: EL2's "
                 "own stage 1 translation is not walked",
                 regime_word(use->kind), use->va, machine_register_name(write->reg));
        struct order_end end = order_end_of_pending(write, event->cpu);
        struct order_end consumer = consumer_of(rule, event, use);
        return rule_report(rule, ORDER_NOTE, &end, &consumer, &text);
    }
    return true;
}

static bool use_now(struct rule *rule, const struct trace_event *event, uint64_t va,
                    enum regime_kind kind)
{
    const struct machine_cpu *cpu = &rule->machine->cpus[event->cpu];
    const struct regime_use use = {.va = va, .kind = kind};
    struct sysreg_state *state = rule->state;
    if (cpu->el != 3 &&
        !sysreg_entry_judge(rule, event, &use, &state->cpus[event->cpu].entry_reported)) {
        return false;
    }
    if (cpu->el == 2) {
        return judge_el2(rule, event, &use);
    }
    return cpu->el == 3 || judge(rule, event, &use);
}

/* A block is fetched from its first instruction to its last. */
static bool fetch(struct rule *rule, const struct trace_event *event)
{
    const struct trace_code *code = event_code(rule->machine->trace, event);
    uint64_t last = event->va + OPCODE_BYTES * (code->insns - (uint64_t)1);
    return use_now(rule, event, event->va, REGIME_FETCH) &&
           (last >> PAGE_SHIFT == event->va >> PAGE_SHIFT ||
            use_now(rule, event, last, REGIME_FETCH));
}

static bool insn(struct rule *rule, const struct trace_event *event)
{
    bool known = (event->flags & TRACE_EVENT_VALUE) != 0 && a64_has_operand(event->opcode);
    switch (a64_class(event->opcode)) {
    case A64_DC_ZVA:
        return !known || use_now(rule, event, event->value, REGIME_WRITE);
    case A64_DC:
    case A64_AT:
        return !known || use_now(rule, event, event->value, REGIME_ADDRESS);
    default:
        return true;
    }
}

/* Count the writes that are followed, and forget what was judged before them. */
static void see_write(struct rule *rule, const struct trace_event *event)
{
    struct sysreg_state *state = rule->state;
    const struct machine_cpu *cpu = &rule->machine->cpus[event->cpu];
    enum machine_register reg = machine_register_written(cpu, a64_sys(event->opcode));
    bool control = reg < REGIME_REGISTERS || (reg >= MACHINE_SCTLR_EL2 && reg <= MACHINE_MAIR_EL2);
    if (!control || !machine_in_own_regime(cpu, reg)) {
        return;
    }
    state->generation++;
    const struct machine_value *before = &cpu->regs[reg];
    if (!before->known || (event->flags & TRACE_EVENT_VALUE) == 0 ||
        before->value != event->value) {
        rule->subjects++;
    }
}

static bool on_event(struct rule *rule, const struct trace_event *event)
{
    struct sysreg_state *state = rule->state;
    if (state->cpus == NULL) {
        state->cpus = calloc(rule->machine->cpu_count, sizeof(state->cpus[0]));
        if (state->cpus == NULL) {
            return false;
        }
    }
    if (event->kind == TRACE_EVENT_INSN && a64_class(event->opcode) == A64_MSR) {
        see_write(rule, event);
        return true;
    }
    if (event->kind == TRACE_EVENT_STORE || event->kind == TRACE_EVENT_FRAME ||
        event->kind == TRACE_EVENT_FRAME_GONE) {
        state->generation++;
    }
    if (rule->machine->cpus[event->cpu].pending_count == 0) {
        return true;
    }
    switch (event->kind) {
    case TRACE_EVENT_INSN:
        return insn(rule, event);
    case TRACE_EVENT_STORE:
        return use_now(rule, event, event->va, REGIME_WRITE);
    case TRACE_EVENT_ACCESS:
        return use_now(rule, event, event->va,
                       (event->flags & TRACE_EVENT_WRITE) != 0 ? REGIME_WRITE : REGIME_READ);
    case TRACE_EVENT_BLOCK:
    case TRACE_EVENT_TRANSLATE:
        return fetch(rule, event);
    default:
        return true;
    }
}

static void give_back(struct rule *rule)
{
    struct sysreg_state *state = rule->state;
    free(state->cpus);
}

const struct rule_module RULE_SYSREG_BEFORE_USE = {
    .info =
        {
            .id = "sysreg-before-use",
            .title = "A translation control takes effect by a context synchronization event before "
                     "an access depends on it",
            .section =
                "DDI 0487, D24.1.2.2 \"Synchronization requirements for AArch64 System registers\"",
            .level = ORDER_ERROR,
        },
    .needs = TRACE_STORES | TRACE_OPERANDS,
    .kinds = RULE_KIND(TRACE_EVENT_INSN) | RULE_KIND(TRACE_EVENT_STORE) |
             RULE_KIND(TRACE_EVENT_ACCESS) | RULE_KIND(TRACE_EVENT_BLOCK) |
             RULE_KIND(TRACE_EVENT_TRANSLATE) | RULE_KIND(TRACE_EVENT_FRAME) |
             RULE_KIND(TRACE_EVENT_FRAME_GONE),
    .state_size = sizeof(struct sysreg_state),
    .event = on_event,
    .free = give_back,
};
