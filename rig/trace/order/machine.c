#include "machine.h"

#include "sysregs.h"

enum machine_register machine_register_of(uint32_t sys)
{
    switch (sys) {
    case A64_SCTLR_EL1:
    case A64_SCTLR_EL12:
        return MACHINE_SCTLR_EL1;
    case A64_TCR_EL1:
    case A64_TCR_EL12:
        return MACHINE_TCR_EL1;
    case A64_TTBR0_EL1:
    case A64_TTBR0_EL12:
        return MACHINE_TTBR0_EL1;
    case A64_TTBR1_EL1:
    case A64_TTBR1_EL12:
        return MACHINE_TTBR1_EL1;
    case A64_MAIR_EL1:
    case A64_MAIR_EL12:
        return MACHINE_MAIR_EL1;
    case A64_VBAR_EL1:
    case A64_VBAR_EL12:
        return MACHINE_VBAR_EL1;
    case A64_CPACR_EL1:
    case A64_CPACR_EL12:
        return MACHINE_CPACR_EL1;
    case A64_SPSR_EL1:
    case A64_SPSR_EL12:
        return MACHINE_SPSR_EL1;
    case A64_CONTEXTIDR_EL1:
        return MACHINE_CONTEXTIDR_EL1;
    case A64_SCTLR_EL2:
        return MACHINE_SCTLR_EL2;
    case A64_TCR_EL2:
        return MACHINE_TCR_EL2;
    case A64_TTBR0_EL2:
        return MACHINE_TTBR0_EL2;
    case A64_MAIR_EL2:
        return MACHINE_MAIR_EL2;
    case A64_VBAR_EL2:
        return MACHINE_VBAR_EL2;
    case A64_CPTR_EL2:
        return MACHINE_CPTR_EL2;
    case A64_HCR_EL2:
        return MACHINE_HCR_EL2;
    case A64_SPSR_EL2:
        return MACHINE_SPSR_EL2;
    default:
        return MACHINE_REGISTERS;
    }
}

/* EL2's register that a name of EL1 reaches at EL2: DDI 0487, HCR_EL2.E2H. TTBR1_EL2 and
 * CONTEXTIDR_EL2 are not followed. */
static enum machine_register redirected(enum machine_register reg)
{
    static const uint8_t TO_EL2[MACHINE_REGISTERS] = {
        [MACHINE_SCTLR_EL1] = MACHINE_SCTLR_EL2,      [MACHINE_TCR_EL1] = MACHINE_TCR_EL2,
        [MACHINE_TTBR0_EL1] = MACHINE_TTBR0_EL2,      [MACHINE_TTBR1_EL1] = MACHINE_REGISTERS,
        [MACHINE_MAIR_EL1] = MACHINE_MAIR_EL2,        [MACHINE_VBAR_EL1] = MACHINE_VBAR_EL2,
        [MACHINE_CPACR_EL1] = MACHINE_CPTR_EL2,       [MACHINE_SPSR_EL1] = MACHINE_SPSR_EL2,
        [MACHINE_CONTEXTIDR_EL1] = MACHINE_REGISTERS,
    };
    return reg <= MACHINE_CONTEXTIDR_EL1 ? (enum machine_register)TO_EL2[reg] : reg;
}

enum machine_register machine_register_written(const struct machine_cpu *cpu, uint32_t sys)
{
    enum { OP1_EL12 = 5 };
    enum machine_register reg = machine_register_of(sys);
    const struct machine_value *hcr = &cpu->regs[MACHINE_HCR_EL2];
    bool redirects = cpu->el == 2 && hcr->known && (hcr->value & HCR_EL2_E2H_BIT) != 0;
    return redirects && (sys >> 11 & 7) != OP1_EL12 ? redirected(reg) : reg;
}

const char *machine_register_name(enum machine_register reg)
{
    static const char NAMES[MACHINE_REGISTERS][16] = {
        [MACHINE_SCTLR_EL1] = "SCTLR_EL1",
        [MACHINE_TCR_EL1] = "TCR_EL1",
        [MACHINE_TTBR0_EL1] = "TTBR0_EL1",
        [MACHINE_TTBR1_EL1] = "TTBR1_EL1",
        [MACHINE_MAIR_EL1] = "MAIR_EL1",
        [MACHINE_VBAR_EL1] = "VBAR_EL1",
        [MACHINE_CPACR_EL1] = "CPACR_EL1",
        [MACHINE_SPSR_EL1] = "SPSR_EL1",
        [MACHINE_CONTEXTIDR_EL1] = "CONTEXTIDR_EL1",
        [MACHINE_SCTLR_EL2] = "SCTLR_EL2",
        [MACHINE_TCR_EL2] = "TCR_EL2",
        [MACHINE_TTBR0_EL2] = "TTBR0_EL2",
        [MACHINE_MAIR_EL2] = "MAIR_EL2",
        [MACHINE_VBAR_EL2] = "VBAR_EL2",
        [MACHINE_CPTR_EL2] = "CPTR_EL2",
        [MACHINE_HCR_EL2] = "HCR_EL2",
        [MACHINE_SPSR_EL2] = "SPSR_EL2",
    };
    return reg < MACHINE_REGISTERS ? NAMES[reg] : "no register";
}

const struct machine_pending *machine_first_pending(const struct machine_cpu *cpu,
                                                    enum machine_register reg)
{
    for (unsigned int i = 0; i < cpu->pending_count; i++) {
        if (cpu->pending[i].reg == reg) {
            return &cpu->pending[i];
        }
    }
    return NULL;
}

bool machine_changed(const struct machine_cpu *cpu, const struct machine_pending *pending,
                     uint64_t bits)
{
    const struct machine_value *now = &cpu->regs[pending->reg];
    return !pending->before.known || !now->known ||
           ((pending->before.value ^ now->value) & bits) != 0;
}

bool machine_in_own_regime(const struct machine_cpu *cpu, enum machine_register reg)
{
    bool of_el2 = reg >= MACHINE_SCTLR_EL2;
    return of_el2 ? cpu->el == 2 || cpu->el == TRACE_EL_UNKNOWN
                  : cpu->el <= 1 || cpu->el == TRACE_EL_UNKNOWN;
}

static bool take(const struct machine_cpu *cpu, enum machine_register reg, uint64_t *value)
{
    *value = cpu->regs[reg].value;
    return cpu->regs[reg].known;
}

bool machine_walk_regs(const struct machine *machine, const struct machine_cpu *cpu, uint64_t va,
                       struct rig_walk_regs *regs)
{
    enum { HALF_SELECT_BIT = 55 };
    bool upper = (va >> HALF_SELECT_BIT & 1) != 0;
    *regs = (struct rig_walk_regs){
        .id_aa64mmfr0 = machine->features.id_aa64mmfr0,
        .id_aa64mmfr1 = machine->features.id_aa64mmfr1,
        .id_aa64mmfr2 = machine->features.id_aa64mmfr2,
    };
    bool sctlr = take(cpu, MACHINE_SCTLR_EL1, &regs->sctlr);
    bool tcr = take(cpu, MACHINE_TCR_EL1, &regs->tcr);
    bool ttbr0 = take(cpu, MACHINE_TTBR0_EL1, &regs->ttbr0);
    bool ttbr1 = take(cpu, MACHINE_TTBR1_EL1, &regs->ttbr1);
    bool mair = take(cpu, MACHINE_MAIR_EL1, &regs->mair);
    if (!sctlr || (regs->sctlr & SCTLR_EL1_M_BIT) == 0) {
        return sctlr;
    }
    return tcr && mair && (upper ? ttbr1 : ttbr0);
}

bool machine_translate(struct machine *machine, const struct machine_cpu *cpu, uint64_t va,
                       struct rig_walk_result *result)
{
    struct rig_walk_regs regs;
    if (cpu->el == 2) {
        const struct machine_value *sctlr = &cpu->regs[MACHINE_SCTLR_EL2];
        if (!sctlr->known || (sctlr->value & SCTLR_EL1_M_BIT) != 0) { /* M: the same bit */
            return false;
        }
        regs = (struct rig_walk_regs){.id_aa64mmfr0 = machine->features.id_aa64mmfr0};
    } else if (cpu->el == 3 || !machine_walk_regs(machine, cpu, va, &regs)) {
        return false;
    }
    enum rig_walk_status status = rig_walk(&regs, tables_read, &machine->tables, va, result);
    return status != RIG_WALK_READ_FAILED && status != RIG_WALK_UNSUPPORTED &&
           status != RIG_WALK_STOPPED && status != RIG_WALK_LIMIT;
}

bool machine_synchronizes(const struct machine *machine, const struct machine_cpu *cpu, uint8_t el,
                          uint64_t bit)
{
    const struct machine_value *sctlr = &cpu->regs[el == 2 ? MACHINE_SCTLR_EL2 : MACHINE_SCTLR_EL1];
    return !machine->features.exs || !sctlr->known || (sctlr->value & bit) != 0;
}

static bool sctlr_has(const struct machine_cpu *cpu, uint64_t bits)
{
    const struct machine_value *sctlr = &cpu->regs[MACHINE_SCTLR_EL1];
    return sctlr->known && (sctlr->value & bits) == bits;
}

bool machine_mmu_on(const struct machine_cpu *cpu)
{
    return sctlr_has(cpu, SCTLR_EL1_M_BIT);
}

bool machine_caches_on(const struct machine_cpu *cpu)
{
    return sctlr_has(cpu, SCTLR_EL1_M_BIT | SCTLR_EL1_C_BIT);
}
