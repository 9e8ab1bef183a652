/*
 * What every operation that takes a handle asks, in this order: does it resolve, is it of the kind,
 * does it grant the right, is the object alive. Each row breaks one check and all that come later.
 */
#include "world.h"

#include <string.h>

#define TASK  0U
#define OTHER 1U

/* Outputs, which an error must leave alone. */
static struct {
    struct send_result send;
    struct recv_result recv;
    struct received received;
    enum send_outcome outcome;
    uint64_t bits;
} out;

static const struct message message = {0x1234, {1, 2, 3}};

static status_t send(cap_handle_t handle)
{
    return ipc_send(&world.ipc, TASK, handle, &message, NULL_CAP_HANDLE, &out.send);
}

static status_t recv_waiting(cap_handle_t handle)
{
    return ipc_recv(&world.ipc, TASK, handle, true, &out.recv, &out.received);
}

static status_t recv_not_waiting(cap_handle_t handle)
{
    return ipc_recv(&world.ipc, TASK, handle, false, &out.recv, &out.received);
}

static status_t send_as_current(cap_handle_t handle)
{
    return task_send(&world, handle, &message, NULL_CAP_HANDLE, &out.outcome);
}

static status_t recv_as_current(cap_handle_t handle)
{
    return task_recv(&world, handle, &out.received);
}

static status_t notify(cap_handle_t handle)
{
    return ipc_notify(&world.ipc, TASK, handle, 0xF0);
}

static status_t poll_word(cap_handle_t handle)
{
    return ipc_poll_notification(&world.ipc, TASK, handle, &out.bits);
}

static const struct operation {
    const char *name;
    status_t (*call)(cap_handle_t handle);
    enum cap_kind kind;
    unsigned right;
} operations[] = {
    {"ipc_send", send, CAP_KIND_ENDPOINT, CAP_RIGHT_SEND},
    {"ipc_recv, may wait", recv_waiting, CAP_KIND_ENDPOINT, CAP_RIGHT_RECV},
    {"ipc_recv, may not wait", recv_not_waiting, CAP_KIND_ENDPOINT, CAP_RIGHT_RECV},
    {"task_send", send_as_current, CAP_KIND_ENDPOINT, CAP_RIGHT_SEND},
    {"task_recv", recv_as_current, CAP_KIND_ENDPOINT, CAP_RIGHT_RECV},
    {"ipc_notify", notify, CAP_KIND_NOTIFICATION, CAP_RIGHT_NOTIFY},
    {"ipc_poll_notification", poll_word, CAP_KIND_NOTIFICATION, CAP_RIGHT_RECV},
};

#define OPERATIONS (sizeof(operations) / sizeof(operations[0]))

static void assert_refused(const struct operation *operation, cap_handle_t handle,
                           status_t expected)
{
    unsigned char before[sizeof(out)];
    status_t status;

    memset(&out, 0x5A, sizeof(out));
    memcpy(before, &out, sizeof(out));
    world_save();
    status = operation->call(handle);
    if (status != expected) {
        fail_msg("%s: status 0x%x, expected 0x%x", operation->name, status, expected);
    }
    world_assert_as_wanted();
    assert_memory_equal(&out, before, sizeof(out));
}

/* An object of `operation`'s kind; the other tests make it a destroyed one. */
static struct object_ref new_object(const struct operation *operation)
{
    return operation->kind == CAP_KIND_ENDPOINT ? world_endpoint() : world_notification();
}

static struct object_ref dead_object(const struct operation *operation)
{
    struct object_ref ref = new_object(operation);
    unsigned receiver;

    if (operation->kind == CAP_KIND_ENDPOINT) {
        assert_status(ipc_endpoint_destroy(&world.ipc, ref, &receiver), STATUS_OK);
    } else {
        assert_status(ipc_notification_destroy(&world.ipc, ref), STATUS_OK);
    }
    return ref;
}

static void for_each(void (*check)(const struct operation *operation))
{
    for (size_t i = 0; i < OPERATIONS; i++) {
        (void)world_setup(NULL);
        world.sched.current = TASK;
        check(&operations[i]);
    }
}

/* Nothing that is no handle of this very task resolves, whatever lies behind it. */
static void check_unresolved(const struct operation *operation)
{
    struct object_ref dead = dead_object(operation);
    cap_handle_t gone = world_grant(TASK, operation->kind, new_object(operation), ALL);
    cap_handle_t others;

    assert_status(cap_drop(&world.caps, TASK, gone), STATUS_OK);
    assert_refused(operation, gone, STATUS_STALE_HANDLE);
    assert_refused(operation, NULL_CAP_HANDLE, STATUS_STALE_HANDLE);
    assert_refused(operation, cap_handle_make(0, CAP_TABLE_SLOTS), STATUS_STALE_HANDLE);
    assert_refused(operation, cap_handle_make(0, UINT16_MAX), STATUS_STALE_HANDLE);
    assert_refused(operation, cap_handle_make(0, 5), STATUS_STALE_HANDLE);
    assert_refused(operation, (cap_handle_t){gone.raw | 1ULL << 48}, STATUS_STALE_HANDLE);
    /* The slot is used again, by a capability of the wrong kind: the old handle is still stale. */
    (void)world_grant(TASK, CAP_KIND_TASK, dead, 0);
    assert_refused(operation, gone, STATUS_STALE_HANDLE);
    (void)world_token(OTHER, 0);
    others = world_grant(OTHER, operation->kind, new_object(operation), ALL);
    assert_refused(operation, others, STATUS_STALE_HANDLE);
}

static void what_does_not_resolve_is_stale(void **state)
{
    (void)state;
    for_each(check_unresolved);
}

static void check_kinds(const struct operation *operation)
{
    struct object_ref dead = dead_object(operation);
    struct object_ref live = new_object(operation);

    for (unsigned kind = CAP_KIND_TASK; kind < CAP_KIND_COUNT; kind++) {
        if (kind != operation->kind) {
            cap_handle_t all = world_grant(TASK, (enum cap_kind)kind, live, ALL);
            cap_handle_t none = world_grant(TASK, (enum cap_kind)kind, dead, 0);

            assert_refused(operation, all, STATUS_WRONG_OBJECT_KIND);
            assert_refused(operation, none, STATUS_WRONG_OBJECT_KIND);
        }
    }
}

static void kind_comes_before_right(void **state)
{
    (void)state;
    for_each(check_kinds);
}

static void check_rights(const struct operation *operation)
{
    struct object_ref dead = dead_object(operation);
    struct object_ref live = new_object(operation);
    unsigned others = ALL & ~operation->right;

    assert_refused(operation, world_grant(TASK, operation->kind, live, others),
                   STATUS_MISSING_RIGHT);
    assert_refused(operation, world_grant(TASK, operation->kind, live, 0), STATUS_MISSING_RIGHT);
    assert_refused(operation, world_grant(TASK, operation->kind, dead, others),
                   STATUS_MISSING_RIGHT);
}

static void right_comes_before_liveness(void **state)
{
    (void)state;
    for_each(check_rights);
}

static void check_liveness(const struct operation *operation)
{
    struct object_ref dead = dead_object(operation);
    cap_handle_t handle = world_grant(TASK, operation->kind, dead, ALL);
    struct object_ref outside = {OBJECT_ARENA_MAX, 0};
    struct object_ref later = {dead.index, dead.generation + 2};

    assert_refused(operation, handle, STATUS_STALE_HANDLE);
    assert_refused(operation, world_grant(TASK, operation->kind, outside, ALL),
                   STATUS_STALE_HANDLE);
    /* The index holds another object now. */
    assert_int_equal(new_object(operation).index, dead.index);
    assert_refused(operation, handle, STATUS_STALE_HANDLE);
    assert_refused(operation, world_grant(TASK, operation->kind, later, ALL), STATUS_STALE_HANDLE);
}

static void an_object_that_is_gone_is_stale(void **state)
{
    (void)state;
    for_each(check_liveness);
}

/* An endpoint that is full, or waited for by another task, is not looked at before it is known. */
static void check_before_state(const struct operation *operation)
{
    struct object_ref busy;
    cap_handle_t handle;

    if (operation->kind != CAP_KIND_ENDPOINT) {
        return;
    }
    busy = new_object(operation);
    world_register(OTHER, world_grant(OTHER, CAP_KIND_ENDPOINT, busy, ALL));
    handle = world_grant(TASK, CAP_KIND_ENDPOINT, busy, CAP_RIGHT_SEND);
    world_send(TASK, handle, 1, NULL_CAP_HANDLE, SEND_DELIVERED);
    handle = world_grant(TASK, CAP_KIND_ENDPOINT, busy, ALL & ~operation->right);
    assert_refused(operation, handle, STATUS_MISSING_RIGHT);
    handle = world_grant(TASK, CAP_KIND_ENDPOINT, busy, operation->right);
    assert_refused(operation, handle, STATUS_QUEUE_FULL);
}

static void the_state_comes_last(void **state)
{
    (void)state;
    for_each(check_before_state);
}

static void notify_as_nobody(void)
{
    assert_status(ipc_notify(&world.ipc, CAP_TABLES, cap_handle_make(0, 0), 1), STATUS_OK);
}

static void a_task_that_is_none_panics(void **state)
{
    (void)state;
    (void)world_setup(NULL);
    world_save();
    expect_assert_failure(notify_as_nobody());
    world_assert_as_wanted();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_does_not_resolve_is_stale),
        cmocka_unit_test(kind_comes_before_right),
        cmocka_unit_test(right_comes_before_liveness),
        cmocka_unit_test(an_object_that_is_gone_is_stale),
        cmocka_unit_test(the_state_comes_last),
        cmocka_unit_test(a_task_that_is_none_panics),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
