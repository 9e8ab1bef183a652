/*
 * vbar-before-exception: VBAR of the CPU's own level is written, and before a context
 * synchronization event an exception may be taken by it: one is, SVC executes, DAIF is opened, or
 * the PC leaves the half it was in (the first fault of the new one goes by the old VBAR).
 *
 * HVC and SMC count by the exception they become: a PSCI call that QEMU handles becomes none.
 *
 * An exception entry that is a context synchronization event synchronizes as its first step, before
 * it uses VBAR (D24.1.2.2): then only a note. Where it is none (FEAT_ExS, SCTLR_ELx.EIS is 0) the
 * old VBAR may be used: an error.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "rule.h"
#include "sysregs.h"

enum { DAIF_SHIFT = 6, DAIF_ALL = 15, HALF_SELECT_BIT = 55 };

struct cpu_state {
    uint64_t reported; /* event + 1 of the write reported last: each is reported once */
    uint8_t masked;    /* bits of DAIF known to be 1 since the write */
};

struct vbar_state {
    struct cpu_state *cpus;
};

/* The level whose VBAR counts here, as a register. */
static enum machine_register own_vbar(const struct machine_cpu *cpu)
{
    return cpu->el == 2 ? MACHINE_VBAR_EL2 : MACHINE_VBAR_EL1;
}

/* The write that is pending, changed something, and was not reported yet. */
static const struct machine_pending *pending_write(const struct rule *rule, uint8_t number)
{
    const struct vbar_state *state = rule->state;
    const struct machine_cpu *cpu = &rule->machine->cpus[number];
    if (cpu->pending_count == 0) {
        return NULL;
    }
    const struct machine_pending *write = machine_first_pending(cpu, own_vbar(cpu));
    bool counts = write != NULL && machine_changed(cpu, write, UINT64_MAX) &&
                  state->cpus[number].reported <= write->event;
    return counts ? write : NULL;
}

/* Does an exception to the level of the pending VBAR synchronize by itself? */
static bool entry_synchronizes(const struct rule *rule, uint8_t number)
{
    const struct machine_cpu *cpu = &rule->machine->cpus[number];
    return machine_synchronizes(rule->machine, cpu, cpu->el, SCTLR_EL1_EIS_BIT);
}

static void put_value(const struct machine_value *value, char *text, size_t size)
{
    if (value->known) {
        snprintf(text, size, "0x%" PRIx64, value->value);
    } else {
        snprintf(text, size, "%s", value->lost ? "unknown" : "as reset left it");
    }
}

static bool report(struct rule *rule, const struct trace_event *event,
                   const struct machine_pending *write, enum order_level level, const char *what)
{
    enum { VALUE_TEXT = 24 };
    struct vbar_state *state = rule->state;
    const struct machine_value *now = &rule->machine->cpus[event->cpu].regs[write->reg];
    const char *name = machine_register_name(write->reg);
    char old_value[VALUE_TEXT];
    char new_value[VALUE_TEXT];
    struct finding_text text;
    state->cpus[event->cpu].reported = write->event + 1;
    put_value(&write->before, old_value, sizeof(old_value));
    put_value(now, new_value, sizeof(new_value));
    snprintf(text.missing, ORDER_TEXT,
             "no context synchronization event (ISB, ERET) between the write of %s and %s", name,
             what);
    bool safe = entry_synchronizes(rule, event->cpu);
    snprintf(
        text.detail, ORDER_TEXT, "%s%s (%s was %s, is %s)", now->known ? "" : "operand unknown: ",
        safe ? "exception entry synchronizes before it uses VBAR, so the new one counts here; "
               "where SCTLR_ELx.EIS is 0 (FEAT_ExS) the old one may"
             : "exception entry is no context synchronization event here (SCTLR_ELx.EIS is 0), "
               "so the exception may go by the old VBAR",
        name, old_value, new_value);
    snprintf(text.fix, ORDER_TEXT, "put an ISB behind the MSR to %s", name);
    struct order_end end = order_end_of_pending(write, event->cpu);
    struct order_end consumer = order_end_of(event, rule->machine->now);
    return rule_report(rule, now->known && !safe ? level : ORDER_NOTE, &end, &consumer, &text);
}

/* MSR DAIF, Xt: what it leaves open was masked, as far as that is known. */
static bool whole_daif(struct rule *rule, const struct trace_event *event,
                       const struct machine_pending *write)
{
    struct vbar_state *state = rule->state;
    uint8_t masked = state->cpus[event->cpu].masked;
    bool known = (event->flags & TRACE_EVENT_VALUE) != 0;
    unsigned int open = known ? ~(event->value >> DAIF_SHIFT) & DAIF_ALL : DAIF_ALL;
    state->cpus[event->cpu].masked = (uint8_t)(~open & DAIF_ALL);
    if (open == 0) {
        return true;
    }
    rule->consumers++;
    bool certain = known && (open & masked) != 0;
    return report(rule, event, write, certain ? ORDER_ERROR : ORDER_NOTE,
                  certain ? "the MSR DAIF that lets exceptions in"
                          : "the MSR DAIF that may let exceptions in");
}

static bool immediate_daif(struct rule *rule, const struct trace_event *event,
                           const struct machine_pending *write)
{
    struct vbar_state *state = rule->state;
    unsigned int bits = event->opcode >> 8 & DAIF_ALL;
    if (!a64_daif_opens(event->opcode)) {
        state->cpus[event->cpu].masked |= (uint8_t)bits;
        return true;
    }
    rule->consumers++;
    return report(rule, event, write, ORDER_ERROR, "the MSR DAIFClr that lets exceptions in");
}

/* A write to VBAR begins; what DAIF held before it is not followed. */
static void see_write(struct rule *rule, const struct trace_event *event)
{
    struct vbar_state *state = rule->state;
    const struct machine_cpu *cpu = &rule->machine->cpus[event->cpu];
    enum machine_register reg = machine_register_written(cpu, a64_sys(event->opcode));
    if (reg != own_vbar(cpu) || cpu->el == 3) {
        return;
    }
    const struct machine_value *before = &cpu->regs[reg];
    bool known = before->known && (event->flags & TRACE_EVENT_VALUE) != 0;
    rule->subjects += !known || before->value != event->value;
    if (machine_first_pending(cpu, reg) == NULL) {
        state->cpus[event->cpu].masked = 0;
    }
}

static bool insn(struct rule *rule, const struct trace_event *event)
{
    enum a64_class class = a64_class(event->opcode);
    if (class == A64_MSR && a64_sys(event->opcode) != A64_DAIF_REGISTER) {
        see_write(rule, event);
        return true;
    }
    const struct machine_pending *write = pending_write(rule, event->cpu);
    if (write == NULL) {
        return true;
    }
    switch (class) {
    case A64_MSR:
        return whole_daif(rule, event, write);
    case A64_DAIF:
        return immediate_daif(rule, event, write);
    case A64_SVC:
        rule->consumers++;
        return report(rule, event, write, ORDER_ERROR, "the SVC");
    default:
        return true;
    }
}

static bool make_cpus(struct rule *rule)
{
    struct vbar_state *state = rule->state;
    if (state->cpus == NULL) {
        state->cpus = calloc(rule->machine->cpu_count, sizeof(state->cpus[0]));
    }
    return state->cpus != NULL;
}

/* The exception goes to the level whose VBAR is pending; the model is in that level already. */
static bool on_entry(struct rule *rule, const struct trace_event *event)
{
    const struct machine_pending *write = pending_write(rule, event->cpu);
    if (write == NULL) {
        return true;
    }
    rule->consumers++;
    return report(rule, event, write, ORDER_ERROR, "the exception");
}

static bool on_event(struct rule *rule, const struct trace_event *event)
{
    if (!make_cpus(rule)) {
        return false;
    }
    if (event->kind == TRACE_EVENT_INSN) {
        return insn(rule, event);
    }
    if (event->kind == TRACE_EVENT_ENTRY) {
        return on_entry(rule, event);
    }
    const struct machine_pending *write = pending_write(rule, event->cpu);
    if (write == NULL || ((event->pc ^ write->pc) >> HALF_SELECT_BIT & 1) == 0) {
        return true;
    }
    rule->consumers++;
    return report(rule, event, write, ORDER_ERROR,
                  "the branch into the other half of the address space");
}

/* An entry that synchronizes; one that does not comes to on_event with the write still pending. */
static bool on_cse(struct rule *rule, const struct trace_event *event)
{
    return event->kind != TRACE_EVENT_ENTRY || (make_cpus(rule) && on_entry(rule, event));
}

static void give_back(struct rule *rule)
{
    struct vbar_state *state = rule->state;
    free(state->cpus);
}

const struct rule_module RULE_VBAR_BEFORE_EXCEPTION = {
    .info =
        {
            .id = "vbar-before-exception",
            .title = "VBAR takes effect by a context synchronization event before an exception can "
                     "be taken by it",
            .section =
                "DDI 0487, D24.1.2.2 \"Synchronization requirements for AArch64 System registers\"",
            .level = ORDER_ERROR,
        },
    .kinds =
        RULE_KIND(TRACE_EVENT_INSN) | RULE_KIND(TRACE_EVENT_BLOCK) | RULE_KIND(TRACE_EVENT_ENTRY),
    .state_size = sizeof(struct vbar_state),
    .event = on_event,
    .cse = on_cse,
    .free = give_back,
};
