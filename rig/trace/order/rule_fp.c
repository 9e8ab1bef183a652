/*
 * fp-before-use: a trap of SIMD, floating point, SVE or SME is changed, and an instruction that it
 * applies to executes before a context synchronization event.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "rule.h"
#include "sysregs.h"

enum { OPCODE_BYTES = 4 };

/* DDI 0487, CPACR_EL1 (and CPTR_EL2 with E2H): ZEN, FPEN, SMEN; CPTR_EL2 without: TZ, TFP, TSM. */
#define CPACR_TRAPS UINT64_C(0x03330000)
#define CPTR_TRAPS  UINT64_C(0x00001500)

struct fp_state {
    uint64_t *reported; /* for each CPU: event + 1 of the write reported last */
};

static uint64_t trap_bits(const struct machine_cpu *cpu, enum machine_register reg)
{
    const struct machine_value *hcr = &cpu->regs[MACHINE_HCR_EL2];
    bool e2h = hcr->known && (hcr->value & HCR_EL2_E2H_BIT) != 0;
    return reg == MACHINE_CPACR_EL1 || e2h ? CPACR_TRAPS : CPTR_TRAPS;
}

static const struct machine_pending *pending_write(const struct machine_cpu *cpu)
{
    enum machine_register reg = cpu->el == 2 ? MACHINE_CPTR_EL2 : MACHINE_CPACR_EL1;
    const struct machine_pending *write = machine_first_pending(cpu, reg);
    return write != NULL && machine_changed(cpu, write, trap_bits(cpu, reg)) ? write : NULL;
}

/* The first instruction of the block that uses SIMD&FP with no CSE of the block before it. */
static bool find_use(const struct trace_code *code, uint32_t *index)
{
    const uint32_t *opcodes = trace_code_opcodes(code);
    for (uint32_t i = 0; i < code->insns; i++) {
        enum a64_class class = a64_class(opcodes[i]);
        if (class == A64_ISB || class == A64_ERET) {
            return false;
        }
        if (a64_uses_fp(opcodes[i])) {
            *index = i;
            return true;
        }
    }
    return false;
}

static bool report(struct rule *rule, const struct trace_event *event,
                   const struct machine_pending *write, uint32_t index)
{
    const struct machine_value *now = &rule->machine->cpus[event->cpu].regs[write->reg];
    const char *name = machine_register_name(write->reg);
    const struct trace_code *code = event_code(rule->machine->trace, event);
    struct finding_text text;
    snprintf(text.missing, ORDER_TEXT,
             "no context synchronization event (ISB, ERET, exception entry) between the write of "
             "%s and the SIMD&FP or SVE instruction",
             name);
    if (!now->known || write->before.lost) {
        snprintf(text.detail, ORDER_TEXT,
                 "operand unknown: whether the traps of %s change cannot be told", name);
    } else if (write->before.known) {
        snprintf(text.detail, ORDER_TEXT,
                 "the traps may still be those of the old %s (0x%" PRIx64
                 "), not of the new one (0x%" PRIx64 ")",
                 name, write->before.value, now->value);
    } else {
        snprintf(text.detail, ORDER_TEXT,
                 "the traps may still be those of %s as reset left it, not of 0x%" PRIx64, name,
                 now->value);
    }
    snprintf(text.fix, ORDER_TEXT, "put an ISB behind the MSR to %s", name);
    struct order_end end = order_end_of_pending(write, event->cpu);
    struct order_end consumer = order_end_of(event, rule->machine->now);
    consumer.pc = event->pc + (uint64_t)index * OPCODE_BYTES;
    consumer.pc_pa = index == 0 ? event->pc_pa : TRACE_UNKNOWN_ADDRESS;
    consumer.opcode = trace_code_opcodes(code)[index];
    bool proven = now->known && !write->before.lost;
    return rule_report(rule, proven ? ORDER_ERROR : ORDER_NOTE, &end, &consumer, &text);
}

static void see_write(struct rule *rule, const struct trace_event *event)
{
    const struct machine_cpu *cpu = &rule->machine->cpus[event->cpu];
    enum machine_register reg = machine_register_written(cpu, a64_sys(event->opcode));
    if ((reg == MACHINE_CPACR_EL1 || reg == MACHINE_CPTR_EL2) && machine_in_own_regime(cpu, reg)) {
        rule->subjects++;
    }
}

static bool on_event(struct rule *rule, const struct trace_event *event)
{
    struct fp_state *state = rule->state;
    const struct machine_cpu *cpu = &rule->machine->cpus[event->cpu];
    if (state->reported == NULL) {
        state->reported = calloc(rule->machine->cpu_count, sizeof(state->reported[0]));
        if (state->reported == NULL) {
            return false;
        }
    }
    if (event->kind == TRACE_EVENT_INSN) {
        if (a64_class(event->opcode) == A64_MSR) {
            see_write(rule, event);
        }
        return true;
    }
    const struct machine_pending *write = cpu->pending_count == 0 ? NULL : pending_write(cpu);
    if (write == NULL || state->reported[event->cpu] > write->event) {
        return true;
    }
    uint32_t index;
    rule->consumers++;
    if (!find_use(event_code(rule->machine->trace, event), &index)) {
        return true;
    }
    state->reported[event->cpu] = write->event + 1;
    return report(rule, event, write, index);
}

static void give_back(struct rule *rule)
{
    struct fp_state *state = rule->state;
    free(state->reported);
}

const struct rule_module RULE_FP_BEFORE_USE = {
    .info =
        {
            .id = "fp-before-use",
            .title = "A change of the SIMD&FP traps takes effect by a context synchronization "
                     "event before an instruction that they apply to",
            .section =
                "DDI 0487, D24.1.2.2 \"Synchronization requirements for AArch64 System registers\"",
            .level = ORDER_ERROR,
        },
    .needs = TRACE_STORES,
    .kinds = RULE_KIND(TRACE_EVENT_INSN) | RULE_KIND(TRACE_EVENT_BLOCK),
    .state_size = sizeof(struct fp_state),
    .event = on_event,
    .free = give_back,
};
