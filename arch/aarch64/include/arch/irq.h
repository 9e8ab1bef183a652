/* What the CPU's interrupt path needs of the board. */
#ifndef ARCH_IRQ_H
#define ARCH_IRQ_H

/*
 * Ask the board's interrupt controller what is pending, hand it to irq_dispatch(), end it there.
 * Called once for each IRQ exception, high half, interrupts masked, on the interrupted context's
 * kernel stack. Nothing pending after all (a spurious interrupt) is no error.
 */
void board_irq_handle(void);

#endif
