#include "world.h"

#include <string.h>

struct core world;
struct core wanted;

int world_setup(void **state)
{
    (void)state;
    memset(&world, 0xA5, sizeof(world));
    core_init(&world, NULL);
    return 0;
}

struct object_ref world_endpoint(void)
{
    struct object_ref ref;

    assert_status(ipc_endpoint_create(&world.ipc, &ref), STATUS_OK);
    return ref;
}

struct object_ref world_notification(void)
{
    struct object_ref ref;

    assert_status(ipc_notification_create(&world.ipc, &ref), STATUS_OK);
    return ref;
}

cap_handle_t world_grant(unsigned task, enum cap_kind kind, struct object_ref object,
                         unsigned rights)
{
    struct capability cap = {.object = object, .kind = (uint8_t)kind, .rights = (uint8_t)rights};
    cap_handle_t handle;

    assert_status(cap_insert_root(&world.caps, task, cap, &handle), STATUS_OK);
    return handle;
}

cap_handle_t world_token(unsigned task, unsigned rights)
{
    return world_grant(task, CAP_KIND_DEBUG_CONSOLE, (struct object_ref){7, 3}, rights);
}

unsigned world_held(unsigned task)
{
    unsigned held = 0;

    for (unsigned i = 0; i < CAP_TABLE_SLOTS; i++) {
        held += world.caps.slots[task * CAP_TABLE_SLOTS + i].cap.kind != CAP_KIND_NONE;
    }
    return held;
}

void world_fill_table(unsigned task, unsigned left)
{
    while (world_held(task) + left < CAP_TABLE_SLOTS) {
        (void)world_token(task, 0);
    }
}

struct capability world_cap(unsigned task, cap_handle_t handle)
{
    struct capability cap;

    assert_status(cap_lookup(&world.caps, task, handle, &cap), STATUS_OK);
    return cap;
}

bool world_resolves(unsigned task, cap_handle_t handle)
{
    struct capability cap;

    return cap_lookup(&world.caps, task, handle, &cap) == STATUS_OK;
}

struct message world_message(uint64_t label)
{
    return (struct message){label, {~label, label << 32, 3 * label}};
}

void world_register(unsigned receiver, cap_handle_t endpoint)
{
    struct recv_result result = {.outcome = RECV_RECEIVED};
    struct received received;

    assert_status(ipc_recv(&world.ipc, receiver, endpoint, true, &result, &received), STATUS_OK);
    assert_int_equal(result.outcome, RECV_PENDING);
}

void world_send(unsigned sender, cap_handle_t endpoint, uint64_t label, cap_handle_t transfer,
                enum send_outcome outcome)
{
    struct message message = world_message(label);
    struct send_result result;

    assert_status(ipc_send(&world.ipc, sender, endpoint, &message, transfer, &result), STATUS_OK);
    assert_int_equal(result.outcome, outcome);
}

cap_handle_t world_fetch(unsigned receiver, cap_handle_t endpoint, uint64_t label)
{
    struct message expected = world_message(label);
    struct recv_result result = {.outcome = RECV_PENDING};
    struct received received;

    assert_status(ipc_recv(&world.ipc, receiver, endpoint, false, &result, &received), STATUS_OK);
    assert_int_equal(result.outcome, RECV_RECEIVED);
    assert_memory_equal(&received.message, &expected, sizeof(expected));
    return received.cap;
}

void world_save(void)
{
    memcpy(&wanted, &world, sizeof(wanted));
}

void world_assert_as_wanted(void)
{
    assert_memory_equal(&world, &wanted, sizeof(wanted));
}
