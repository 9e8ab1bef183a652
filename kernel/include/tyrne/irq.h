/*
 * Interrupts, as the portable core sees them: a source has at most one handler. Interrupts are
 * taken only where the idle task opens its window, so a handler never interrupts another operation
 * of the kernel (docs/architecture/scheduler.md).
 */
#ifndef TYRNE_IRQ_H
#define TYRNE_IRQ_H

#include <stdint.h>
#include <tyrne/status.h>

#define IRQ_HANDLERS 4U
#define IRQ_INTIDS                                                                                 \
    1020U /* GIC: 1020 to 1023 are special (IHI 0048, 3.2.5 "Special interrupt numbers") */

typedef void (*irq_handler)(void *argument);

/*
 * Call `handler(argument)` for `intid` and let it through. OUT_OF_RANGE, IN_USE (it has a handler),
 * OBJECTS_EXHAUSTED (IRQ_HANDLERS are in use).
 */
MUST_CHECK status_t irq_register(uint32_t intid, irq_handler handler, void *argument);

/*
 * Called by the interrupt controller's driver between acknowledge and end of interrupt, never for a
 * spurious one. An interrupt without a handler is reported, once for each INTID.
 */
void irq_dispatch(uint32_t intid);

#endif
