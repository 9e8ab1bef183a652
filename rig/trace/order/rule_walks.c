/*
 * controls-before-walks: table walks of a half of the EL1&0 regime are switched on or off, and what
 * they depend on is written, without a context synchronization event between the two. Until then
 * the writes take effect in any order, and a walk is nothing that a program asks for: hardware may
 * begin one for an address that nobody uses, and keep in the TLB what it found.
 *
 * On: EPDn of TCR_EL1 goes to 0, or SCTLR_EL1.M to 1, while a write of the half's root, of the
 * other fields of TCR_EL1 or of MAIR_EL1 is pending: a walk may start from the old root, or read it
 * the old way. Off: EPDn goes to 1, and with that pending the root is replaced by what is no table:
 * a walk may start there. A root that is replaced by another one with walks on all the time, as
 * every switch of address spaces does, needs no more than its CSE before the first use.
 */
#include <inttypes.h>
#include <stdio.h>

#include "rule.h"
#include "sysregs.h"

enum { HALVES = 2 };

/* The fields of TCR_EL1 that concern one half only, EPDn apart: DDI 0487, TCR_EL1. */
#define TCR_OF_LOW                                                                                 \
    (TCR_EL1_T0SZ_MASK | TCR_EL1_IRGN0_MASK | TCR_EL1_ORGN0_MASK | TCR_EL1_SH0_MASK |              \
     TCR_EL1_TG0_MASK | TCR_EL1_TBI0_BIT | TCR_EL1_HPD0_BIT)
#define TCR_OF_HIGH                                                                                \
    (TCR_EL1_T1SZ_MASK | TCR_EL1_IRGN1_MASK | TCR_EL1_ORGN1_MASK | TCR_EL1_SH1_MASK |              \
     TCR_EL1_TG1_MASK | TCR_EL1_TBI1_BIT | TCR_EL1_HPD1_BIT)
/* A1 chooses an ASID and decides no walk; the EPDn are what is asked. */
#define BOTH_DISABLED (TCR_EL1_EPD0_BIT | TCR_EL1_EPD1_BIT)
#define TCR_OF_NONE   (TCR_EL1_A1_BIT | BOTH_DISABLED)

struct half {
    const char *name;
    enum machine_register ttbr;
    uint64_t disabled; /* EPDn */
    uint64_t controls; /* what a walk of it depends on in TCR_EL1, besides */
};

static const struct half HALF[HALVES] = {
    {"low", MACHINE_TTBR0_EL1, TCR_EL1_EPD0_BIT, ~(TCR_OF_HIGH | TCR_OF_NONE)},
    {"high", MACHINE_TTBR1_EL1, TCR_EL1_EPD1_BIT, ~(TCR_OF_LOW | TCR_OF_NONE)},
};

/* The bits of a register that walks of the half depend on. */
static uint64_t bits_of(const struct half *half, enum machine_register reg)
{
    if (reg == MACHINE_TCR_EL1) {
        return half->controls;
    }
    return reg == half->ttbr ? TTBR0_EL1_BADDR_MASK : UINT64_MAX;
}

/* A value that the trace does not tell is no proof. */
static enum order_level level_of(const struct machine_cpu *cpu,
                                 const struct machine_pending *pending)
{
    bool lost = pending->before.lost || !cpu->regs[pending->reg].known;
    return lost ? ORDER_NOTE : ORDER_ERROR;
}

/* What is pending of the half's controls: of several the newest, for behind it the ISB is missing.
 * TCR_EL1 does not count when it is what switches the walks on: one write is one. */
static const struct machine_pending *newest(const struct machine_cpu *cpu, const struct half *half,
                                            enum machine_register by)
{
    const enum machine_register controls[] = {half->ttbr, MACHINE_TCR_EL1, MACHINE_MAIR_EL1};
    const struct machine_pending *found = NULL;
    for (size_t i = 0; i < sizeof(controls) / sizeof(controls[0]); i++) {
        const struct machine_pending *pending = machine_first_pending(cpu, controls[i]);
        if (pending != NULL && controls[i] != by &&
            machine_changed(cpu, pending, bits_of(half, controls[i])) &&
            (found == NULL || pending->event > found->event)) {
            found = pending;
        }
    }
    return found;
}

static void put_old_value(const struct machine_pending *pending, char *text, size_t size)
{
    if (pending->before.known) {
        snprintf(text, size, "0x%" PRIx64, pending->before.value);
    } else {
        snprintf(text, size, "%s", pending->before.lost ? "unknown" : "as reset left it");
    }
}

static bool report(struct rule *rule, const struct trace_event *event,
                   const struct machine_pending *pending, const struct finding_text *text)
{
    const struct machine_cpu *cpu = &rule->machine->cpus[event->cpu];
    struct order_end write = order_end_of_pending(pending, event->cpu);
    struct order_end consumer = order_end_of(event, rule->machine->now);
    return rule_report(rule, level_of(cpu, pending), &write, &consumer, text);
}

/* The halves whose EPDn is in `halves` are switched on by a write to `by`: told once, for one ISB
 * serves them all. */
static bool on(struct rule *rule, const struct trace_event *event, uint64_t halves,
               enum machine_register by)
{
    enum { VALUE_TEXT = 24 };
    const struct machine_cpu *cpu = &rule->machine->cpus[event->cpu];
    const struct machine_pending *pending = NULL;
    const struct half *half = NULL;
    for (size_t i = 0; i < HALVES; i++) {
        const struct machine_pending *of_half =
            (halves & HALF[i].disabled) != 0 ? newest(cpu, &HALF[i], by) : NULL;
        if (of_half != NULL && (pending == NULL || of_half->event > pending->event)) {
            pending = of_half;
            half = &HALF[i];
        }
    }
    rule->consumers += halves != 0;
    if (pending == NULL) {
        return true;
    }
    struct finding_text text;
    char before[VALUE_TEXT];
    const char *name = machine_register_name(pending->reg);
    put_old_value(pending, before, sizeof(before));
    snprintf(text.missing, ORDER_TEXT,
             "no context synchronization event (ISB, ERET, exception entry) between the write of "
             "%s and the write of %s that enables walks of the %s half",
             name, machine_register_name(by), half->name);
    snprintf(text.detail, ORDER_TEXT,
             "%sthe writes may take effect in any order: a walk of an address that nobody uses may "
             "%s (%s was %s), and the TLB may keep what it finds",
             cpu->regs[pending->reg].known ? "" : "operand unknown: ",
             pending->reg == half->ttbr ? "start from the old root" : "go by the old value", name,
             before);
    snprintf(text.fix, ORDER_TEXT, "put an ISB behind the MSR to %s, before the MSR to %s", name,
             machine_register_name(by));
    return report(rule, event, pending, &text);
}

/* TCR_EL1, MMU on: which halves it opens. */
static bool on_tcr(struct rule *rule, const struct trace_event *event)
{
    const struct machine_cpu *cpu = &rule->machine->cpus[event->cpu];
    const struct machine_value *before = &cpu->regs[MACHINE_TCR_EL1];
    if (!machine_mmu_on(cpu) || !before->known) {
        return true;
    }
    return on(rule, event, before->value & ~event->value & BOTH_DISABLED, MACHINE_TCR_EL1);
}

/* SCTLR_EL1: M allows walks of the halves that TCR_EL1 does not close. */
static bool on_sctlr(struct rule *rule, const struct trace_event *event)
{
    const struct machine_cpu *cpu = &rule->machine->cpus[event->cpu];
    const struct machine_value *before = &cpu->regs[MACHINE_SCTLR_EL1];
    const struct machine_value *tcr = &cpu->regs[MACHINE_TCR_EL1];
    if (!before->known || (~before->value & event->value & SCTLR_EL1_M_BIT) == 0 || !tcr->known) {
        return true;
    }
    return on(rule, event, ~tcr->value & BOTH_DISABLED, MACHINE_SCTLR_EL1);
}

/* The half's root is replaced: that walks of it are off may not be so yet. */
static bool on_root(struct rule *rule, const struct trace_event *event, const struct half *half)
{
    struct machine *machine = rule->machine;
    const struct machine_cpu *cpu = &machine->cpus[event->cpu];
    const struct machine_pending *tcr = machine_first_pending(cpu, MACHINE_TCR_EL1);
    const struct machine_value *now = &cpu->regs[MACHINE_TCR_EL1];
    uint64_t root = event->value & TTBR0_EL1_BADDR_MASK;
    if (tcr == NULL || !now->known || (now->value & half->disabled) == 0 ||
        !machine_changed(cpu, tcr, half->disabled) || !machine_mmu_on(cpu)) {
        return true;
    }
    rule->consumers++;
    if (root != 0 || tables_find(&machine->tables, root) != NULL) {
        return true;
    }
    struct finding_text text;
    const char *name = machine_register_name(half->ttbr);
    snprintf(text.missing, ORDER_TEXT,
             "no context synchronization event (ISB, ERET, exception entry) between the write of "
             "TCR_EL1 that disables walks of the %s half and the write of %s",
             half->name, name);
    snprintf(
        text.detail, ORDER_TEXT,
        "the writes may take effect in any order: a walk may start from the new root, 0x%" PRIx64
        ", which is no table, and the TLB may keep what it finds",
        root);
    snprintf(text.fix, ORDER_TEXT, "put an ISB behind the MSR to TCR_EL1, before the MSR to %s",
             name);
    return report(rule, event, tcr, &text);
}

static bool is_control(enum machine_register reg)
{
    return reg == MACHINE_TTBR0_EL1 || reg == MACHINE_TTBR1_EL1 || reg == MACHINE_TCR_EL1 ||
           reg == MACHINE_MAIR_EL1;
}

static bool on_event(struct rule *rule, const struct trace_event *event)
{
    if (a64_class(event->opcode) != A64_MSR) {
        return true;
    }
    const struct machine_cpu *cpu = &rule->machine->cpus[event->cpu];
    enum machine_register reg = machine_register_written(cpu, a64_sys(event->opcode));
    bool known = (event->flags & TRACE_EVENT_VALUE) != 0;
    if (reg == MACHINE_REGISTERS || !machine_in_own_regime(cpu, reg)) {
        return true;
    }
    const struct machine_value *before = &cpu->regs[reg];
    rule->subjects +=
        is_control(reg) && (!known || !before->known || before->value != event->value);
    if (!known) {
        return true;
    }
    switch (reg) {
    case MACHINE_TCR_EL1:
        return on_tcr(rule, event);
    case MACHINE_SCTLR_EL1:
        return on_sctlr(rule, event);
    case MACHINE_TTBR0_EL1:
    case MACHINE_TTBR1_EL1:
        return on_root(rule, event, &HALF[reg == MACHINE_TTBR1_EL1]);
    default:
        return true;
    }
}

const struct rule_module RULE_CONTROLS_BEFORE_WALKS = {
    .info =
        {
            .id = "controls-before-walks",
            .title = "What a table walk depends on takes effect by a context synchronization event "
                     "before walks are enabled, and walks are off before their root goes",
            .section =
                "DDI 0487, D24.1.2.2 \"Synchronization requirements for AArch64 System registers\"",
            .level = ORDER_ERROR,
        },
    .needs = TRACE_OPERANDS,
    .kinds = RULE_KIND(TRACE_EVENT_INSN),
    .event = on_event,
};
