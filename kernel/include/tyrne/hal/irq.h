/* HAL: interrupts of this CPU and the board's interrupt controller. */
#ifndef TYRNE_HAL_IRQ_H
#define TYRNE_HAL_IRQ_H

#include <stdint.h>

/* Set the interrupt controller up, every source off. Interrupts must be masked. */
void hal_irq_controller_init(void);

/* Let interrupt `intid` (0 to 1019) through to this CPU. */
void hal_irq_enable(uint32_t intid);

/* Take whatever interrupts are pending, now, and come back with interrupts masked again. */
void hal_irq_window(void);

/* With interrupts masked: sleep until one is pending. */
void hal_wait_for_interrupt(void);

#endif
