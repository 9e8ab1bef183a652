#include "model_ipc.h"

bool model_alive(const struct model_object *objects, struct object_ref ref)
{
    return ref.index < OBJECT_ARENA_MAX && objects[ref.index].alive &&
           objects[ref.index].generation == ref.generation;
}

static bool create(struct model_object *objects, struct object_ref *ref)
{
    for (uint32_t i = 0; i < OBJECT_ARENA_MAX; i++) {
        if (!objects[i].alive) {
            objects[i].alive = true;
            *ref = (struct object_ref){i, objects[i].generation};
            return true;
        }
    }
    return false;
}

static void destroy(struct model_object *objects, struct object_ref ref)
{
    objects[ref.index].alive = false;
    objects[ref.index].generation++;
}

/*
 * The four things asked of a handle; `unresolved` and the three events after it are the answers. On
 * `otherwise` the handle is good and `*index` its object.
 */
static enum model_event check_handle(const struct model *model, unsigned task, cap_handle_t handle,
                                     enum cap_kind kind, unsigned right,
                                     enum model_event unresolved, enum model_event otherwise,
                                     unsigned *index)
{
    int id = model_caps_find(&model->caps, task, handle);
    const struct capability *cap;

    *index = 0;
    if (id == MODEL_NO_CAP) {
        return unresolved;
    }
    cap = &model->caps.caps[id].cap;
    if (cap->kind != kind) {
        return unresolved + 1;
    }
    if ((cap->rights & right) == 0) {
        return unresolved + 2;
    }
    if (!model_alive(kind == CAP_KIND_ENDPOINT ? model->endpoint_objects
                                               : model->notification_objects,
                     cap->object)) {
        return unresolved + 3;
    }
    *index = cap->object.index;
    return otherwise;
}

static void empty(struct model_endpoint *endpoint)
{
    endpoint->full = false;
    endpoint->cap = MODEL_NO_CAP;
    endpoint->revoked = false;
}

void model_init(struct model *model)
{
    *model = (struct model){.words = {0}};
    model_caps_init(&model->caps);
    for (unsigned i = 0; i < MAX_ENDPOINTS; i++) {
        model->endpoints[i].waiter = TASK_NONE;
        empty(&model->endpoints[i]);
    }
}

enum endpoint_state model_state(const struct model *model, unsigned index)
{
    const struct model_endpoint *endpoint = &model->endpoints[index];

    if (endpoint->waiter == TASK_NONE) {
        return endpoint->full ? ENDPOINT_SEND_PENDING : ENDPOINT_IDLE;
    }
    return endpoint->full ? ENDPOINT_RECV_COMPLETE : ENDPOINT_RECV_WAITING;
}

/* What stands against sending `id` (found for `transfer`, or none) to `endpoint`, or `good`. */
static enum model_event check_transfer(const struct model *model,
                                       const struct model_endpoint *endpoint, int id,
                                       enum model_event good)
{
    if (id == MODEL_NO_CAP) {
        return SEND_CAP_UNRESOLVED;
    }
    if ((model->caps.caps[id].cap.rights & CAP_RIGHT_TRANSFER) == 0) {
        return SEND_CAP_FIXED;
    }
    if (endpoint->waiter != TASK_NONE &&
        model_caps_held(&model->caps, endpoint->waiter) == CAP_TABLE_SLOTS) {
        return SEND_NO_ROOM;
    }
    return good;
}

enum model_event model_send(struct model *model, unsigned task, cap_handle_t handle,
                            const struct message *message, cap_handle_t transfer, unsigned *index,
                            unsigned *receiver)
{
    enum model_event event = check_handle(model, task, handle, CAP_KIND_ENDPOINT, CAP_RIGHT_SEND,
                                          SEND_UNRESOLVED, SEND_TO_NOBODY, index);
    struct model_endpoint *endpoint = &model->endpoints[*index];
    int id = MODEL_NO_CAP;

    if (event != SEND_TO_NOBODY) {
        return event;
    }
    if (endpoint->full) {
        return endpoint->waiter == TASK_NONE ? SEND_FULL_PARKED : SEND_FULL_DELIVERED;
    }
    if (endpoint->waiter != TASK_NONE) {
        event = SEND_TO_WAITING;
    }
    if (transfer.raw != UINT64_MAX) {
        id = model_caps_find(&model->caps, task, transfer);
        event = check_transfer(model, endpoint, id, event + 1);
        if (event != SEND_TO_NOBODY_WITH_CAP && event != SEND_TO_WAITING_WITH_CAP) {
            return event;
        }
        model->caps.caps[id].table = MODEL_PARKED;
    }
    endpoint->full = true;
    endpoint->message = *message;
    endpoint->cap = id;
    *receiver = endpoint->waiter;
    return event;
}

/* The event of fetching what `endpoint` holds. */
static enum model_event fetch_event(const struct model_endpoint *endpoint)
{
    if (endpoint->revoked) {
        return RECV_CAP_REVOKED;
    }
    if (endpoint->waiter == TASK_NONE) {
        return endpoint->cap == MODEL_NO_CAP ? RECV_PARKED : RECV_PARKED_WITH_CAP;
    }
    return endpoint->cap == MODEL_NO_CAP ? RECV_DELIVERED : RECV_DELIVERED_WITH_CAP;
}

enum model_event model_recv(struct model *model, unsigned task, cap_handle_t handle, bool may_wait,
                            unsigned *index, struct message *message, int *cap)
{
    enum model_event event = check_handle(model, task, handle, CAP_KIND_ENDPOINT, CAP_RIGHT_RECV,
                                          RECV_UNRESOLVED, RECV_WAITS, index);
    struct model_endpoint *endpoint = &model->endpoints[*index];
    bool registered;

    if (event != RECV_WAITS) {
        return event;
    }
    registered = endpoint->waiter == task;
    if (endpoint->waiter != TASK_NONE && !registered) {
        return endpoint->full ? RECV_OTHERS_MESSAGE : RECV_OTHER_WAITS;
    }
    if (!endpoint->full && !may_wait) {
        return registered ? RECV_MAY_NOT_WAIT_AGAIN : RECV_MAY_NOT_WAIT;
    }
    if (!endpoint->full) {
        endpoint->waiter = task;
        return registered ? RECV_WAITS_AGAIN : RECV_WAITS;
    }
    if (endpoint->cap != MODEL_NO_CAP && model_caps_held(&model->caps, task) == CAP_TABLE_SLOTS) {
        return RECV_NO_ROOM;
    }
    event = fetch_event(endpoint);
    *message = endpoint->message;
    *cap = endpoint->cap;
    if (*cap != MODEL_NO_CAP) {
        model->caps.caps[*cap].table = task;
    }
    endpoint->waiter = TASK_NONE;
    empty(endpoint);
    return event;
}

enum model_event model_cancel(struct model *model, unsigned task, unsigned index)
{
    struct model_endpoint *endpoint = &model->endpoints[index];

    if (endpoint->waiter != task) {
        return endpoint->waiter == TASK_NONE ? CANCEL_NOTHING : CANCEL_OTHERS;
    }
    endpoint->waiter = TASK_NONE;
    return endpoint->full ? CANCEL_DELIVERED : CANCEL_WAIT;
}

enum model_event model_forget(struct model *model, unsigned task)
{
    for (unsigned i = 0; i < MAX_ENDPOINTS; i++) {
        (void)model_cancel(model, task, i);
    }
    return FORGET_TASK;
}

enum model_event model_endpoint_create(struct model *model, struct object_ref *ref)
{
    return create(model->endpoint_objects, ref) ? ENDPOINT_CREATED : ENDPOINT_EXHAUSTED;
}

enum model_event model_endpoint_destroy(struct model *model, struct object_ref ref,
                                        unsigned *receiver)
{
    static const enum model_event events[] = {
        [ENDPOINT_IDLE] = DESTROY_IDLE,
        [ENDPOINT_SEND_PENDING] = DESTROY_PARKED,
        [ENDPOINT_RECV_WAITING] = DESTROY_WAITED_FOR,
        [ENDPOINT_RECV_COMPLETE] = DESTROY_DELIVERED,
    };
    struct model_endpoint *endpoint;
    enum model_event event;

    if (!model_alive(model->endpoint_objects, ref)) {
        return DESTROY_STALE;
    }
    endpoint = &model->endpoints[ref.index];
    event = events[model_state(model, ref.index)];
    if (endpoint->cap != MODEL_NO_CAP) {
        model_caps_remove(&model->caps, endpoint->cap);
        event = DESTROY_WITH_CAP;
    }
    *receiver = endpoint->waiter;
    destroy(model->endpoint_objects, ref);
    endpoint->waiter = TASK_NONE;
    empty(endpoint);
    return event;
}

enum model_event model_notification_create(struct model *model, struct object_ref *ref)
{
    if (!create(model->notification_objects, ref)) {
        return NOTIFICATION_EXHAUSTED;
    }
    model->words[ref->index] = 0;
    return NOTIFICATION_CREATED;
}

enum model_event model_notification_destroy(struct model *model, struct object_ref ref)
{
    if (!model_alive(model->notification_objects, ref)) {
        return NOTIFICATION_STALE;
    }
    destroy(model->notification_objects, ref);
    return NOTIFICATION_DESTROYED;
}

enum model_event model_notify(struct model *model, unsigned task, cap_handle_t handle,
                              uint64_t bits)
{
    unsigned index;
    enum model_event event = check_handle(model, task, handle, CAP_KIND_NOTIFICATION,
                                          CAP_RIGHT_NOTIFY, NOTIFY_UNRESOLVED, NOTIFIED, &index);

    if (event == NOTIFIED) {
        model->words[index] |= bits;
    }
    return event;
}

enum model_event model_poll(struct model *model, unsigned task, cap_handle_t handle, uint64_t *bits)
{
    unsigned index;
    enum model_event event = check_handle(model, task, handle, CAP_KIND_NOTIFICATION,
                                          CAP_RIGHT_RECV, POLL_UNRESOLVED, POLLED, &index);

    if (event == POLLED) {
        *bits = model->words[index];
        model->words[index] = 0;
    }
    return event;
}

enum model_event model_revoke(struct model *model, int id)
{
    enum model_event event = REVOKED;

    model_caps_revoke(&model->caps, id);
    for (unsigned i = 0; i < MAX_ENDPOINTS; i++) {
        struct model_endpoint *endpoint = &model->endpoints[i];

        if (endpoint->cap != MODEL_NO_CAP && !model->caps.caps[endpoint->cap].live) {
            endpoint->cap = MODEL_NO_CAP;
            endpoint->revoked = true;
            event = REVOKED_PARKED;
        }
    }
    return event;
}
