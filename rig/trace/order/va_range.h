/* Which virtual addresses a word of a translation table is for. */
#ifndef RIG_ORDER_VA_RANGE_H
#define RIG_ORDER_VA_RANGE_H

#include "machine.h"

struct va_range {
    uint64_t first, last; /* inclusive */
};

/* Bits of a page of the half's granule as TCR_EL1 of the CPU says; 12 when it is not known. */
unsigned int va_page_bits(const struct machine_cpu *cpu, bool upper);

/*
 * The range that the word translates when the CPU's TTBRs are the roots, by climbing from table to
 * table. A table that is linked in several places gives one of its ranges. False when no way up is
 * known.
 */
bool va_range_of(const struct machine *machine, const struct machine_cpu *cpu, uint64_t word_pa,
                 struct va_range *range);

#endif
