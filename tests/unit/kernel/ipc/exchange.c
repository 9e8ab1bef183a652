#include "exchange.h"

struct object_ref endpoint;
cap_handle_t handles[MAX_TASKS];

int exchange_setup(void **state)
{
    (void)running_setup(state);
    (void)world_endpoint();
    endpoint = world_endpoint();
    return 0;
}

void exchange_grant(struct object_ref task, unsigned rights)
{
    (void)world_token(task.index, 0);
    handles[task.index] = world_grant(task.index, CAP_KIND_ENDPOINT, endpoint, rights);
}

status_t exchange_send(uint64_t label, cap_handle_t transfer, enum send_outcome *outcome)
{
    struct message message = world_message(label);

    return task_send(&world, handles[world.sched.current], &message, transfer, outcome);
}

status_t exchange_recv(struct received *received)
{
    return task_recv(&world, handles[world.sched.current], received);
}

cap_handle_t exchange_expect(uint64_t label)
{
    struct message expected = world_message(label);
    struct received received;

    assert_status(exchange_recv(&received), STATUS_OK);
    assert_memory_equal(&received.message, &expected, sizeof(expected));
    return received.cap;
}

void exchange_expect_error(status_t expected)
{
    struct received received = {{88, {0}}, {89}};

    assert_status(exchange_recv(&received), expected);
    assert_int_equal(received.message.label, 88);
    assert_int_equal(received.cap.raw, 89);
}

void exchange_assert_state(enum endpoint_state state, unsigned receiver)
{
    assert_int_equal(world.ipc.endpoints[endpoint.index].state, state);
    assert_int_equal(world.ipc.endpoints[endpoint.index].receiver, receiver);
}
