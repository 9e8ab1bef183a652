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

/*
 * Take the IRQs that are pending, with IRQs masked before and after. ISB: an interrupt that is
 * pending and unmasked is taken before the first instruction after a context synchronization event
 * (DDI 0487, "Asynchronous exception types"); without it the mask could be back before it is taken.
 */
static inline void cpu_irq_window(void)
{
    __asm__ volatile("msr daifclr, #2\n\t"
                     "isb\n\t"
                     "msr daifset, #2" ::
                         : "memory");
}

/* Sleep until an interrupt is pending, masked or not; it may also return for no reason. */
static inline void cpu_wait_for_interrupt(void)
{
    /* DSB: everything asked of devices and memory is done before the CPU rests. */
    __asm__ volatile("dsb sy\n\t"
                     "wfi" ::
                         : "memory");
}

/* Wait for an interrupt for ever; with DAIF masked this is a halt. */
static inline _Noreturn void cpu_halt(void)
{
    for (;;) {
        __asm__ volatile("wfi" ::: "memory");
    }
}

#endif
