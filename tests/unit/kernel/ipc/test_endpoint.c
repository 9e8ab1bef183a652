/* Sending, receiving and taking a wait back, without capabilities: state, result and the rest. */
#include "world.h"

#include <string.h>

#define A 0U
#define B 1U
#define C 2U

/* The endpoint of each test, and what A (send), B and C (receive) hold of it. */
static struct object_ref ref;
static cap_handle_t a_sends;
static cap_handle_t b_receives;
static cap_handle_t c_receives;

static int setup(void **state)
{
    (void)world_setup(state);
    (void)world_endpoint(); /* so that the tests' index is not 0 */
    ref = world_endpoint();
    (void)world_token(B, 0); /* so that handles of B do not equal those of A */
    a_sends = world_grant(A, CAP_KIND_ENDPOINT, ref, CAP_RIGHT_SEND);
    b_receives = world_grant(B, CAP_KIND_ENDPOINT, ref, CAP_RIGHT_RECV);
    c_receives = world_grant(C, CAP_KIND_ENDPOINT, ref, CAP_RIGHT_RECV);
    world_save();
    return 0;
}

static void want(enum endpoint_state state, unsigned receiver)
{
    wanted.ipc.endpoints[ref.index].state = (uint8_t)state;
    wanted.ipc.endpoints[ref.index].receiver = (uint8_t)receiver;
}

static void want_message(uint64_t label)
{
    wanted.ipc.endpoints[ref.index].message = world_message(label);
}

static void assert_send_refused(cap_handle_t transfer, status_t expected)
{
    struct message message = world_message(99);
    struct send_result result = {SEND_DELIVERED, 77, 78};

    world_save();
    assert_status(ipc_send(&world.ipc, A, a_sends, &message, transfer, &result), expected);
    assert_int_equal(result.endpoint, 77);
    assert_int_equal(result.receiver, 78);
    world_assert_as_wanted();
}

static void assert_recv_refused(unsigned task, cap_handle_t handle, bool may_wait,
                                status_t expected)
{
    struct recv_result result = {RECV_RECEIVED, 77};
    struct received received = {{88, {0}}, {89}};

    world_save();
    assert_status(ipc_recv(&world.ipc, task, handle, may_wait, &result, &received), expected);
    assert_int_equal(result.endpoint, 77);
    assert_int_equal(received.message.label, 88);
    assert_int_equal(received.cap.raw, 89);
    world_assert_as_wanted();
}

static void init_leaves_every_endpoint_idle(void **state)
{
    (void)world_setup(state);
    assert_ptr_equal(world.ipc.caps, &world.caps);
    for (unsigned i = 0; i < MAX_ENDPOINTS; i++) {
        assert_int_equal(world.ipc.endpoints[i].state, ENDPOINT_IDLE);
        assert_int_equal(world.ipc.endpoints[i].receiver, TASK_NONE);
        assert_int_equal(world.ipc.notifications[i], 0);
    }
    assert_int_equal(object_count(&world.ipc.endpoint_arena), 0);
    assert_int_equal(object_count(&world.ipc.notification_arena), 0);
    assert_int_equal(world.sched.current, TASK_NONE);
    assert_int_equal(world.sched.idle, TASK_NONE);
    assert_int_equal(sched_task_count(&world.sched), 0);
    assert_true(cap_check_invariants(&world.caps));
}

static void a_message_without_receiver_is_parked(void **state)
{
    struct message message = world_message(5);
    struct send_result result;

    (void)state;
    assert_status(ipc_send(&world.ipc, A, a_sends, &message, NULL_CAP_HANDLE, &result), STATUS_OK);
    assert_int_equal(result.outcome, SEND_ENQUEUED);
    assert_int_equal(result.endpoint, ref.index);
    assert_int_equal(result.receiver, TASK_NONE);
    want(ENDPOINT_SEND_PENDING, TASK_NONE);
    want_message(5);
    world_assert_as_wanted();
}

static void a_second_message_does_not_fit(void **state)
{
    (void)state;
    world_send(A, a_sends, 5, NULL_CAP_HANDLE, SEND_ENQUEUED);
    assert_send_refused(NULL_CAP_HANDLE, STATUS_QUEUE_FULL);
    /* QUEUE_FULL comes before the look at what rides along. */
    assert_send_refused(cap_handle_make(9, 9), STATUS_QUEUE_FULL);
    assert_int_equal(world_fetch(B, b_receives, 5).raw, NULL_CAP_HANDLE.raw);
    world_send(A, a_sends, 6, NULL_CAP_HANDLE, SEND_ENQUEUED);
}

static void a_receiver_without_message_is_registered(void **state)
{
    struct recv_result result;
    struct received received = {{88, {0}}, {89}};

    (void)state;
    assert_status(ipc_recv(&world.ipc, B, b_receives, true, &result, &received), STATUS_OK);
    assert_int_equal(result.outcome, RECV_PENDING);
    assert_int_equal(result.endpoint, ref.index);
    assert_int_equal(received.message.label, 88);
    assert_int_equal(received.cap.raw, 89);
    want(ENDPOINT_RECV_WAITING, B);
    world_assert_as_wanted();
    world_register(B, b_receives); /* again changes nothing */
    world_assert_as_wanted();
}

static void a_message_goes_to_the_task_that_waits(void **state)
{
    struct message message = world_message(5);
    struct send_result result;

    (void)state;
    world_register(B, b_receives);
    assert_status(ipc_send(&world.ipc, A, a_sends, &message, NULL_CAP_HANDLE, &result), STATUS_OK);
    assert_int_equal(result.outcome, SEND_DELIVERED);
    assert_int_equal(result.endpoint, ref.index);
    assert_int_equal(result.receiver, B);
    want(ENDPOINT_RECV_COMPLETE, B);
    want_message(5);
    world_assert_as_wanted();
    assert_send_refused(NULL_CAP_HANDLE, STATUS_QUEUE_FULL);
}

static void a_second_receiver_is_refused(void **state)
{
    (void)state;
    world_register(B, b_receives);
    assert_recv_refused(C, c_receives, true, STATUS_QUEUE_FULL);
    assert_recv_refused(C, c_receives, false, STATUS_QUEUE_FULL);
    world_send(A, a_sends, 5, NULL_CAP_HANDLE, SEND_DELIVERED);
    assert_recv_refused(C, c_receives, true, STATUS_QUEUE_FULL);
    assert_recv_refused(C, c_receives, false, STATUS_QUEUE_FULL);
}

static void fetching_empties_the_endpoint(void **state)
{
    struct recv_result result;
    struct received received;
    struct message expected = world_message(5);

    (void)state;
    for (unsigned waited = 0; waited < 2; waited++) {
        if (waited != 0) {
            world_register(B, b_receives);
        }
        world_send(A, a_sends, 5, NULL_CAP_HANDLE, waited != 0 ? SEND_DELIVERED : SEND_ENQUEUED);
        /* A message that is there needs no leave to wait. */
        assert_status(ipc_recv(&world.ipc, B, b_receives, waited != 0, &result, &received),
                      STATUS_OK);
        assert_int_equal(result.outcome, RECV_RECEIVED);
        assert_int_equal(result.endpoint, ref.index);
        assert_memory_equal(&received.message, &expected, sizeof(expected));
        assert_int_equal(received.cap.raw, NULL_CAP_HANDLE.raw);
        want(ENDPOINT_IDLE, TASK_NONE);
        wanted.ipc.endpoints[ref.index].message = world.ipc.endpoints[ref.index].message;
        world_assert_as_wanted();
    }
}

static void without_leave_to_wait_nothing_is_registered(void **state)
{
    (void)state;
    assert_recv_refused(B, b_receives, false, STATUS_DEADLOCK);
    world_register(B, b_receives); /* and a registration that is there stays */
    assert_recv_refused(B, b_receives, false, STATUS_DEADLOCK);
    world_send(A, a_sends, 5, NULL_CAP_HANDLE, SEND_DELIVERED);
    (void)world_fetch(B, b_receives, 5);
}

static void cancelling_a_wait_leaves_an_idle_endpoint(void **state)
{
    (void)state;
    world_register(B, b_receives);
    ipc_cancel_recv(&world.ipc, B, ref.index);
    world_assert_as_wanted();
    world_register(C, c_receives);
}

static void cancelling_after_the_message_came_keeps_it(void **state)
{
    (void)state;
    world_register(B, b_receives);
    world_send(A, a_sends, 5, NULL_CAP_HANDLE, SEND_DELIVERED);
    ipc_cancel_recv(&world.ipc, B, ref.index);
    want(ENDPOINT_SEND_PENDING, TASK_NONE);
    want_message(5);
    world_assert_as_wanted();
    assert_send_refused(NULL_CAP_HANDLE, STATUS_QUEUE_FULL);
    (void)world_fetch(C, c_receives, 5);
}

static void only_the_receiver_cancels(void **state)
{
    (void)state;
    ipc_cancel_recv(&world.ipc, B, ref.index); /* idle */
    world_assert_as_wanted();
    world_register(B, b_receives);
    world_save();
    ipc_cancel_recv(&world.ipc, C, ref.index);
    ipc_cancel_recv(&world.ipc, B, ref.index + 1);
    world_assert_as_wanted();
    world_send(A, a_sends, 5, NULL_CAP_HANDLE, SEND_DELIVERED);
    world_save();
    ipc_cancel_recv(&world.ipc, C, ref.index);
    world_assert_as_wanted();
    (void)world_fetch(B, b_receives, 5);
    world_send(A, a_sends, 6, NULL_CAP_HANDLE, SEND_ENQUEUED);
    world_save();
    ipc_cancel_recv(&world.ipc, B, ref.index); /* a parked message is nobody's */
    world_assert_as_wanted();
}

static void cancelling_asks_for_a_task_and_an_endpoint(void **state)
{
    (void)state;
    world_send(A, a_sends, 5, NULL_CAP_HANDLE, SEND_ENQUEUED);
    world_save();
    expect_assert_failure(ipc_cancel_recv(&world.ipc, B, MAX_ENDPOINTS));
    expect_assert_failure(ipc_cancel_recv(&world.ipc, TASK_NONE, ref.index));
    expect_assert_failure(ipc_cancel_recv(&world.ipc, MAX_TASKS, ref.index));
    world_assert_as_wanted();
}

/* B waits at every endpoint but one, where C does. */
static void a_task_that_is_forgotten_waits_nowhere(void **state)
{
    struct object_ref others = world_endpoint();

    (void)state;
    world_register(C, world_grant(C, CAP_KIND_ENDPOINT, others, CAP_RIGHT_RECV));
    world_register(B, b_receives);
    world_send(A, a_sends, 5, NULL_CAP_HANDLE, SEND_DELIVERED);
    for (unsigned i = others.index + 1; i < MAX_ENDPOINTS; i++) {
        world_register(B, world_grant(B, CAP_KIND_ENDPOINT, world_endpoint(), CAP_RIGHT_RECV));
    }
    world_save();
    ipc_forget_task(&world.ipc, B);
    want(ENDPOINT_SEND_PENDING, TASK_NONE);
    for (unsigned i = others.index + 1; i < MAX_ENDPOINTS; i++) {
        wanted.ipc.endpoints[i].state = ENDPOINT_IDLE;
        wanted.ipc.endpoints[i].receiver = TASK_NONE;
    }
    world_assert_as_wanted();
}

static void a_task_may_send_to_itself(void **state)
{
    cap_handle_t both = world_grant(C, CAP_KIND_ENDPOINT, ref, CAP_RIGHT_SEND | CAP_RIGHT_RECV);

    (void)state;
    world_send(C, both, 5, NULL_CAP_HANDLE, SEND_ENQUEUED);
    (void)world_fetch(C, both, 5);
    world_register(C, both);
    world_send(C, both, 6, NULL_CAP_HANDLE, SEND_DELIVERED);
    (void)world_fetch(C, both, 6);
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(init_leaves_every_endpoint_idle),
        TEST(a_message_without_receiver_is_parked),
        TEST(a_second_message_does_not_fit),
        TEST(a_receiver_without_message_is_registered),
        TEST(a_message_goes_to_the_task_that_waits),
        TEST(a_second_receiver_is_refused),
        TEST(fetching_empties_the_endpoint),
        TEST(without_leave_to_wait_nothing_is_registered),
        TEST(cancelling_a_wait_leaves_an_idle_endpoint),
        TEST(cancelling_after_the_message_came_keeps_it),
        TEST(only_the_receiver_cancels),
        TEST(cancelling_asks_for_a_task_and_an_endpoint),
        TEST(a_task_that_is_forgotten_waits_nowhere),
        TEST(a_task_may_send_to_itself),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
