/* Receiving that waits: tasks that run, block and go on when a message comes. */
#include "exchange.h"

#include <tyrne/hal/power.h>

static struct object_ref receiver;
static struct object_ref sender;

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

static void start_pair(task_entry receives, task_entry sends)
{
    receiver = running_start(receives, NULL);
    sender = running_start(sends, NULL);
    exchange_grant(receiver, ALL);
    exchange_grant(sender, ALL);
}

static void receives_one(void *argument)
{
    (void)argument;
    note("wait");
    assert_int_equal(exchange_expect(5).raw, NULL_CAP_HANDLE.raw);
    note("got");
    task_exit(&world);
}

static void sends_one(void *argument)
{
    enum send_outcome outcome = SEND_ENQUEUED;

    (void)argument;
    exchange_assert_state(ENDPOINT_RECV_WAITING, receiver.index);
    assert_true(sched_waits_on(&world.sched, receiver.index, endpoint.index));
    assert_int_equal(world.sched.ready, 0);
    assert_status(exchange_send(5, NULL_CAP_HANDLE, &outcome), STATUS_OK);
    assert_int_equal(outcome, SEND_DELIVERED);
    /* Sending does not give the CPU away; the receiver is queued. */
    note("sent");
    exchange_assert_state(ENDPOINT_RECV_COMPLETE, receiver.index);
    assert_int_equal(world.sched.ready, 1);
    sched_yield(&world.sched);
    note("after");
    task_exit(&world);
}

static void a_task_waits_until_a_message_comes(void **state)
{
    (void)state;
    start_pair(receives_one, sends_one);
    ends("wait sent got after idle ");
    exchange_assert_state(ENDPOINT_IDLE, TASK_NONE);
}

static void sends_first(void *argument)
{
    enum send_outcome outcome = SEND_DELIVERED;

    (void)argument;
    assert_status(exchange_send(5, NULL_CAP_HANDLE, &outcome), STATUS_OK);
    assert_int_equal(outcome, SEND_ENQUEUED);
    world_save();
    assert_status(exchange_send(6, NULL_CAP_HANDLE, &outcome), STATUS_QUEUE_FULL);
    assert_int_equal(outcome, SEND_ENQUEUED);
    world_assert_as_wanted();
    note("sent");
    task_exit(&world);
}

static void a_message_that_is_there_does_not_block(void **state)
{
    (void)state;
    sender = running_start(sends_first, NULL);
    receiver = running_start(receives_one, NULL);
    exchange_grant(receiver, CAP_RIGHT_RECV);
    exchange_grant(sender, CAP_RIGHT_SEND);
    ends("sent wait got idle ");
}

static void receives_a_token(void *argument)
{
    cap_handle_t token = exchange_expect(5);

    (void)argument;
    assert_int_equal(world_cap(receiver.index, token).kind, CAP_KIND_DEBUG_CONSOLE);
    note("token");
    task_exit(&world);
}

static void sends_a_token(void *argument)
{
    cap_handle_t token = world_token(sender.index, ALL);
    enum send_outcome outcome;

    (void)argument;
    assert_status(exchange_send(5, token, &outcome), STATUS_OK);
    assert_false(world_resolves(sender.index, token));
    /* The sender ends; what it gave away is not its own any more. */
    task_exit(&world);
}

static void a_capability_reaches_a_waiting_task(void **state)
{
    (void)state;
    start_pair(receives_a_token, sends_a_token);
    ends("token idle ");
}

/* Both ways, many times: each side waits for the other. */
#define ROUNDS 50U

static struct object_ref answers;
static cap_handle_t answer_handles[MAX_TASKS];

static void asks(void *argument)
{
    (void)argument;
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct message expected = world_message(1000 + i);
        struct received received;
        enum send_outcome outcome;

        assert_status(exchange_send(i, NULL_CAP_HANDLE, &outcome), STATUS_OK);
        assert_status(task_recv(&world, answer_handles[sender.index], &received), STATUS_OK);
        assert_memory_equal(&received.message, &expected, sizeof(expected));
    }
    note("asked");
    task_exit(&world);
}

static void replies(void *argument)
{
    (void)argument;
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct message answer = world_message(1000 + i);
        enum send_outcome outcome;

        (void)exchange_expect(i);
        assert_status(
            task_send(&world, answer_handles[receiver.index], &answer, NULL_CAP_HANDLE, &outcome),
            STATUS_OK);
    }
    note("answered");
    task_exit(&world);
}

static void two_tasks_talk(void **state)
{
    (void)state;
    answers = world_endpoint();
    start_pair(replies, asks);
    answer_handles[sender.index] =
        world_grant(sender.index, CAP_KIND_ENDPOINT, answers, CAP_RIGHT_RECV);
    answer_handles[receiver.index] =
        world_grant(receiver.index, CAP_KIND_ENDPOINT, answers, CAP_RIGHT_SEND);
    ends("answered asked idle ");
}

/*
 * Registered at one endpoint without blocking, then blocked at another: a message to the first is
 * no reason to run. It is there when the task asks for it.
 */
static cap_handle_t second_of_receiver;
static cap_handle_t second_of_sender;

static void registers_and_waits_elsewhere(void *argument)
{
    struct message expected = world_message(7);
    struct received received;

    (void)argument;
    world_register(receiver.index, handles[receiver.index]);
    assert_status(task_recv(&world, second_of_receiver, &received), STATUS_OK);
    assert_memory_equal(&received.message, &expected, sizeof(expected));
    note("second");
    (void)exchange_expect(5);
    note("first");
    task_exit(&world);
}

static void sends_to_both(void *argument)
{
    struct message message = world_message(7);
    enum send_outcome outcome = SEND_ENQUEUED;

    (void)argument;
    assert_status(exchange_send(5, NULL_CAP_HANDLE, &outcome), STATUS_OK);
    assert_int_equal(outcome, SEND_DELIVERED);
    assert_int_equal(world.sched.ready, 0);
    assert_int_equal(world.sched.tasks[receiver.index].state, TASK_BLOCKED);
    note("sent");
    assert_status(task_send(&world, second_of_sender, &message, NULL_CAP_HANDLE, &outcome),
                  STATUS_OK);
    assert_int_equal(outcome, SEND_DELIVERED);
    assert_int_equal(world.sched.ready, 1);
    task_exit(&world);
}

static void a_registration_elsewhere_wakes_nobody(void **state)
{
    struct object_ref second;

    (void)state;
    second = world_endpoint();
    start_pair(registers_and_waits_elsewhere, sends_to_both);
    second_of_receiver = world_grant(receiver.index, CAP_KIND_ENDPOINT, second, ALL);
    second_of_sender = world_grant(sender.index, CAP_KIND_ENDPOINT, second, ALL);
    ends("sent second first idle ");
}

static void destroys_the_registered_one(void *argument)
{
    struct message message = world_message(7);
    enum send_outcome outcome;

    (void)argument;
    assert_status(task_destroy_endpoint(&world, endpoint), STATUS_OK);
    assert_int_equal(world.sched.tasks[receiver.index].state, TASK_BLOCKED);
    assert_status(task_send(&world, second_of_sender, &message, NULL_CAP_HANDLE, &outcome),
                  STATUS_OK);
    task_exit(&world);
}

static void waits_elsewhere(void *argument)
{
    struct received received;

    (void)argument;
    world_register(receiver.index, handles[receiver.index]);
    assert_status(task_recv(&world, second_of_receiver, &received), STATUS_OK);
    note("second");
    exchange_expect_error(STATUS_STALE_HANDLE);
    task_exit(&world);
}

static void nor_does_the_end_of_another_endpoint(void **state)
{
    struct object_ref second;

    (void)state;
    second = world_endpoint();
    start_pair(waits_elsewhere, destroys_the_registered_one);
    second_of_receiver = world_grant(receiver.index, CAP_KIND_ENDPOINT, second, ALL);
    second_of_sender = world_grant(sender.index, CAP_KIND_ENDPOINT, second, ALL);
    ends("second idle ");
}

static void sends_to_itself(void *argument)
{
    enum send_outcome outcome = SEND_ENQUEUED;

    (void)argument;
    world_register(receiver.index, handles[receiver.index]);
    assert_status(exchange_send(5, NULL_CAP_HANDLE, &outcome), STATUS_OK);
    assert_int_equal(outcome, SEND_DELIVERED);
    assert_int_equal(world.sched.ready, 0); /* it runs already */
    (void)exchange_expect(5);
    note("self");
    task_exit(&world);
}

static void a_task_that_runs_is_not_woken(void **state)
{
    (void)state;
    receiver = running_start(sends_to_itself, NULL);
    exchange_grant(receiver, ALL);
    ends("self idle ");
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_task_waits_until_a_message_comes),    TEST(a_message_that_is_there_does_not_block),
        TEST(a_capability_reaches_a_waiting_task),   TEST(two_tasks_talk),
        TEST(a_registration_elsewhere_wakes_nobody), TEST(nor_does_the_end_of_another_endpoint),
        TEST(a_task_that_runs_is_not_woken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
