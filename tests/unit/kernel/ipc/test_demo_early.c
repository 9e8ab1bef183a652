/*
 * The demonstration's sleeper, woken by a timer interrupt that comes too early: it says so. One
 * run, for the kernel registers the timer's interrupt once.
 */
#include "fake_console.h"
#include "fake_irq.h"
#include "running.h"

#include <string.h>
#include <tyrne/bringup.h>

static void an_early_interrupt_is_a_missed_deadline(void **state)
{
    struct object_ref idle;

    (void)running_setup(state);
    fake_console_clear();
    fake_irq_reset(1000);
    idle = running_create(idle_run, &world);
    assert_status(sched_set_idle(&world.sched, idle), STATUS_OK);
    demo_create(&world, idle, running_create(running_note_and_exit, "program"));
    assert_true(fake_irq_enabled(FAKE_TIMER_INTID));
    fake_irq_raise(FAKE_TIMER_INTID);
    assert_int_equal(running_go(), RUN_POWERED_OFF);
    assert_non_null(
        strstr(fake_console_text(), "tyrne: task S \xe2\x80\x94 deadline missed (label=0xcccc)\n"));
    assert_int_equal(fake_irq_sleeps(), 0);
    assert_int_equal(fake_timer_deadline(), FAKE_TIMER_NEVER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_early_interrupt_is_a_missed_deadline),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
