#include "sysreg_entry.h"

#include <inttypes.h>
#include <stdio.h>

#include "sysregs.h"

enum { WORD_BYTES = 8 };

/* STR, STUR and their kin of WZR or XZR, STP and STNP of two: zero has no byte order. DDI 0487,
 * C4.1.96 "Loads and Stores". */
static bool stores_zero(uint32_t opcode)
{
    enum { ZR = 31 };
    const bool of_pair = (opcode & UINT32_C(0x3e400000)) == UINT32_C(0x28000000);
    const bool of_one = (opcode & UINT32_C(0x3ec00000)) == UINT32_C(0x38000000);
    const bool atomic = (opcode & UINT32_C(0x3f200c00)) == UINT32_C(0x38200000);
    bool zero = (opcode & 31) == ZR;
    return (of_pair && zero && (opcode >> 10 & 31) == ZR) || (of_one && !atomic && zero);
}

/* Whether what is read or written comes out otherwise in the other byte order. */
static bool has_byte_order(const struct rule *rule, const struct trace_event *event,
                           const struct regime_use *use)
{
    uint32_t opcode;
    if (event->kind == TRACE_EVENT_INSN) {
        return false; /* DC ZVA */
    }
    uint32_t bytes = event->kind == TRACE_EVENT_ACCESS ? event->opcode : WORD_BYTES;
    return bytes > 1 &&
           (use->kind == REGIME_READ ||
            !event_trace_opcode(rule->machine->trace, event->pc, &opcode) || !stores_zero(opcode));
}

bool sysreg_entry_judge(struct rule *rule, const struct trace_event *event,
                        const struct regime_use *use, uint64_t *reported)
{
    const struct machine_cpu *cpu = &rule->machine->cpus[event->cpu];
    enum machine_register reg = cpu->el == 2 ? MACHINE_SCTLR_EL2 : MACHINE_SCTLR_EL1;
    const struct machine_pending *write = machine_first_pending(cpu, reg);
    const struct machine_value *now = &cpu->regs[reg];
    if (write == NULL || !write->before.at_entry || !now->known ||
        (now->value & SCTLR_EL1_M_BIT) != 0 ||
        (use->kind != REGIME_READ && use->kind != REGIME_WRITE)) {
        return true;
    }
    rule->consumers++;
    if (*reported > write->event || !has_byte_order(rule, event, use)) {
        return true;
    }
    *reported = write->event + 1;
    const char *name = machine_register_name(reg);
    struct finding_text text;
    snprintf(text.missing, ORDER_TEXT,
             "no context synchronization event (ISB, ERET, exception entry) between the first "
             "write of %s and the %s",
             name, regime_word(use->kind));
    snprintf(text.detail, ORDER_TEXT,
             "VA 0x%" PRIx64 ": the byte order (%s.EE) is %s endian by the write; before it, it is "
             "unknown, as reset or the loader left it",
             use->va, name, (now->value & SCTLR_EL1_EE_BIT) != 0 ? "big" : "little");
    snprintf(text.fix, ORDER_TEXT, "put an ISB behind the MSR to %s, before the %s", name,
             regime_word(use->kind));
    struct order_end end = order_end_of_pending(write, event->cpu);
    struct order_end consumer = order_end_of(event, rule->machine->now);
    consumer.address = use->va;
    consumer.has_address = true;
    return rule_report(rule, ORDER_NOTE, &end, &consumer, &text);
}
