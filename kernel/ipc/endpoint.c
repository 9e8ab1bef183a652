#include <tyrne/ipc.h>

#include "resolve.h"
#include <tyrne/panic.h>

static const struct endpoint idle_endpoint = {.state = ENDPOINT_IDLE, .receiver = TASK_NONE};

void ipc_init(struct ipc *ipc, struct cap_space *caps)
{
    ipc->caps = caps;
    object_arena_init(&ipc->endpoint_arena, MAX_ENDPOINTS);
    object_arena_init(&ipc->notification_arena, MAX_NOTIFICATIONS);
    for (unsigned i = 0; i < MAX_ENDPOINTS; i++) {
        ipc->endpoints[i] = idle_endpoint;
    }
    for (unsigned i = 0; i < MAX_NOTIFICATIONS; i++) {
        ipc->notifications[i] = 0;
    }
}

status_t ipc_endpoint_create(struct ipc *ipc, struct object_ref *ref)
{
    return object_alloc(&ipc->endpoint_arena, ref);
}

status_t ipc_endpoint_destroy(struct ipc *ipc, struct object_ref ref, unsigned *receiver)
{
    status_t status = object_free(&ipc->endpoint_arena, ref);

    if (status != STATUS_OK) {
        return status;
    }
    *receiver = ipc->endpoints[ref.index].receiver;
    cap_discard_parked(ipc->caps, ref.index);
    ipc->endpoints[ref.index] = idle_endpoint;
    return STATUS_OK;
}

/* What stands against handing `transfer` of `sender` to `endpoint`, before anything is changed. */
static status_t check_transfer(const struct ipc *ipc, const struct endpoint *endpoint,
                               unsigned sender, cap_handle_t transfer)
{
    if (cap_check_park(ipc->caps, sender, transfer) != STATUS_OK) {
        return STATUS_INVALID_TRANSFER_CAP;
    }
    if (endpoint->state == ENDPOINT_RECV_WAITING &&
        !cap_table_has_room(ipc->caps, endpoint->receiver)) {
        return STATUS_RECEIVER_TABLE_FULL;
    }
    return STATUS_OK;
}

status_t ipc_send(struct ipc *ipc, unsigned sender, cap_handle_t endpoint,
                  const struct message *message, cap_handle_t transfer, struct send_result *result)
{
    unsigned index;
    status_t status = ipc_resolve(ipc, sender, endpoint, CAP_KIND_ENDPOINT, CAP_RIGHT_SEND,
                                  &ipc->endpoint_arena, &index);
    struct endpoint *target;

    if (status != STATUS_OK) {
        return status;
    }
    target = &ipc->endpoints[index];
    if (target->state == ENDPOINT_SEND_PENDING || target->state == ENDPOINT_RECV_COMPLETE) {
        return STATUS_QUEUE_FULL;
    }
    if (!cap_handle_is_null(transfer)) {
        status = check_transfer(ipc, target, sender, transfer);
        if (status != STATUS_OK) {
            return status;
        }
        /* Commits: nothing below can fail. */
        KASSERT(cap_park(ipc->caps, sender, transfer, index) == STATUS_OK);
    }
    target->message = *message;
    if (target->state == ENDPOINT_RECV_WAITING) {
        target->state = ENDPOINT_RECV_COMPLETE;
        *result = (struct send_result){SEND_DELIVERED, index, target->receiver};
    } else {
        target->state = ENDPOINT_SEND_PENDING;
        *result = (struct send_result){SEND_ENQUEUED, index, TASK_NONE};
    }
    return STATUS_OK;
}

static bool has_message(const struct endpoint *endpoint)
{
    return endpoint->state == ENDPOINT_SEND_PENDING || endpoint->state == ENDPOINT_RECV_COMPLETE;
}

status_t ipc_recv(struct ipc *ipc, unsigned receiver, cap_handle_t endpoint, bool may_wait,
                  struct recv_result *result, struct received *received)
{
    unsigned index;
    status_t status = ipc_resolve(ipc, receiver, endpoint, CAP_KIND_ENDPOINT, CAP_RIGHT_RECV,
                                  &ipc->endpoint_arena, &index);
    struct endpoint *source;

    if (status != STATUS_OK) {
        return status;
    }
    source = &ipc->endpoints[index];
    if (source->receiver != TASK_NONE && source->receiver != receiver) {
        return STATUS_QUEUE_FULL;
    }
    if (!has_message(source)) {
        if (!may_wait) {
            return STATUS_DEADLOCK;
        }
        source->state = ENDPOINT_RECV_WAITING;
        source->receiver = (uint8_t)receiver;
        *result = (struct recv_result){RECV_PENDING, index};
        return STATUS_OK;
    }
    if (cap_unpark(ipc->caps, index, receiver, &received->cap) != STATUS_OK) {
        return STATUS_RECEIVER_TABLE_FULL;
    }
    received->message = source->message;
    source->state = ENDPOINT_IDLE;
    source->receiver = TASK_NONE;
    *result = (struct recv_result){RECV_RECEIVED, index};
    return STATUS_OK;
}

void ipc_cancel_recv(struct ipc *ipc, unsigned receiver, unsigned endpoint)
{
    struct endpoint *at;

    KASSERT(receiver < MAX_TASKS && endpoint < MAX_ENDPOINTS);
    at = &ipc->endpoints[endpoint];
    if (at->receiver != receiver) {
        return;
    }
    at->state = at->state == ENDPOINT_RECV_COMPLETE ? ENDPOINT_SEND_PENDING : ENDPOINT_IDLE;
    at->receiver = TASK_NONE;
}

void ipc_forget_task(struct ipc *ipc, unsigned receiver)
{
    for (unsigned i = 0; i < MAX_ENDPOINTS; i++) {
        ipc_cancel_recv(ipc, receiver, i);
    }
}
