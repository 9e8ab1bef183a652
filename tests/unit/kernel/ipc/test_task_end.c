/* The end of a task: its waits are undone, its capabilities gone, its index free. */
#include "exchange.h"

#include <tyrne/hal/power.h>

static struct object_ref tasks[MAX_TASKS];

static int setup(void **state)
{
    (void)exchange_setup(state);
    (void)running_idle();
    return 0;
}

static void ends(const char *expected_notes)
{
    assert_int_equal(running_go(), RUN_POWERED_OFF);
    assert_string_equal(notes(), expected_notes);
    assert_true(cap_check_invariants(&world.caps));
}

static void registers_and_exits(void *argument)
{
    (void)argument;
    world_register(world.sched.current, handles[world.sched.current]);
    task_exit(&world);
}

static void exit_gives_back_everything(void **state)
{
    cap_handle_t child;
    cap_handle_t top;

    (void)state;
    tasks[0] = running_start(registers_and_exits, NULL);
    tasks[1] = running_create(running_note_and_exit, NULL);
    exchange_grant(tasks[0], ALL);
    /* In the tree between `top` and `child`, which other tables hold. */
    top = world_token(tasks[1].index, ALL);
    assert_status(cap_derive(&world.caps, tasks[1].index, top, ALL, tasks[0].index, &child),
                  STATUS_OK);
    assert_status(cap_derive(&world.caps, tasks[0].index, child, ALL, tasks[1].index, &child),
                  STATUS_OK);
    ends("idle ");
    assert_int_equal(world_held(tasks[0].index), 0);
    exchange_assert_state(ENDPOINT_IDLE, TASK_NONE);
    assert_int_equal(world.sched.tasks[tasks[0].index].state, TASK_FREE);
    assert_int_equal(sched_task_count(&world.sched), 1);
    /* What it derived for others lives on, under what it was derived from itself. */
    assert_int_equal(world_held(tasks[1].index), 2);
    assert_status(cap_revoke(&world.caps, tasks[1].index, top), STATUS_OK);
    assert_false(world_resolves(tasks[1].index, child));
    /* The index is used again, by a task that holds nothing. */
    assert_int_equal(running_create(running_note_and_exit, NULL).index, tasks[0].index);
    assert_false(world_resolves(tasks[0].index, handles[tasks[0].index]));
}

/* What the destroyer does to tasks[0], and what it finds. */
static void destroys_first(void *argument)
{
    (void)argument;
    assert_status(task_destroy(&world, tasks[0]), STATUS_OK);
    assert_int_equal(world_held(tasks[0].index), 0);
    world_save();
    assert_status(task_destroy(&world, tasks[0]), STATUS_STALE_OBJECT);
    world_assert_as_wanted();
    note("destroyed");
    task_exit(&world);
}

static void waits(void *argument)
{
    (void)argument;
    note("wait");
    (void)exchange_expect(5);
    note("got");
    task_exit(&world);
}

static void destroy_takes_a_waiting_task_from_its_endpoint(void **state)
{
    (void)state;
    tasks[0] = running_start(waits, NULL);
    exchange_grant(tasks[0], ALL);
    tasks[1] = running_start(destroys_first, NULL);
    ends("wait destroyed idle ");
    exchange_assert_state(ENDPOINT_IDLE, TASK_NONE);
    assert_int_equal(sched_task_count(&world.sched), 0);
}

static void sends_and_destroys(void *argument)
{
    enum send_outcome outcome;
    cap_handle_t token = world_token(world.sched.current, ALL);

    assert_status(exchange_send(5, token, &outcome), STATUS_OK);
    assert_int_equal(outcome, SEND_DELIVERED);
    destroys_first(argument);
}

/* It was woken and did not get to fetch its message: the next receiver does. */
static void a_message_outlives_its_receiver(void **state)
{
    struct object_ref next;

    (void)state;
    tasks[0] = running_start(waits, NULL);
    exchange_grant(tasks[0], ALL);
    tasks[1] = running_start(sends_and_destroys, NULL);
    exchange_grant(tasks[1], ALL);
    next = running_start(waits, NULL);
    exchange_grant(next, ALL);
    ends("wait destroyed wait got idle ");
    exchange_assert_state(ENDPOINT_IDLE, TASK_NONE);
}

static void destroy_works_before_the_first_step(void **state)
{
    for (unsigned started = 0; started < 2; started++) {
        (void)setup(state);
        tasks[1] = running_start(destroys_first, NULL);
        tasks[0] = started != 0 ? running_start(running_note_and_exit, "x")
                                : running_create(running_note_and_exit, "x");
        exchange_grant(tasks[0], ALL);
        (void)running_start(running_note_and_exit, "y");
        ends("destroyed y idle ");
    }
}

static void tries_what_is_refused(void *idle)
{
    struct object_ref self = object_at(&world.sched.arena, world.sched.current);

    exchange_grant(self, ALL);
    world_register(self.index, handles[self.index]);
    world_save();
    assert_status(task_destroy(&world, self), STATUS_IN_USE);
    assert_status(task_destroy(&world, *(const struct object_ref *)idle), STATUS_IN_USE);
    assert_status(task_destroy(&world, (struct object_ref){9, 0}), STATUS_STALE_OBJECT);
    assert_status(task_destroy(&world, (struct object_ref){MAX_TASKS, 0}), STATUS_STALE_OBJECT);
    world_assert_as_wanted();
    note("refused");
    power_off();
}

static void current_and_idle_are_not_destroyed(void **state)
{
    struct object_ref idle;

    (void)exchange_setup(state);
    idle = running_idle();
    exchange_grant(idle, ALL);
    (void)running_start(tries_what_is_refused, &idle);
    ends("refused ");
}

/*
 * Fifteen tasks beside idle, each with an endpoint of its own: every one waits, and the last one
 * sends the first message, which goes round.
 */
static cap_handle_t from[MAX_TASKS];
static cap_handle_t to[MAX_TASKS];

static void passes_on(void *last)
{
    unsigned self = world.sched.current;
    struct message message = world_message(1);
    struct received received;
    enum send_outcome outcome;

    if (last != NULL) {
        assert_status(task_send(&world, to[self], &message, NULL_CAP_HANDLE, &outcome), STATUS_OK);
    }
    assert_status(task_recv(&world, from[self], &received), STATUS_OK);
    if (last == NULL) {
        received.message.label++;
        assert_status(task_send(&world, to[self], &received.message, NULL_CAP_HANDLE, &outcome),
                      STATUS_OK);
        assert_int_equal(outcome, SEND_DELIVERED);
    } else {
        assert_int_equal(received.message.label, MAX_TASKS - 1);
        note("round");
    }
    task_exit(&world);
}

static void sixteen_tasks_pass_a_message_round(void **state)
{
    struct object_ref ends_of[MAX_TASKS];

    (void)state;
    for (unsigned i = 1; i < MAX_TASKS; i++) {
        ends_of[i] = i == 1 ? endpoint : world_endpoint();
    }
    for (unsigned i = 1; i < MAX_TASKS; i++) {
        bool last = i == MAX_TASKS - 1;

        tasks[i] = running_start(passes_on, last ? &tasks[i] : NULL);
        assert_int_equal(tasks[i].index, i);
        from[i] = world_grant(i, CAP_KIND_ENDPOINT, ends_of[i], CAP_RIGHT_RECV);
        to[i] = world_grant(i, CAP_KIND_ENDPOINT, ends_of[last ? 1 : i + 1], CAP_RIGHT_SEND);
    }
    assert_int_equal(sched_task_count(&world.sched), MAX_TASKS - 1);
    ends("round idle ");
    assert_int_equal(sched_task_count(&world.sched), 0);
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(exit_gives_back_everything),
        TEST(destroy_takes_a_waiting_task_from_its_endpoint),
        TEST(a_message_outlives_its_receiver),
        TEST(destroy_works_before_the_first_step),
        TEST(current_and_idle_are_not_destroyed),
        TEST(sixteen_tasks_pass_a_message_round),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
