#include "fake_irq.h"

#include "fake_context.h"

#include <assert.h>
#include <string.h>
#include <tyrne/hal/irq.h>
#include <tyrne/hal/timer.h>
#include <tyrne/irq.h>

#define QUEUE 16U

static uint32_t pending[QUEUE];
static unsigned pending_count;
static bool enabled[IRQ_INTIDS];
static unsigned inits;
static unsigned windows;
static unsigned sleeps;

static uint64_t ticks_a_second;
static uint64_t counter;
static uint64_t armed;

void fake_irq_reset(uint64_t hz)
{
    pending_count = 0;
    memset(enabled, 0, sizeof(enabled));
    inits = 0;
    windows = 0;
    sleeps = 0;
    ticks_a_second = hz;
    counter = 0;
    armed = FAKE_TIMER_NEVER;
}

void fake_irq_raise(uint32_t intid)
{
    assert(pending_count < QUEUE);
    pending[pending_count] = intid;
    pending_count++;
}

bool fake_irq_enabled(uint32_t intid)
{
    return enabled[intid];
}

unsigned fake_irq_inits(void)
{
    return inits;
}

unsigned fake_irq_windows(void)
{
    return windows;
}

unsigned fake_irq_sleeps(void)
{
    return sleeps;
}

void hal_irq_controller_init(void)
{
    memset(enabled, 0, sizeof(enabled));
    inits++;
}

void hal_irq_enable(uint32_t intid)
{
    assert(intid < IRQ_INTIDS);
    enabled[intid] = true;
}

void hal_irq_window(void)
{
    windows++;
    for (unsigned i = 0; i < pending_count; i++) {
        irq_dispatch(pending[i]);
    }
    pending_count = 0;
}

/* Time passes only here: up to the deadline, which raises the timer's interrupt. */
void hal_wait_for_interrupt(void)
{
    sleeps++;
    if (pending_count != 0) {
        return;
    }
    if (armed == FAKE_TIMER_NEVER || !enabled[FAKE_TIMER_INTID]) {
        fake_run_end(RUN_STUCK);
    }
    counter = armed > counter ? armed : counter;
    fake_irq_raise(FAKE_TIMER_INTID);
}

uint64_t hal_timer_hz(void)
{
    return ticks_a_second;
}

uint64_t hal_timer_now(void)
{
    return counter;
}

uint32_t hal_timer_intid(void)
{
    return FAKE_TIMER_INTID;
}

void hal_timer_arm(uint64_t deadline)
{
    armed = deadline;
}

void hal_timer_disarm(void)
{
    armed = FAKE_TIMER_NEVER;
}

void fake_timer_pass(uint64_t ticks)
{
    counter += ticks;
}

uint64_t fake_timer_deadline(void)
{
    return armed;
}
