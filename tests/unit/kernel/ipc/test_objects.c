/* The lives of endpoints and notifications: creation, destruction, and the index used again. */
#include "world.h"

#define A 0U
#define B 1U

static void every_endpoint_can_be_made_once(void **state)
{
    struct object_ref ref;
    struct object_ref untouched = {77, 78};

    (void)state;
    for (unsigned i = 0; i < MAX_ENDPOINTS; i++) {
        ref = world_endpoint();
        assert_int_equal(ref.index, i);
        assert_int_equal(ref.generation, 0);
    }
    world_save();
    assert_status(ipc_endpoint_create(&world.ipc, &untouched), STATUS_OBJECTS_EXHAUSTED);
    assert_int_equal(untouched.index, 77);
    assert_int_equal(untouched.generation, 78);
    world_assert_as_wanted();
    /* Notifications are counted on their own. */
    assert_int_equal(world_notification().index, 0);
}

static void every_notification_can_be_made_once(void **state)
{
    struct object_ref untouched = {77, 78};

    (void)state;
    for (unsigned i = 0; i < MAX_NOTIFICATIONS; i++) {
        assert_int_equal(world_notification().index, i);
    }
    world_save();
    assert_status(ipc_notification_create(&world.ipc, &untouched), STATUS_OBJECTS_EXHAUSTED);
    assert_int_equal(untouched.index, 77);
    world_assert_as_wanted();
}

/* A reference that names no live object. */
static void assert_destroys_nothing(struct object_ref ref)
{
    unsigned receiver = 77;

    world_save();
    assert_status(ipc_endpoint_destroy(&world.ipc, ref, &receiver), STATUS_STALE_OBJECT);
    assert_status(task_destroy_endpoint(&world, ref), STATUS_STALE_OBJECT);
    assert_status(ipc_notification_destroy(&world.ipc, ref), STATUS_STALE_OBJECT);
    assert_int_equal(receiver, 77);
    world_assert_as_wanted();
}

static void only_a_live_object_can_be_destroyed(void **state)
{
    struct object_ref endpoint = world_endpoint();
    struct object_ref notification = world_notification();
    unsigned receiver;

    (void)state;
    assert_destroys_nothing((struct object_ref){OBJECT_ARENA_MAX, 0});
    assert_destroys_nothing((struct object_ref){UINT32_MAX, 0});
    assert_destroys_nothing((struct object_ref){1, 0});
    assert_destroys_nothing((struct object_ref){0, 1});
    assert_status(ipc_endpoint_destroy(&world.ipc, endpoint, &receiver), STATUS_OK);
    assert_status(ipc_notification_destroy(&world.ipc, notification), STATUS_OK);
    assert_destroys_nothing(endpoint);
    (void)world_endpoint();
    (void)world_notification();
    assert_destroys_nothing(endpoint);
}

/* Bring an endpoint, through A that sends and B that receives, into `state`. */
static void bring_into(enum endpoint_state state, cap_handle_t a, cap_handle_t b,
                       cap_handle_t transfer)
{
    if (state == ENDPOINT_RECV_WAITING || state == ENDPOINT_RECV_COMPLETE) {
        world_register(B, b);
    }
    if (state == ENDPOINT_SEND_PENDING) {
        world_send(A, a, 5, transfer, SEND_ENQUEUED);
    } else if (state == ENDPOINT_RECV_COMPLETE) {
        world_send(A, a, 5, transfer, SEND_DELIVERED);
    }
}

static void assert_idle(struct object_ref ref)
{
    static const struct message nothing;

    assert_int_equal(world.ipc.endpoints[ref.index].state, ENDPOINT_IDLE);
    assert_int_equal(world.ipc.endpoints[ref.index].receiver, TASK_NONE);
    assert_memory_equal(&world.ipc.endpoints[ref.index].message, &nothing, sizeof(nothing));
    assert_false(cap_is_parked(&world.caps, ref.index));
}

static void destroying_an_endpoint_empties_it_in_any_state(void **state)
{
    (void)state;
    for (unsigned at = ENDPOINT_IDLE; at <= ENDPOINT_RECV_COMPLETE; at++) {
        bool waits = at == ENDPOINT_RECV_WAITING || at == ENDPOINT_RECV_COMPLETE;
        struct object_ref ref;
        struct object_ref other;
        struct object_ref again;
        unsigned receiver = 77;
        cap_handle_t a;
        cap_handle_t b;
        cap_handle_t token;

        (void)world_setup(NULL);
        other = world_endpoint();
        ref = world_endpoint();
        a = world_grant(A, CAP_KIND_ENDPOINT, other, ALL);
        b = world_grant(B, CAP_KIND_ENDPOINT, other, ALL);
        bring_into((enum endpoint_state)at, a, b, world_token(A, ALL));
        a = world_grant(A, CAP_KIND_ENDPOINT, ref, ALL);
        b = world_grant(B, CAP_KIND_ENDPOINT, ref, ALL);
        token = world_token(A, ALL);
        bring_into((enum endpoint_state)at, a, b, token);
        assert_int_equal(world.ipc.endpoints[ref.index].state, at);
        world_save();

        assert_status(ipc_endpoint_destroy(&world.ipc, ref, &receiver), STATUS_OK);
        assert_int_equal(receiver, waits ? B : TASK_NONE);
        assert_idle(ref);
        assert_true(cap_check_invariants(&world.caps));
        /* The neighbour, in the same state, is as it was. */
        assert_memory_equal(&world.ipc.endpoints[other.index], &wanted.ipc.endpoints[other.index],
                            sizeof(struct endpoint));
        assert_int_equal(cap_is_parked(&world.caps, other.index),
                         cap_is_parked(&wanted.caps, other.index));

        /* The index is used again; what named the old endpoint does not name the new one. */
        again = world_endpoint();
        assert_int_equal(again.index, ref.index);
        assert_int_equal(again.generation, ref.generation + 1);
        assert_idle(again);
        {
            struct message message = world_message(1);
            struct send_result sent;
            struct recv_result result;
            struct received received;

            assert_status(ipc_send(&world.ipc, A, a, &message, NULL_CAP_HANDLE, &sent),
                          STATUS_STALE_HANDLE);
            assert_status(ipc_recv(&world.ipc, B, b, true, &result, &received),
                          STATUS_STALE_HANDLE);
        }
        a = world_grant(A, CAP_KIND_ENDPOINT, again, CAP_RIGHT_SEND);
        world_send(A, a, 9, NULL_CAP_HANDLE, SEND_ENQUEUED);
    }
}

static void destroying_lifts_the_children_of_what_was_parked(void **state)
{
    struct object_ref ref = world_endpoint();
    cap_handle_t a = world_grant(A, CAP_KIND_ENDPOINT, ref, CAP_RIGHT_SEND);
    cap_handle_t top = world_token(A, ALL);
    cap_handle_t middle;
    cap_handle_t bottom;
    unsigned receiver;

    (void)state;
    assert_status(cap_derive(&world.caps, A, top, ALL, A, &middle), STATUS_OK);
    assert_status(cap_derive(&world.caps, A, middle, ALL, B, &bottom), STATUS_OK);
    world_send(A, a, 5, middle, SEND_ENQUEUED);
    assert_status(ipc_endpoint_destroy(&world.ipc, ref, &receiver), STATUS_OK);
    assert_true(cap_check_invariants(&world.caps));
    assert_true(world_resolves(B, bottom));
    assert_status(cap_revoke(&world.caps, A, top), STATUS_OK);
    assert_false(world_resolves(B, bottom));
}

static void bits_are_gathered_until_they_are_polled(void **state)
{
    struct object_ref ref;
    cap_handle_t a;
    cap_handle_t b;
    uint64_t bits = 77;

    (void)state;
    (void)world_notification();
    ref = world_notification();
    a = world_grant(A, CAP_KIND_NOTIFICATION, ref, CAP_RIGHT_NOTIFY);
    b = world_grant(B, CAP_KIND_NOTIFICATION, ref, CAP_RIGHT_RECV);
    world_save();
    assert_status(ipc_poll_notification(&world.ipc, B, b, &bits), STATUS_OK);
    assert_int_equal(bits, 0);
    world_assert_as_wanted();

    assert_status(ipc_notify(&world.ipc, A, a, 0x8000000000000001U), STATUS_OK);
    assert_status(ipc_notify(&world.ipc, A, a, 0x0000000000000003U), STATUS_OK);
    assert_status(ipc_notify(&world.ipc, A, a, 0), STATUS_OK);
    wanted.ipc.notifications[ref.index] = 0x8000000000000003U;
    world_assert_as_wanted();

    assert_status(ipc_poll_notification(&world.ipc, B, b, &bits), STATUS_OK);
    assert_int_equal(bits, 0x8000000000000003U);
    wanted.ipc.notifications[ref.index] = 0;
    world_assert_as_wanted();
    assert_status(ipc_poll_notification(&world.ipc, B, b, &bits), STATUS_OK);
    assert_int_equal(bits, 0);
}

static void a_new_notification_starts_at_zero(void **state)
{
    struct object_ref ref = world_notification();
    cap_handle_t a = world_grant(A, CAP_KIND_NOTIFICATION, ref, ALL);
    cap_handle_t fresh;
    uint64_t bits = 77;

    (void)state;
    assert_status(ipc_notify(&world.ipc, A, a, 0xFF), STATUS_OK);
    assert_status(ipc_notification_destroy(&world.ipc, ref), STATUS_OK);
    assert_status(ipc_notify(&world.ipc, A, a, 0xFF), STATUS_STALE_HANDLE);
    assert_int_equal(world_notification().index, ref.index);
    fresh = world_grant(A, CAP_KIND_NOTIFICATION, object_at(&world.ipc.notification_arena, 0), ALL);
    assert_status(ipc_poll_notification(&world.ipc, A, a, &bits), STATUS_STALE_HANDLE);
    assert_int_equal(bits, 77);
    assert_status(ipc_poll_notification(&world.ipc, A, fresh, &bits), STATUS_OK);
    assert_int_equal(bits, 0);
}

#define TEST(name) cmocka_unit_test_setup(name, world_setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_endpoint_can_be_made_once),
        TEST(every_notification_can_be_made_once),
        TEST(only_a_live_object_can_be_destroyed),
        TEST(destroying_an_endpoint_empties_it_in_any_state),
        TEST(destroying_lifts_the_children_of_what_was_parked),
        TEST(bits_are_gathered_until_they_are_polled),
        TEST(a_new_notification_starts_at_zero),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
