#include "va_range.h"

#include "sysregs.h"

enum { LEVELS = 4, PAGE_4K = 12, PAGE_16K = 14, PAGE_64K = 16 };

unsigned int va_page_bits(const struct machine_cpu *cpu, bool upper)
{
    const struct machine_value *tcr = &cpu->regs[MACHINE_TCR_EL1];
    if (!tcr->known) {
        return PAGE_4K;
    }
    uint64_t field = tcr->value & (upper ? TCR_EL1_TG1_MASK : TCR_EL1_TG0_MASK);
    if (field == (upper ? TCR_EL1_TG1_16K : TCR_EL1_TG0_16K)) {
        return PAGE_16K;
    }
    return field == (upper ? TCR_EL1_TG1_64K : TCR_EL1_TG0_64K) ? PAGE_64K : PAGE_4K;
}

/* The lowest address of the half. */
static uint64_t base_of(const struct machine_cpu *cpu, bool upper)
{
    uint64_t tcr = cpu->regs[MACHINE_TCR_EL1].value;
    unsigned int t1sz = (unsigned int)((tcr & TCR_EL1_T1SZ_MASK) >> TCR_EL1_T1SZ_SHIFT);
    return upper && t1sz != 0 ? UINT64_MAX << (64 - t1sz) : 0;
}

bool va_range_of(const struct machine *machine, const struct machine_cpu *cpu, uint64_t word_pa,
                 struct va_range *range)
{
    const struct table_frame *frame = tables_find(&machine->tables, word_pa);
    if (frame == NULL || !cpu->regs[MACHINE_TCR_EL1].known) {
        return false;
    }
    bool upper = frame->upper != 0;
    const struct machine_value *ttbr = &cpu->regs[upper ? MACHINE_TTBR1_EL1 : MACHINE_TTBR0_EL1];
    unsigned int page = va_page_bits(cpu, upper);
    range->first = base_of(cpu, upper);
    for (unsigned int steps = 0; steps < LEVELS; steps++) {
        unsigned int level = frame->level;
        uint64_t span = UINT64_C(1) << (page + (LEVELS - 1 - level) * (page - 3));
        range->first += (word_pa - frame->pa) / sizeof(uint64_t) * span;
        range->last = steps == 0 ? span : range->last;
        if (ttbr->known && frame->pa == (ttbr->value & TTBR0_EL1_BADDR_MASK)) {
            range->last += range->first - 1;
            return true;
        }
        if (!tables_parent(&machine->tables, frame->pa, &word_pa)) {
            return false;
        }
        frame = tables_find(&machine->tables, word_pa);
        if (frame == NULL || level == 0 || frame->level != level - 1) {
            return false;
        }
    }
    return false;
}
