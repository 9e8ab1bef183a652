/*
 * Reading the CPU's state. Writing translation controls is not here: those transitions own their
 * barriers (boot/migrate.S).
 */
#ifndef ARCH_CPU_H
#define ARCH_CPU_H

#include <stdbool.h>
#include <stdint.h>

/* True when the code runs in the TTBR1 half: the PC's top bit (DDI 0487, D8.1 "VA range"). */
static inline bool cpu_pc_is_high(void)
{
    int64_t pc;

    __asm__("adr %0, ." : "=r"(pc));
    return pc < 0;
}

/* ESR_EL1: the syndrome of the last exception taken to EL1. */
static inline uint64_t cpu_read_esr(void)
{
    uint64_t value;

    __asm__ volatile("mrs %0, esr_el1" : "=r"(value));
    return value;
}

/* FAR_EL1: the faulting address of the last abort or alignment fault taken to EL1. */
static inline uint64_t cpu_read_far(void)
{
    uint64_t value;

    __asm__ volatile("mrs %0, far_el1" : "=r"(value));
    return value;
}

/* Wait for an interrupt for ever; with DAIF masked this is a halt. */
static inline _Noreturn void cpu_halt(void)
{
    for (;;) {
        __asm__ volatile("wfi" ::: "memory");
    }
}

#endif
