/* An interrupt controller whose interrupts the test raises, and a timer whose counter it sets. */
#ifndef TESTS_FAKE_IRQ_H
#define TESTS_FAKE_IRQ_H

#include <stdbool.h>
#include <stdint.h>

#define FAKE_TIMER_INTID 27U
#define FAKE_TIMER_NEVER UINT64_MAX

/* Nothing pending, nothing enabled, no deadline, counter 0 at `hz` ticks a second. */
void fake_irq_reset(uint64_t hz);

/* `intid` is pending: the next window dispatches it. */
void fake_irq_raise(uint32_t intid);

bool fake_irq_enabled(uint32_t intid);

/* How often the controller was set up, the window opened and the CPU sent to sleep. */
unsigned fake_irq_inits(void);
unsigned fake_irq_windows(void);
unsigned fake_irq_sleeps(void);

/* Let `ticks` pass. */
void fake_timer_pass(uint64_t ticks);

/* The deadline armed last, or FAKE_TIMER_NEVER. */
uint64_t fake_timer_deadline(void);

#endif
