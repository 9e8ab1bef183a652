/* HAL: one monotonic counter and one deadline. */
#ifndef TYRNE_HAL_TIMER_H
#define TYRNE_HAL_TIMER_H

#include <stdint.h>

/* Ticks a second of the counter; constant. */
uint64_t hal_timer_hz(void);

/* The counter now, in ticks, never going backwards. */
uint64_t hal_timer_now(void);

/* The interrupt that the deadline raises. */
uint32_t hal_timer_intid(void);

/* Raise the timer's interrupt once the counter has reached `deadline` (ticks). */
void hal_timer_arm(uint64_t deadline);

/* No deadline; a raised interrupt of the timer goes away. */
void hal_timer_disarm(void);

#endif
