/*
 * hcr-before-use: HCR_EL2.E2H changes at EL2, or may, and before a context synchronization event a
 * register is accessed by a name of which E2H decides what it reaches. Hardware may use the old E2H
 * or the new one.
 *
 * With E2H at 1 a name of EL1 reaches EL2's register at EL2, and the names _EL12 and _EL02 reach
 * EL1's; with 0 the latter are undefined (DDI 0487, HCR_EL2.E2H): the wrong register is read or
 * written, an error. On a CPU that is known to lack FEAT_VHE, which has no E2H, it is a note: the
 * image cannot know on which CPU it runs. So is a first write behind a read: it may give E2H back
 * as it was.
 *
 * CPTR_EL2, CNTHCTL_EL2 and TCR_EL2 have another layout with each E2H, and need nothing: they keep
 * every bit that is written, also where it is RES0 in the layout of the moment (Glossary, "RES0").
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "rule.h"
#include "sysregs.h"

enum { OP1_EL12 = 5 };

/* What E2H decides of an access. */
struct name {
    uint32_t sys;
    const char *name;
    const char *other; /* the register that it reaches with E2H at 1 */
};

/* DDI 0487, the accessors of each register; those of extensions are told by their encoding only. */
static const struct name NAMES[] = {
    {A64_SCTLR_EL1, "SCTLR_EL1", "SCTLR_EL2"},
    {A64_CPACR_EL1, "CPACR_EL1", "CPTR_EL2"},
    {A64_SYS(3, 0, 1, 2, 0), "ZCR_EL1", "ZCR_EL2"},
    {A64_SYS(3, 0, 1, 2, 1), "TRFCR_EL1", "TRFCR_EL2"},
    {A64_SYS(3, 0, 1, 2, 6), "SMCR_EL1", "SMCR_EL2"},
    {A64_TTBR0_EL1, "TTBR0_EL1", "TTBR0_EL2"},
    {A64_TTBR1_EL1, "TTBR1_EL1", "TTBR1_EL2"},
    {A64_TCR_EL1, "TCR_EL1", "TCR_EL2"},
    {A64_SYS(3, 0, 2, 0, 3), "TCR2_EL1", "TCR2_EL2"},
    {A64_SPSR_EL1, "SPSR_EL1", "SPSR_EL2"},
    {A64_ELR_EL1, "ELR_EL1", "ELR_EL2"},
    {A64_SYS(3, 0, 5, 1, 0), "AFSR0_EL1", "AFSR0_EL2"},
    {A64_SYS(3, 0, 5, 1, 1), "AFSR1_EL1", "AFSR1_EL2"},
    {A64_SYS(3, 0, 5, 2, 0), "ESR_EL1", "ESR_EL2"},
    {A64_SYS(3, 0, 5, 6, 0), "TFSR_EL1", "TFSR_EL2"},
    {A64_SYS(3, 0, 6, 0, 0), "FAR_EL1", "FAR_EL2"},
    {A64_SYS(3, 0, 9, 9, 0), "PMSCR_EL1", "PMSCR_EL2"},
    {A64_MAIR_EL1, "MAIR_EL1", "MAIR_EL2"},
    {A64_SYS(3, 0, 10, 2, 2), "PIRE0_EL1", "PIRE0_EL2"},
    {A64_SYS(3, 0, 10, 2, 3), "PIR_EL1", "PIR_EL2"},
    {A64_SYS(3, 0, 10, 3, 0), "AMAIR_EL1", "AMAIR_EL2"},
    {A64_VBAR_EL1, "VBAR_EL1", "VBAR_EL2"},
    {A64_CONTEXTIDR_EL1, "CONTEXTIDR_EL1", "CONTEXTIDR_EL2"},
    {A64_SYS(3, 0, 14, 1, 0), "CNTKCTL_EL1", "CNTHCTL_EL2"},
    {A64_SYS(3, 3, 14, 2, 0), "CNTP_TVAL_EL0", "CNTHP_TVAL_EL2"},
    {A64_SYS(3, 3, 14, 2, 1), "CNTP_CTL_EL0", "CNTHP_CTL_EL2"},
    {A64_SYS(3, 3, 14, 2, 2), "CNTP_CVAL_EL0", "CNTHP_CVAL_EL2"},
    {A64_SYS(3, 3, 14, 3, 0), "CNTV_TVAL_EL0", "CNTHV_TVAL_EL2"},
    {A64_SYS(3, 3, 14, 3, 1), "CNTV_CTL_EL0", "CNTHV_CTL_EL2"},
    {A64_SYS(3, 3, 14, 3, 2), "CNTV_CVAL_EL0", "CNTHV_CVAL_EL2"},
};
static const struct name ALIAS = {0, "a register named _EL12 or _EL02", NULL};

struct cpu_state {
    uint64_t reported; /* event + 1 of the write reported last: each is reported once */
    bool read;         /* before anything was written */
};

struct hcr_state {
    struct cpu_state *cpus;
};

static const struct name *name_of(uint32_t sys)
{
    if ((sys >> 14 & 3) == 3 && (sys >> 11 & 7) == OP1_EL12) {
        return &ALIAS;
    }
    for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++) {
        if (NAMES[i].sys == sys) {
            return &NAMES[i];
        }
    }
    return NULL;
}

static bool at_el2(const struct machine_cpu *cpu)
{
    return cpu->el == 2 || cpu->el == TRACE_EL_UNKNOWN;
}

static void see_write(struct rule *rule, const struct trace_event *event)
{
    const struct machine_cpu *cpu = &rule->machine->cpus[event->cpu];
    const struct machine_value *before = &cpu->regs[MACHINE_HCR_EL2];
    bool known = before->known && (event->flags & TRACE_EVENT_VALUE) != 0;
    bool same = known && ((before->value ^ event->value) & HCR_EL2_E2H_BIT) == 0;
    rule->subjects += at_el2(cpu) && !same;
}

/* A value that the trace does not tell is no proof. */
static enum order_level level_of(const struct rule *rule, const struct machine_cpu *cpu,
                                 const struct machine_pending *write, bool read)
{
    const struct machine_value *before = &write->before;
    bool proof = cpu->regs[MACHINE_HCR_EL2].known && (before->known || (!before->lost && !read));
    return proof && !rule->machine->features.no_vhe ? ORDER_ERROR : ORDER_NOTE;
}

static const char *e2h_text(const struct machine_value *value)
{
    if (!value->known) {
        return value->lost ? "unknown" : "as reset left it";
    }
    return (value->value & HCR_EL2_E2H_BIT) != 0 ? "1" : "0";
}

static void put_detail(const struct rule *rule, const struct machine_cpu *cpu,
                       const struct machine_pending *write, const struct name *name, char *text)
{
    const char *lacks = rule->machine->features.no_vhe
                            ? "; this CPU lacks FEAT_VHE and has no E2H, but the next may"
                            : "";
    int length =
        snprintf(text, ORDER_TEXT, "HCR_EL2.E2H was %s and is %s: ", e2h_text(&write->before),
                 e2h_text(&cpu->regs[MACHINE_HCR_EL2]));
    if (length < 0) {
        return;
    }
    size_t room = ORDER_TEXT - (size_t)length;
    if (name == &ALIAS) {
        snprintf(text + length, room, "the name is undefined with 0%s", lacks);
    } else {
        snprintf(text + length, room, "with 1 the name reaches %s%s", name->other, lacks);
    }
}

static bool report(struct rule *rule, const struct trace_event *event,
                   const struct machine_pending *write, const struct name *name, bool is_read)
{
    struct hcr_state *state = rule->state;
    const struct machine_cpu *cpu = &rule->machine->cpus[event->cpu];
    struct cpu_state *own = &state->cpus[event->cpu];
    if (own->reported > write->event) {
        return true;
    }
    own->reported = write->event + 1;
    struct finding_text text;
    snprintf(text.missing, ORDER_TEXT,
             "no context synchronization event (ISB, ERET, exception entry) between the write of "
             "HCR_EL2 and the %s %s",
             is_read ? "MRS of" : "MSR to", name->name);
    put_detail(rule, cpu, write, name, text.detail);
    snprintf(text.fix, ORDER_TEXT, "put an ISB behind the MSR to HCR_EL2");
    struct order_end end = order_end_of_pending(write, event->cpu);
    struct order_end consumer = order_end_of(event, rule->machine->now);
    return rule_report(rule, level_of(rule, cpu, write, own->read), &end, &consumer, &text);
}

static bool on_event(struct rule *rule, const struct trace_event *event)
{
    struct hcr_state *state = rule->state;
    enum a64_class class = a64_class(event->opcode);
    if (class != A64_MSR && class != A64_MRS) {
        return true;
    }
    if (state->cpus == NULL) {
        state->cpus = calloc(rule->machine->cpu_count, sizeof(state->cpus[0]));
        if (state->cpus == NULL) {
            return false;
        }
    }
    uint32_t sys = a64_sys(event->opcode);
    if (class == A64_MSR && sys == A64_HCR_EL2) {
        see_write(rule, event);
        return true;
    }
    const struct machine_cpu *cpu = &rule->machine->cpus[event->cpu];
    const struct machine_pending *write = machine_first_pending(cpu, MACHINE_HCR_EL2);
    if (sys == A64_HCR_EL2 && !cpu->regs[MACHINE_HCR_EL2].known) {
        state->cpus[event->cpu].read = true;
    }
    if (write == NULL || !at_el2(cpu) || !machine_changed(cpu, write, HCR_EL2_E2H_BIT)) {
        return true;
    }
    const struct name *name = name_of(sys);
    if (name == NULL) {
        return true;
    }
    rule->consumers++;
    return report(rule, event, write, name, class == A64_MRS);
}

static void give_back(struct rule *rule)
{
    struct hcr_state *state = rule->state;
    free(state->cpus);
}

const struct rule_module RULE_HCR_BEFORE_USE = {
    .info =
        {
            .id = "hcr-before-use",
            .title =
                "HCR_EL2.E2H takes effect by a context synchronization event before a register "
                "is accessed that it redirects",
            .section =
                "DDI 0487, D24.1.2.2 \"Synchronization requirements for AArch64 System registers\"",
            .level = ORDER_ERROR,
        },
    .kinds = RULE_KIND(TRACE_EVENT_INSN),
    .state_size = sizeof(struct hcr_state),
    .event = on_event,
    .free = give_back,
};
