/* Removing and ending tasks: the queue keeps its order, indexes are used again. */
#include "running.h"

#include <tyrne/hal/power.h>

#define SCHED (&world.sched)

static struct object_ref tasks[MAX_TASKS];
static char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h",
                              "i", "j", "k", "l", "m", "n", "o", "p"};

static void start_tasks(unsigned count, task_entry entry)
{
    for (unsigned i = 0; i < count; i++) {
        tasks[i] = running_start(entry, names[i]);
    }
}

static void assert_queue(unsigned count, const unsigned *expected)
{
    assert_int_equal(world.sched.ready, count);
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(world.sched.queue[(world.sched.head + i) % MAX_TASKS], expected[i]);
    }
}

/* One of five is taken out, with the ring's start at each of its places. */
static void the_others_keep_their_order(void **state)
{
    for (unsigned head = 0; head < MAX_TASKS; head++) {
        for (unsigned out = 0; out < 5; out++) {
            unsigned expected[4];
            unsigned kept = 0;

            (void)running_setup(state);
            world.sched.head = head;
            start_tasks(5, running_note_and_exit);
            for (unsigned i = 0; i < 5; i++) {
                if (i != out) {
                    expected[kept] = tasks[i].index;
                    kept++;
                }
            }
            assert_status(sched_remove(SCHED, tasks[out]), STATUS_OK);
            assert_queue(4, expected);
            assert_int_equal(world.sched.tasks[tasks[out].index].state, TASK_FREE);
            assert_int_equal(sched_task_count(SCHED), 4);
            (void)running_idle();
            assert_int_equal(running_go(), RUN_POWERED_OFF);
            for (unsigned i = 0; i < 4; i++) {
                assert_int_equal(notes()[2 * i], *names[expected[i]]);
            }
            assert_string_equal(&notes()[8], "idle ");
        }
    }
}

static void a_full_ring_gives_up_any_of_its_tasks(void **state)
{
    for (unsigned head = 0; head < MAX_TASKS; head += 5) {
        for (unsigned out = 0; out < MAX_TASKS; out++) {
            unsigned expected[MAX_TASKS - 1];

            (void)running_setup(state);
            world.sched.head = head;
            start_tasks(MAX_TASKS, running_note_and_exit);
            for (unsigned i = 0; i < MAX_TASKS - 1; i++) {
                expected[i] = i < out ? i : i + 1;
            }
            assert_status(sched_remove(SCHED, tasks[out]), STATUS_OK);
            assert_queue(MAX_TASKS - 1, expected);
        }
    }
}

static void a_fresh_task_leaves_the_queue_alone(void **state)
{
    const unsigned both[] = {0, 1};
    struct object_ref fresh;

    (void)state;
    start_tasks(2, running_note_and_exit);
    fresh = running_create(running_note_and_exit, "f");
    assert_status(sched_remove(SCHED, fresh), STATUS_OK);
    assert_queue(2, both);
    assert_int_equal(sched_task_count(SCHED), 2);
}

static void blocks(void *text)
{
    note(text);
    sched_block(SCHED, 1);
    note("woken");
    sched_exit(SCHED);
}

static void removes_a_blocked_task(void *text)
{
    struct object_ref again;

    note(text);
    assert_true(sched_waits_on(SCHED, tasks[0].index, 1));
    assert_status(sched_remove(SCHED, tasks[0]), STATUS_OK);
    assert_false(sched_waits_on(SCHED, tasks[0].index, 1));
    expect_assert_failure(sched_wake(SCHED, tasks[0].index));
    /* Its index and stack serve the next task from the start. */
    again = running_start(blocks, "again");
    assert_int_equal(again.index, tasks[0].index);
    assert_int_equal(again.generation, tasks[0].generation + 1);
    assert_false(sched_waits_on(SCHED, again.index, 1));
    sched_exit(SCHED);
}

static void a_blocked_task_is_removed_with_its_wait(void **state)
{
    (void)state;
    (void)running_idle();
    tasks[0] = running_start(blocks, "a");
    tasks[1] = running_start(removes_a_blocked_task, "b");
    assert_int_equal(running_go(), RUN_POWERED_OFF);
    assert_string_equal(notes(), "a b again idle ");
}

static void tries_to_remove(void *idle)
{
    struct object_ref self = object_at(&world.sched.arena, world.sched.current);

    world_save();
    assert_status(sched_remove(SCHED, self), STATUS_IN_USE);
    assert_status(sched_remove(SCHED, *(const struct object_ref *)idle), STATUS_IN_USE);
    assert_status(sched_start(SCHED, self), STATUS_IN_USE);
    assert_status(sched_set_idle(SCHED, self), STATUS_IN_USE);
    world_assert_as_wanted();
    sched_exit(SCHED);
}

static void current_and_idle_cannot_be_removed(void **state)
{
    struct object_ref idle;

    (void)state;
    idle = running_idle();
    tasks[0] = running_start(tries_to_remove, &idle);
    assert_int_equal(running_go(), RUN_POWERED_OFF);
    world_save();
    assert_status(sched_remove(SCHED, tasks[0]), STATUS_STALE_OBJECT); /* it ended */
    assert_status(sched_remove(SCHED, (struct object_ref){UINT32_MAX, 0}), STATUS_STALE_OBJECT);
    assert_status(sched_remove(SCHED, (struct object_ref){TASK_NONE, 0}), STATUS_STALE_OBJECT);
    world_assert_as_wanted();
}

/* Each task makes the next one before it ends: more tasks than indexes, one after the other. */
static unsigned generations;

static void makes_the_next(void *argument)
{
    assert_int_equal(world.sched.tasks[world.sched.current].state, TASK_RUNNING);
    if (generations < 3 * MAX_TASKS) {
        generations++;
        (void)running_start(makes_the_next, argument);
    }
    sched_exit(SCHED);
}

static void an_index_is_free_as_soon_as_its_task_ends(void **state)
{
    (void)state;
    generations = 0;
    (void)running_idle();
    (void)running_start(makes_the_next, NULL);
    assert_int_equal(running_go(), RUN_POWERED_OFF);
    assert_int_equal(generations, 3 * MAX_TASKS);
    assert_int_equal(sched_task_count(SCHED), 0);
    /* Two at a time besides idle: no other index was ever needed. */
    assert_int_equal(world.sched.arena.generation[3], 0);
    assert_int_equal(world.sched.arena.generation[1] + world.sched.arena.generation[2],
                     3 * MAX_TASKS + 1);
}

#define TEST(name) cmocka_unit_test_setup(name, running_setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_others_keep_their_order),         TEST(a_full_ring_gives_up_any_of_its_tasks),
        TEST(a_fresh_task_leaves_the_queue_alone), TEST(a_blocked_task_is_removed_with_its_wait),
        TEST(current_and_idle_cannot_be_removed),  TEST(an_index_is_free_as_soon_as_its_task_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
