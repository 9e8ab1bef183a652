/*
 * What endpoints and notifications shall do, said plainly: an endpoint may have somebody who waits
 * and may have a message. An operation on the model says what the kernel must answer.
 */
#ifndef TESTS_MODEL_IPC_H
#define TESTS_MODEL_IPC_H

#include "model_caps.h"

#include <tyrne/ipc.h>

/* What can happen, one name for each thing that a test must have seen. */
enum model_event {
    SEND_TO_WAITING,
    SEND_TO_WAITING_WITH_CAP,
    SEND_TO_NOBODY,
    SEND_TO_NOBODY_WITH_CAP,
    SEND_UNRESOLVED,
    SEND_WRONG_KIND,
    SEND_NO_RIGHT,
    SEND_DEAD,
    SEND_FULL_PARKED,
    SEND_FULL_DELIVERED,
    SEND_CAP_UNRESOLVED,
    SEND_CAP_FIXED,
    SEND_NO_ROOM,
    RECV_PARKED,
    RECV_PARKED_WITH_CAP,
    RECV_DELIVERED,
    RECV_DELIVERED_WITH_CAP,
    RECV_CAP_REVOKED,
    RECV_WAITS,
    RECV_WAITS_AGAIN,
    RECV_UNRESOLVED,
    RECV_WRONG_KIND,
    RECV_NO_RIGHT,
    RECV_DEAD,
    RECV_OTHER_WAITS,
    RECV_OTHERS_MESSAGE,
    RECV_NO_ROOM,
    RECV_MAY_NOT_WAIT,
    RECV_MAY_NOT_WAIT_AGAIN,
    CANCEL_NOTHING,
    CANCEL_OTHERS,
    CANCEL_WAIT,
    CANCEL_DELIVERED,
    FORGET_TASK,
    ENDPOINT_CREATED,
    ENDPOINT_EXHAUSTED,
    DESTROY_STALE,
    DESTROY_IDLE,
    DESTROY_PARKED,
    DESTROY_WAITED_FOR,
    DESTROY_DELIVERED,
    DESTROY_WITH_CAP,
    NOTIFIED,
    NOTIFY_UNRESOLVED,
    NOTIFY_WRONG_KIND,
    NOTIFY_NO_RIGHT,
    NOTIFY_DEAD,
    POLLED,
    POLL_UNRESOLVED,
    POLL_WRONG_KIND,
    POLL_NO_RIGHT,
    POLL_DEAD,
    NOTIFICATION_CREATED,
    NOTIFICATION_EXHAUSTED,
    NOTIFICATION_DESTROYED,
    NOTIFICATION_STALE,
    REVOKED,
    REVOKED_PARKED,
    MODEL_EVENTS,
};

/* The name of an event, and the status that the kernel answers with it. */
const char *model_event_name(enum model_event event);
status_t model_event_status(enum model_event event);

struct model_object {
    bool alive;
    uint32_t generation;
};

struct model_endpoint {
    unsigned waiter; /* or TASK_NONE */
    bool full;
    struct message message;
    int cap;      /* parked with the message, or MODEL_NO_CAP */
    bool revoked; /* there was one */
};

struct model {
    struct model_caps caps;
    struct model_object endpoint_objects[OBJECT_ARENA_MAX];
    struct model_object notification_objects[OBJECT_ARENA_MAX];
    struct model_endpoint endpoints[MAX_ENDPOINTS];
    uint64_t words[MAX_NOTIFICATIONS];
};

void model_init(struct model *model);

/* The state that the kernel must show for endpoint `index`. */
enum endpoint_state model_state(const struct model *model, unsigned index);

/* On success `*index` is the endpoint and `*receiver` the task that can go on, or TASK_NONE. */
enum model_event model_send(struct model *model, unsigned task, cap_handle_t handle,
                            const struct message *message, cap_handle_t transfer, unsigned *index,
                            unsigned *receiver);

/*
 * On success `*index` is the endpoint; when a message was received, `*message` and `*cap`, which is
 * in `task`'s table then but has no handle yet.
 */
enum model_event model_recv(struct model *model, unsigned task, cap_handle_t handle, bool may_wait,
                            unsigned *index, struct message *message, int *cap);

enum model_event model_cancel(struct model *model, unsigned task, unsigned index);
enum model_event model_forget(struct model *model, unsigned task);

bool model_alive(const struct model_object *objects, struct object_ref ref);

/* On success `*ref` is the new object, or `*receiver` who waited. */
enum model_event model_endpoint_create(struct model *model, struct object_ref *ref);
enum model_event model_endpoint_destroy(struct model *model, struct object_ref ref,
                                        unsigned *receiver);
enum model_event model_notification_create(struct model *model, struct object_ref *ref);
enum model_event model_notification_destroy(struct model *model, struct object_ref ref);

enum model_event model_notify(struct model *model, unsigned task, cap_handle_t handle,
                              uint64_t bits);
enum model_event model_poll(struct model *model, unsigned task, cap_handle_t handle,
                            uint64_t *bits);

/* Revoke what was derived from `id`, wherever it is. */
enum model_event model_revoke(struct model *model, int id);

#endif
