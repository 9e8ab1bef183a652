/* The scheduler with tasks that run: order, idle, blocking, ends, and what it refuses. */
#include "running.h"

#include <string.h>
#include <tyrne/hal/power.h>

#define SCHED (&world.sched)

static struct object_ref tasks[MAX_TASKS];

static void ends(enum run_end end, const char *expected_notes)
{
    assert_int_equal(running_go(), end);
    assert_string_equal(notes(), expected_notes);
}

static void yields_twice(void *text)
{
    for (unsigned i = 0; i < 2; i++) {
        note(text);
        sched_yield(SCHED);
    }
    note(text);
    sched_exit(SCHED);
}

static void tasks_take_turns_in_the_order_of_their_start(void **state)
{
    struct object_ref late;

    (void)state;
    (void)running_idle();
    (void)running_start(yields_twice, "a");
    late = running_create(yields_twice, "c");
    (void)running_start(yields_twice, "b");
    assert_status(sched_start(SCHED, late), STATUS_OK);
    assert_int_equal(sched_task_count(SCHED), 3);
    ends(RUN_POWERED_OFF, "a b c a b c a b c idle ");
    assert_int_equal(sched_task_count(SCHED), 0);
    assert_int_equal(world.sched.current, world.sched.idle);
}

static void yields_alone(void *text)
{
    const struct core *before = &wanted;

    note(text);
    world_save();
    sched_yield(SCHED);
    assert_memory_equal(&world, before, sizeof(world));
    note(text);
    power_off();
}

static void yielding_alone_returns_at_once(void **state)
{
    (void)state;
    (void)running_start(yields_alone, "a"); /* no idle task */
    ends(RUN_POWERED_OFF, "a a ");

    (void)running_setup(state);
    (void)running_idle(); /* idle does not count as somebody to go to */
    (void)running_start(yields_alone, "b");
    ends(RUN_POWERED_OFF, "b b ");
}

/* Idle that gives way, three times. */
static void idles(void *argument)
{
    (void)argument;
    for (unsigned i = 0; i < 3; i++) {
        note("idle");
        assert_int_equal(world.sched.tasks[world.sched.idle].state, TASK_RUNNING);
        if (i == 1) {
            sched_wake(SCHED, tasks[0].index);
        }
        sched_yield(SCHED);
        for (unsigned at = 0; at < world.sched.ready; at++) {
            assert_int_not_equal(world.sched.queue[(world.sched.head + at) % MAX_TASKS],
                                 world.sched.idle);
        }
    }
    power_off();
}

static void blocks_once(void *text)
{
    note(text);
    sched_block(SCHED, 3);
    note("woken");
    sched_yield(SCHED);
    note(text);
    sched_exit(SCHED);
}

static void idle_runs_only_when_nothing_else_can(void **state)
{
    struct object_ref idle;

    (void)state;
    idle = running_create(idles, NULL);
    assert_status(sched_set_idle(SCHED, idle), STATUS_OK);
    assert_int_equal(world.sched.tasks[idle.index].state, TASK_IDLE);
    tasks[0] = running_start(blocks_once, "a");
    (void)running_start(yields_twice, "b");
    ends(RUN_POWERED_OFF, "a b b b idle idle woken a idle ");
}

static void idle_alone_is_run(void **state)
{
    (void)state;
    (void)running_idle();
    ends(RUN_POWERED_OFF, "idle ");
}

static void wakes_the_others(void *argument)
{
    (void)argument;
    assert_true(sched_waits_on(SCHED, tasks[0].index, 3));
    assert_false(sched_waits_on(SCHED, tasks[0].index, 2));
    assert_false(sched_waits_on(SCHED, world.sched.current, SCHED_NOTHING));
    assert_false(sched_waits_on(SCHED, MAX_TASKS, 3));
    assert_false(sched_waits_on(SCHED, TASK_NONE, 3));
    sched_wake(SCHED, tasks[1].index);
    sched_wake(SCHED, tasks[0].index);
    assert_false(sched_waits_on(SCHED, tasks[0].index, 3));
    assert_int_equal(world.sched.tasks[tasks[0].index].waits_on, SCHED_NOTHING);
    note("both");
    sched_exit(SCHED);
}

static void the_woken_queue_up_in_the_order_of_their_waking(void **state)
{
    (void)state;
    (void)running_idle();
    tasks[0] = running_start(blocks_once, "a");
    tasks[1] = running_start(blocks_once, "b");
    (void)running_start(wakes_the_others, NULL);
    ends(RUN_POWERED_OFF, "a b both woken woken b a idle ");
}

static void only_a_blocked_task_can_be_woken(void **state)
{
    struct object_ref fresh;
    struct object_ref ready;
    struct object_ref idle;

    (void)state;
    fresh = running_create(yields_twice, "a");
    ready = running_start(yields_twice, "b");
    idle = running_idle();
    world_save();
    expect_assert_failure(sched_wake(SCHED, fresh.index));
    expect_assert_failure(sched_wake(SCHED, ready.index));
    expect_assert_failure(sched_wake(SCHED, idle.index));
    expect_assert_failure(sched_wake(SCHED, 9));         /* no task */
    expect_assert_failure(sched_wake(SCHED, MAX_TASKS)); /* no index */
    expect_assert_failure(sched_wake(SCHED, TASK_NONE));
    world_assert_as_wanted();
}

static void without_a_current_task_nothing_yields_blocks_or_ends(void **state)
{
    (void)state;
    (void)running_start(yields_twice, "a");
    (void)running_idle();
    world_save();
    expect_assert_failure(sched_yield(SCHED));
    expect_assert_failure(sched_block(SCHED, 0));
    expect_assert_failure(sched_exit(SCHED));
    world_assert_as_wanted();
    (void)running_setup(state);
    world.sched.current = MAX_TASKS; /* no index either */
    expect_assert_failure(sched_yield(SCHED));
}

static void run_without_anything(void *sched)
{
    sched_run(sched);
}

static void running_nothing_panics(void **state)
{
    (void)state;
    assert_int_equal(fake_run(run_without_anything, SCHED), RUN_PANICKED);
    (void)running_create(yields_twice, "a"); /* not started */
    ends(RUN_PANICKED, "");
    assert_non_null(strstr(fake_panic_text(), "next != TASK_NONE"));
}

/* The last task, without idle, can neither wait nor end. */
static void cannot_stop(void *argument)
{
    (void)argument;
    assert_false(sched_can_block(SCHED));
    world_save();
    expect_assert_failure(sched_block(SCHED, 0));
    world_assert_as_wanted();
    expect_assert_failure(sched_exit(SCHED));
    world_assert_as_wanted();
    power_off();
}

static void something_must_be_able_to_run(void **state)
{
    struct object_ref idle;

    (void)state;
    (void)running_start(cannot_stop, NULL);
    ends(RUN_POWERED_OFF, "");

    /* Nor can idle, whoever else is ready. */
    (void)running_setup(state);
    idle = running_create(cannot_stop, NULL);
    assert_status(sched_set_idle(SCHED, idle), STATUS_OK);
    ends(RUN_POWERED_OFF, "");
}

static void blocks_on_nothing(void *argument)
{
    (void)argument;
    assert_true(sched_can_block(SCHED));
    world_save();
    expect_assert_failure(sched_block(SCHED, SCHED_NOTHING));
    expect_assert_failure(sched_block(SCHED, SCHED_NOTHING + 1));
    world_assert_as_wanted();
    sched_block(SCHED, SCHED_NOTHING - 1);
}

static void blocking_needs_something_to_wait_for(void **state)
{
    (void)state;
    (void)running_idle();
    tasks[0] = running_start(blocks_on_nothing, NULL);
    ends(RUN_POWERED_OFF, "idle ");
    assert_true(sched_waits_on(SCHED, tasks[0].index, SCHED_NOTHING - 1));
}

static void what_start_and_set_idle_refuse(void **state)
{
    struct object_ref ready;
    struct object_ref fresh;
    struct object_ref idle;
    struct object_ref stale;

    (void)state;
    stale = running_create(yields_twice, "x");
    assert_status(sched_remove(SCHED, stale), STATUS_OK);
    ready = running_start(yields_twice, "a");
    fresh = running_create(yields_twice, "b");
    world_save();
    assert_status(sched_start(SCHED, stale), STATUS_STALE_OBJECT);
    assert_status(sched_set_idle(SCHED, stale), STATUS_STALE_OBJECT);
    assert_status(sched_start(SCHED, (struct object_ref){9, 0}), STATUS_STALE_OBJECT);
    assert_status(sched_start(SCHED, (struct object_ref){MAX_TASKS, 0}), STATUS_STALE_OBJECT);
    assert_status(sched_start(SCHED, ready), STATUS_IN_USE);
    assert_status(sched_set_idle(SCHED, ready), STATUS_IN_USE);
    world_assert_as_wanted();

    idle = running_idle();
    world_save();
    assert_status(sched_set_idle(SCHED, fresh), STATUS_IN_USE); /* there is one */
    assert_status(sched_set_idle(SCHED, idle), STATUS_IN_USE);
    assert_status(sched_start(SCHED, idle), STATUS_IN_USE);
    world_assert_as_wanted();
    assert_int_equal(sched_task_count(SCHED), 2);
}

static void sixteen_tasks_fit(void **state)
{
    struct object_ref untouched = {77, 78};

    (void)state;
    for (unsigned i = 0; i < MAX_TASKS; i++) {
        tasks[i] = running_start(yields_twice, i % 2 == 0 ? "e" : "o");
        assert_int_equal(tasks[i].index, i);
    }
    assert_int_equal(sched_task_count(SCHED), MAX_TASKS);
    world_save();
    assert_status(sched_create(SCHED, yields_twice, "x", &untouched), STATUS_OBJECTS_EXHAUSTED);
    assert_status(sched_create_user(SCHED, (struct object_ref){0, 0}, (user_va_t){0},
                                    (user_va_t){0}, &untouched),
                  STATUS_OBJECTS_EXHAUSTED);
    assert_int_equal(untouched.index, 77);
    world_assert_as_wanted();
    /* Without idle the last one cannot end. */
    assert_int_equal(running_go(), RUN_PANICKED);
    assert_string_equal(notes(), "e o e o e o e o e o e o e o e o "
                                 "e o e o e o e o e o e o e o e o "
                                 "e o e o e o e o e o e o e o e o ");
    assert_int_equal(sched_task_count(SCHED), 1);
}

#define TEST(name) cmocka_unit_test_setup(name, running_setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(tasks_take_turns_in_the_order_of_their_start),
        TEST(yielding_alone_returns_at_once),
        TEST(idle_runs_only_when_nothing_else_can),
        TEST(idle_alone_is_run),
        TEST(the_woken_queue_up_in_the_order_of_their_waking),
        TEST(only_a_blocked_task_can_be_woken),
        TEST(without_a_current_task_nothing_yields_blocks_or_ends),
        TEST(running_nothing_panics),
        TEST(something_must_be_able_to_run),
        TEST(blocking_needs_something_to_wait_for),
        TEST(what_start_and_set_idle_refuse),
        TEST(sixteen_tasks_fit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
