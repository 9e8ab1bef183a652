/* A capability that rides along: where it lies at each moment, and what stands against it. */
#include "world.h"

#define A 0U
#define B 1U
#define C 2U

static struct object_ref ref;
static cap_handle_t a_sends;
static cap_handle_t b_receives;
static cap_handle_t c_receives;
static cap_handle_t token; /* of A, with every right */

static int setup(void **state)
{
    (void)world_setup(state);
    (void)world_endpoint();
    ref = world_endpoint();
    (void)world_token(B, 0);
    a_sends = world_grant(A, CAP_KIND_ENDPOINT, ref, CAP_RIGHT_SEND);
    b_receives = world_grant(B, CAP_KIND_ENDPOINT, ref, CAP_RIGHT_RECV);
    c_receives = world_grant(C, CAP_KIND_ENDPOINT, ref, CAP_RIGHT_RECV);
    token = world_token(A, ALL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    return cap_check_invariants(&world.caps) ? 0 : -1;
}

static const struct cap_slot *parking_slot(void)
{
    return &world.caps.slots[CAP_TABLE_PARKED * CAP_TABLE_SLOTS + ref.index];
}

static void assert_is_token(unsigned task, cap_handle_t handle)
{
    struct capability cap = world_cap(task, handle);

    assert_int_equal(cap.kind, CAP_KIND_DEBUG_CONSOLE);
    assert_int_equal(cap.rights, ALL);
    assert_int_equal(cap.object.index, 7);
    assert_int_equal(cap.object.generation, 3);
}

static void assert_send_refused(cap_handle_t transfer, status_t expected)
{
    struct message message = world_message(99);
    struct send_result result = {SEND_DELIVERED, 77, 78};

    world_save();
    assert_status(ipc_send(&world.ipc, A, a_sends, &message, transfer, &result), expected);
    assert_int_equal(result.endpoint, 77);
    world_assert_as_wanted();
}

static void in_flight_it_is_in_neither_table(void **state)
{
    unsigned held = world_held(A);
    cap_handle_t arrived;

    (void)state;
    world_send(A, a_sends, 5, token, SEND_ENQUEUED);
    assert_int_equal(world_held(A), held - 1);
    assert_false(world_resolves(A, token));
    assert_true(cap_is_parked(&world.caps, ref.index));
    assert_int_equal(parking_slot()->cap.kind, CAP_KIND_DEBUG_CONSOLE);
    assert_int_equal(parking_slot()->cap.rights, ALL);
    assert_int_equal(world_held(B), 2);

    arrived = world_fetch(B, b_receives, 5);
    assert_is_token(B, arrived);
    assert_int_equal(world_held(B), 3);
    assert_int_equal(world_held(A), held - 1);
    assert_false(cap_is_parked(&world.caps, ref.index));
    assert_false(world_resolves(A, token));
}

static void it_is_parked_for_a_waiting_task_too(void **state)
{
    (void)state;
    world_register(B, b_receives);
    world_send(A, a_sends, 5, token, SEND_DELIVERED);
    assert_true(cap_is_parked(&world.caps, ref.index));
    assert_int_equal(world_held(B), 2);
    assert_is_token(B, world_fetch(B, b_receives, 5));
}

static void a_message_without_one_brings_null(void **state)
{
    (void)state;
    world_send(A, a_sends, 5, token, SEND_ENQUEUED);
    (void)world_fetch(B, b_receives, 5);
    world_send(A, a_sends, 6, NULL_CAP_HANDLE, SEND_ENQUEUED);
    assert_int_equal(world_fetch(B, b_receives, 6).raw, NULL_CAP_HANDLE.raw);
    assert_int_equal(world_held(B), 3);
}

static void what_cannot_be_transferred(void **state)
{
    cap_handle_t fixed = world_token(A, ALL & ~CAP_RIGHT_TRANSFER);
    cap_handle_t gone = world_token(A, ALL);

    (void)state;
    assert_status(cap_drop(&world.caps, A, gone), STATUS_OK);
    for (unsigned waits = 0; waits < 2; waits++) {
        if (waits != 0) {
            world_register(B, b_receives);
        }
        assert_send_refused(gone, STATUS_INVALID_TRANSFER_CAP);
        assert_send_refused(fixed, STATUS_INVALID_TRANSFER_CAP);
        assert_send_refused(cap_handle_make(0, CAP_TABLE_SLOTS), STATUS_INVALID_TRANSFER_CAP);
        assert_send_refused((cap_handle_t){token.raw | 1ULL << 63}, STATUS_INVALID_TRANSFER_CAP);
        /* Null is the only value that means none. */
        assert_send_refused((cap_handle_t){UINT64_MAX - 1}, STATUS_INVALID_TRANSFER_CAP);
    }
    /* The capability is looked at before the receiver's room. */
    world_fill_table(B, 0);
    assert_send_refused(fixed, STATUS_INVALID_TRANSFER_CAP);
    assert_send_refused(token, STATUS_RECEIVER_TABLE_FULL);
}

static void a_waiting_task_without_room_gets_nothing(void **state)
{
    (void)state;
    world_register(B, b_receives);
    world_fill_table(B, 0);
    assert_send_refused(token, STATUS_RECEIVER_TABLE_FULL);
    assert_is_token(A, token);
    /* Without a capability it needs no room. */
    world_send(A, a_sends, 5, NULL_CAP_HANDLE, SEND_DELIVERED);
    assert_int_equal(world_fetch(B, b_receives, 5).raw, NULL_CAP_HANDLE.raw);
}

static void one_free_slot_is_room(void **state)
{
    (void)state;
    world_fill_table(B, 1);
    world_register(B, b_receives);
    world_send(A, a_sends, 5, token, SEND_DELIVERED);
    assert_is_token(B, world_fetch(B, b_receives, 5));
    assert_int_equal(world_held(B), CAP_TABLE_SLOTS);
}

/* Nobody waits, so nobody's room is asked for; the receiver without room leaves the message. */
static void a_receiver_without_room_leaves_the_message(void **state)
{
    struct recv_result result = {RECV_PENDING, 77};
    struct received received = {{88, {0}}, {89}};

    (void)state;
    world_fill_table(B, 0);
    world_send(A, a_sends, 5, token, SEND_ENQUEUED);
    for (unsigned may_wait = 0; may_wait < 2; may_wait++) {
        world_save();
        assert_status(ipc_recv(&world.ipc, B, b_receives, may_wait != 0, &result, &received),
                      STATUS_RECEIVER_TABLE_FULL);
        assert_int_equal(result.endpoint, 77);
        assert_int_equal(received.message.label, 88);
        assert_int_equal(received.cap.raw, 89);
        world_assert_as_wanted();
    }
    assert_is_token(C, world_fetch(C, c_receives, 5));
}

static void room_that_went_after_the_send_is_missed_at_the_fetch(void **state)
{
    struct recv_result result;
    struct received received;

    (void)state;
    world_register(B, b_receives);
    world_send(A, a_sends, 5, token, SEND_DELIVERED);
    world_fill_table(B, 0);
    world_save();
    assert_status(ipc_recv(&world.ipc, B, b_receives, true, &result, &received),
                  STATUS_RECEIVER_TABLE_FULL);
    world_assert_as_wanted();
    ipc_cancel_recv(&world.ipc, B, ref.index);
    assert_is_token(C, world_fetch(C, c_receives, 5));
}

static void what_is_revoked_in_flight_arrives_as_null(void **state)
{
    (void)state;
    for (unsigned waits = 0; waits < 2; waits++) {
        cap_handle_t child;

        assert_status(cap_derive(&world.caps, A, token, ALL, A, &child), STATUS_OK);
        if (waits != 0) {
            world_register(B, b_receives);
        }
        world_send(A, a_sends, 5, child, waits != 0 ? SEND_DELIVERED : SEND_ENQUEUED);
        assert_true(cap_is_parked(&world.caps, ref.index));
        assert_status(cap_revoke(&world.caps, A, token), STATUS_OK);
        assert_false(cap_is_parked(&world.caps, ref.index));
        assert_int_equal(world_fetch(B, b_receives, 5).raw, NULL_CAP_HANDLE.raw);
        assert_int_equal(world_held(B), 2);
    }
}

/* A full table is no obstacle to a message whose capability is gone. */
static void what_was_revoked_needs_no_room(void **state)
{
    cap_handle_t child;

    (void)state;
    assert_status(cap_derive(&world.caps, A, token, ALL, A, &child), STATUS_OK);
    world_fill_table(B, 0);
    world_send(A, a_sends, 5, child, SEND_ENQUEUED);
    assert_status(cap_revoke(&world.caps, A, token), STATUS_OK);
    assert_int_equal(world_fetch(B, b_receives, 5).raw, NULL_CAP_HANDLE.raw);
}

static void it_keeps_its_place_in_the_tree(void **state)
{
    cap_handle_t child;
    cap_handle_t grandchild;
    cap_handle_t arrived;

    (void)state;
    assert_status(cap_derive(&world.caps, A, token, ALL, A, &child), STATUS_OK);
    assert_status(cap_derive(&world.caps, A, child, ALL, C, &grandchild), STATUS_OK);
    world_send(A, a_sends, 5, child, SEND_ENQUEUED);
    assert_true(cap_check_invariants(&world.caps));
    arrived = world_fetch(B, b_receives, 5);
    assert_true(cap_check_invariants(&world.caps));

    /* Below what arrived is what was below what was sent. */
    assert_status(cap_drop(&world.caps, B, arrived), STATUS_HAS_CHILDREN);
    assert_status(cap_revoke(&world.caps, A, token), STATUS_OK);
    assert_false(world_resolves(B, arrived));
    assert_false(world_resolves(C, grandchild));
    assert_true(world_resolves(A, token));
}

static void a_cancelled_wait_passes_it_on(void **state)
{
    (void)state;
    world_register(B, b_receives);
    world_send(A, a_sends, 5, token, SEND_DELIVERED);
    ipc_cancel_recv(&world.ipc, B, ref.index);
    assert_true(cap_is_parked(&world.caps, ref.index));
    assert_is_token(C, world_fetch(C, c_receives, 5));
    assert_int_equal(world_held(B), 2);
}

static void the_right_to_an_endpoint_may_ride_through_it(void **state)
{
    cap_handle_t both = world_grant(A, CAP_KIND_ENDPOINT, ref, CAP_RIGHT_SEND | CAP_RIGHT_TRANSFER);
    cap_handle_t arrived;

    (void)state;
    world_send(A, both, 5, both, SEND_ENQUEUED);
    assert_false(world_resolves(A, both));
    arrived = world_fetch(B, b_receives, 5);
    assert_int_equal(world_cap(B, arrived).kind, CAP_KIND_ENDPOINT);
    world_send(B, arrived, 6, NULL_CAP_HANDLE, SEND_ENQUEUED);
    (void)world_fetch(C, c_receives, 6);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(in_flight_it_is_in_neither_table),
        TEST(it_is_parked_for_a_waiting_task_too),
        TEST(a_message_without_one_brings_null),
        TEST(what_cannot_be_transferred),
        TEST(a_waiting_task_without_room_gets_nothing),
        TEST(one_free_slot_is_room),
        TEST(a_receiver_without_room_leaves_the_message),
        TEST(room_that_went_after_the_send_is_missed_at_the_fetch),
        TEST(what_is_revoked_in_flight_arrives_as_null),
        TEST(what_was_revoked_needs_no_room),
        TEST(it_keeps_its_place_in_the_tree),
        TEST(a_cancelled_wait_passes_it_on),
        TEST(the_right_to_an_endpoint_may_ride_through_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
