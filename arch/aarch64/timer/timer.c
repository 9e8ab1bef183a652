#include <tyrne/hal/timer.h>

#include <arch/timer.h>

uint64_t hal_timer_hz(void)
{
    return timer_read_frequency();
}

uint64_t hal_timer_now(void)
{
    return timer_read_counter();
}

void hal_timer_arm(uint64_t deadline)
{
    timer_arm(deadline);
}

void hal_timer_disarm(void)
{
    timer_disarm();
}
