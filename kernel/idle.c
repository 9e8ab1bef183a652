#include <tyrne/bringup.h>

#include <tyrne/hal/irq.h>

_Noreturn void idle_run(void *core)
{
    struct sched *sched = &((struct core *)core)->sched;

    for (;;) {
        /* The only place where interrupts are taken: no operation of the kernel is under way. */
        hal_irq_window();
        sched_yield(sched);
        if (sched_task_count(sched) == 0) {
            bring_up_end();
        }
        /* An interrupt that came since the window is pending, so this returns at once. */
        hal_wait_for_interrupt();
    }
}
