/* Waiting that ends without a message, and waiting that must not begin. */
#include "exchange.h"

#include <tyrne/hal/power.h>

static struct object_ref waiter;
static struct object_ref other;

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

/* Waits, and finds the error that its argument points to. */
static void waits_for_error(void *status)
{
    note("wait");
    exchange_expect_error(*(const status_t *)status);
    note("error");
    /* The others see what the error left behind, before the end of this task tidies up. */
    assert_int_not_equal(world.ipc.endpoints[endpoint.index].receiver, waiter.index);
    sched_yield(&world.sched);
    task_exit(&world);
}

static void start_waiter(status_t *expected, task_entry what_happens)
{
    waiter = running_start(waits_for_error, expected);
    other = running_start(what_happens, NULL);
    exchange_grant(waiter, CAP_RIGHT_RECV);
    exchange_grant(other, ALL);
}

static void wakes_without_message(void *argument)
{
    (void)argument;
    sched_wake(&world.sched, waiter.index);
    sched_yield(&world.sched);
    exchange_assert_state(ENDPOINT_IDLE, TASK_NONE);
    note("undone");
    task_exit(&world);
}

static void resumed_without_message_the_wait_is_undone(void **state)
{
    status_t expected = STATUS_PENDING_AFTER_RESUME;

    (void)state;
    start_waiter(&expected, wakes_without_message);
    ends("wait error undone idle ");
}

static void wakes_and_takes_its_place(void *argument)
{
    (void)argument;
    sched_wake(&world.sched, waiter.index);
    ipc_cancel_recv(&world.ipc, waiter.index, endpoint.index);
    world_register(other.index, handles[other.index]);
    sched_yield(&world.sched);
    exchange_assert_state(ENDPOINT_RECV_WAITING, other.index);
    note("place");
    task_exit(&world);
}

static void a_place_taken_by_another_stays_taken(void **state)
{
    status_t expected = STATUS_QUEUE_FULL;

    (void)state;
    start_waiter(&expected, wakes_and_takes_its_place);
    ends("wait error place idle ");
    exchange_assert_state(ENDPOINT_IDLE, TASK_NONE); /* exit undid it */
}

static void destroys(void *argument)
{
    cap_handle_t mine = handles[other.index];
    struct message message = world_message(9);
    enum send_outcome outcome;
    struct object_ref again;

    (void)argument;
    assert_status(task_destroy_endpoint(&world, endpoint), STATUS_OK);
    assert_int_equal(world.sched.ready, 1);
    exchange_assert_state(ENDPOINT_IDLE, TASK_NONE);
    assert_status(task_send(&world, mine, &message, NULL_CAP_HANDLE, &outcome),
                  STATUS_STALE_HANDLE);
    assert_status(task_destroy_endpoint(&world, endpoint), STATUS_STALE_OBJECT);
    assert_int_equal(world.sched.ready, 1);
    /* Before the waiter runs, its index holds another endpoint, and this task waits there. */
    again = world_endpoint();
    assert_int_equal(again.index, endpoint.index);
    world_register(other.index, world_grant(other.index, CAP_KIND_ENDPOINT, again, ALL));
    sched_yield(&world.sched);
    exchange_assert_state(ENDPOINT_RECV_WAITING, other.index);
    note("kept");
    task_exit(&world);
}

static void who_waits_at_a_destroyed_endpoint_finds_it_stale(void **state)
{
    status_t expected = STATUS_STALE_HANDLE;

    (void)state;
    start_waiter(&expected, destroys);
    ends("wait error kept idle ");
}

static void sends_and_destroys(void *argument)
{
    enum send_outcome outcome;
    cap_handle_t token = world_token(other.index, ALL);

    (void)argument;
    assert_status(exchange_send(5, token, &outcome), STATUS_OK);
    exchange_assert_state(ENDPOINT_RECV_COMPLETE, waiter.index);
    assert_status(task_destroy_endpoint(&world, endpoint), STATUS_OK);
    assert_int_equal(world.sched.ready, 1); /* queued by the send, and only once */
    assert_false(cap_is_parked(&world.caps, endpoint.index));
    task_exit(&world);
}

static void a_message_dies_with_its_endpoint(void **state)
{
    status_t expected = STATUS_STALE_HANDLE;

    (void)state;
    start_waiter(&expected, sends_and_destroys);
    ends("wait error idle ");
}

/* The waiter's right goes while it waits; the message is for whoever receives next. */
static bool message_first;

static void revokes_and_sends(void *argument)
{
    enum send_outcome outcome = SEND_ENQUEUED;
    cap_handle_t token = world_token(other.index, ALL);

    (void)argument;
    if (!message_first) {
        assert_status(cap_revoke(&world.caps, other.index, handles[other.index]), STATUS_OK);
    }
    assert_status(exchange_send(5, token, &outcome), STATUS_OK);
    assert_int_equal(outcome, SEND_DELIVERED);
    if (message_first) {
        assert_status(cap_revoke(&world.caps, other.index, handles[other.index]), STATUS_OK);
    }
    sched_yield(&world.sched);
    exchange_assert_state(ENDPOINT_SEND_PENDING, TASK_NONE);
    assert_true(cap_is_parked(&world.caps, endpoint.index));
    assert_true(world_resolves(other.index, exchange_expect(5)));
    note("next");
    task_exit(&world);
}

static void a_right_revoked_in_the_wait_passes_the_message_on(void **state)
{
    for (unsigned i = 0; i < 2; i++) {
        status_t expected = STATUS_STALE_HANDLE;

        message_first = i != 0;
        (void)setup(state);
        start_waiter(&expected, revokes_and_sends);
        /* The waiter's capability is derived from the other's. */
        assert_status(cap_drop(&world.caps, waiter.index, handles[waiter.index]), STATUS_OK);
        assert_status(cap_derive(&world.caps, other.index, handles[other.index], CAP_RIGHT_RECV,
                                 waiter.index, &handles[waiter.index]),
                      STATUS_OK);
        ends("wait error next idle ");
    }
}

static void fills_the_table(void *argument)
{
    enum send_outcome outcome = SEND_ENQUEUED;
    cap_handle_t token = world_token(other.index, ALL);

    (void)argument;
    world_fill_table(waiter.index, 1);
    assert_status(exchange_send(5, token, &outcome), STATUS_OK);
    world_fill_table(waiter.index, 0);
    sched_yield(&world.sched);
    exchange_assert_state(ENDPOINT_SEND_PENDING, TASK_NONE);
    assert_true(world_resolves(other.index, exchange_expect(5)));
    note("next");
    task_exit(&world);
}

static void room_gone_in_the_wait_passes_the_message_on(void **state)
{
    status_t expected = STATUS_RECEIVER_TABLE_FULL;

    (void)state;
    start_waiter(&expected, fills_the_table);
    ends("wait error next idle ");
}

static void fails_to_send(void *argument)
{
    enum send_outcome outcome = SEND_ENQUEUED;
    cap_handle_t fixed = world_token(other.index, 0);
    cap_handle_t token = world_token(other.index, ALL);

    (void)argument;
    world_fill_table(waiter.index, 0);
    world_save();
    assert_status(exchange_send(5, fixed, &outcome), STATUS_INVALID_TRANSFER_CAP);
    assert_status(exchange_send(5, token, &outcome), STATUS_RECEIVER_TABLE_FULL);
    assert_int_equal(outcome, SEND_ENQUEUED);
    world_assert_as_wanted(); /* nobody was woken */
    sched_wake(&world.sched, waiter.index);
    task_exit(&world);
}

static void a_send_that_fails_wakes_nobody(void **state)
{
    status_t expected = STATUS_PENDING_AFTER_RESUME;

    (void)state;
    start_waiter(&expected, fails_to_send);
    ends("wait error idle ");
}

/* Waiting would leave nothing to run: everything stays, byte for byte. */
static void would_deadlock(void *other_is_ready)
{
    if (other_is_ready != NULL) {
        (void)running_start(running_note_and_exit, "other");
    }
    world_save();
    exchange_expect_error(STATUS_DEADLOCK);
    world_assert_as_wanted();
    world_register(world.sched.current, handles[world.sched.current]);
    world_save();
    exchange_expect_error(STATUS_DEADLOCK);
    world_assert_as_wanted();
    note("refused");
    power_off();
}

static void a_deadlock_is_refused_and_changes_nothing(void **state)
{
    (void)exchange_setup(state); /* no idle task */
    waiter = running_start(would_deadlock, NULL);
    exchange_grant(waiter, CAP_RIGHT_RECV);
    ends("refused ");

    /* Nor may idle wait, with others ready or not. */
    for (unsigned others = 0; others < 2; others++) {
        (void)exchange_setup(state);
        waiter = running_create(would_deadlock, others != 0 ? &waiter : NULL);
        assert_status(sched_set_idle(&world.sched, waiter), STATUS_OK);
        exchange_grant(waiter, CAP_RIGHT_RECV);
        ends("refused ");
    }
}

static void other_errors_come_before_the_deadlock(void *argument)
{
    (void)argument;
    world_register(waiter.index + 1, handles[waiter.index + 1]);
    world_save();
    exchange_expect_error(STATUS_QUEUE_FULL);
    world_assert_as_wanted();
    ipc_forget_task(&world.ipc, waiter.index + 1);
    world_send(waiter.index, handles[waiter.index], 5, NULL_CAP_HANDLE, SEND_ENQUEUED);
    (void)exchange_expect(5); /* what is there needs no wait */
    note("done");
    power_off();
}

static void a_deadlock_is_the_last_thing_found(void **state)
{
    (void)exchange_setup(state);
    waiter = running_start(other_errors_come_before_the_deadlock, NULL);
    exchange_grant(waiter, ALL);
    exchange_grant((struct object_ref){waiter.index + 1, 0}, ALL);
    ends("done ");
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(resumed_without_message_the_wait_is_undone),
        TEST(a_place_taken_by_another_stays_taken),
        TEST(who_waits_at_a_destroyed_endpoint_finds_it_stale),
        TEST(a_message_dies_with_its_endpoint),
        TEST(a_right_revoked_in_the_wait_passes_the_message_on),
        TEST(room_gone_in_the_wait_passes_the_message_on),
        TEST(a_send_that_fails_wakes_nobody),
        TEST(a_deadlock_is_refused_and_changes_nothing),
        TEST(a_deadlock_is_the_last_thing_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
