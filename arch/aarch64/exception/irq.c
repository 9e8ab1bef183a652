#include <tyrne/hal/irq.h>

#include <arch/cpu.h>
#include <arch/irq.h>
#include <arch/trap_frame.h>

void exception_irq(struct trap_frame *frame)
{
    /* The boot is masked from its first instruction on: an IRQ in the low half has no explanation,
     * and the interrupt controller is not mapped there. */
    if (!cpu_pc_is_high()) {
        exception_fatal(VECTOR_IRQ_SAME_EL, frame, (uint64_t)(uintptr_t)(frame + 1));
    }
    board_irq_handle();
}

void hal_irq_window(void)
{
    cpu_irq_window();
}

void hal_wait_for_interrupt(void)
{
    cpu_wait_for_interrupt();
}
