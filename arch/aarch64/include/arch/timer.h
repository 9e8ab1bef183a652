/*
 * The EL1 virtual timer and its counter (DDI 0487, "The Generic Timer in AArch64 state").
 */
#ifndef ARCH_TIMER_H
#define ARCH_TIMER_H

#include <stdint.h>
#include <sysregs.h>

/* CNTFRQ_EL0: ticks a second of the counter, as the firmware said. */
static inline uint64_t timer_read_frequency(void)
{
    uint64_t value;

    __asm__ volatile("mrs %0, cntfrq_el0" : "=r"(value));
    return value;
}

/* CNTVCT_EL0. */
static inline uint64_t timer_read_counter(void)
{
    uint64_t value;

    /* For: the read, which may otherwise be made ahead of program order (DDI 0487, CNTVCT_EL0). */
    __asm__ volatile("isb\n\t"
                     "mrs %0, cntvct_el0"
                     : "=r"(value)
                     :
                     : "memory");
    return value;
}

/* Raise the timer's interrupt when the counter reaches `deadline`. */
static inline void timer_arm(uint64_t deadline)
{
    __asm__ volatile("msr cntv_cval_el0, %0\n\t" /* before ENABLE: an old deadline never fires */
                     "msr cntv_ctl_el0, %1\n\t"  /* IMASK = 0 */
                     "isb"                       /* for: the timer, before what comes next */
                     :
                     : "r"(deadline), "r"(CNTV_CTL_EL0_ENABLE_BIT)
                     : "memory");
}

/* No deadline; the timer's interrupt line is low. */
static inline void timer_disarm(void)
{
    __asm__ volatile("msr cntv_ctl_el0, xzr\n\t"
                     "isb" /* for: the line, before an end of interrupt that comes next */
                     ::
                         : "memory");
}

#endif
