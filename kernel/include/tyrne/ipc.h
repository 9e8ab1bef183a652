/*
 * Endpoints and notifications (SYSTEM.md section 6): state only. Who runs when is the scheduler's;
 * an operation that lets a task go on says which one (<tyrne/task.h> puts the two together).
 *
 * A message is a label and three words, by value; at most one capability rides along. Every check
 * comes before the first change: an error leaves the tables and the endpoint as they were. Order of
 * the checks: resolve, kind, right, liveness of the object.
 */
#ifndef TYRNE_IPC_H
#define TYRNE_IPC_H

#include <stdbool.h>
#include <stdint.h>
#include <tyrne/capability.h>
#include <tyrne/limits.h>
#include <tyrne/object.h>
#include <tyrne/status.h>

#define MESSAGE_WORDS 3U

struct message {
    uint64_t label;
    uint64_t words[MESSAGE_WORDS];
};

/* What a receiver gets: the message, and the capability's handle in its own table or null. */
struct received {
    struct message message;
    cap_handle_t cap;
};

enum endpoint_state {
    ENDPOINT_IDLE,
    ENDPOINT_SEND_PENDING,  /* a message waits for a receiver; its capability is parked */
    ENDPOINT_RECV_WAITING,  /* task `receiver` waits */
    ENDPOINT_RECV_COMPLETE, /* the message has come; `receiver` has not fetched it yet */
};

struct endpoint {
    uint8_t state;    /* enum endpoint_state */
    uint8_t receiver; /* task index in RECV_WAITING and RECV_COMPLETE, else TASK_NONE */
    struct message message;
};

/* All endpoints and notifications, over the capabilities of `caps`. */
struct ipc {
    struct cap_space *caps;
    struct object_arena endpoint_arena;
    struct object_arena notification_arena;
    struct endpoint endpoints[MAX_ENDPOINTS];
    uint64_t notifications[MAX_NOTIFICATIONS];
};

void ipc_init(struct ipc *ipc, struct cap_space *caps);

/* New objects. OBJECTS_EXHAUSTED. */
MUST_CHECK status_t ipc_endpoint_create(struct ipc *ipc, struct object_ref *ref);
MUST_CHECK status_t ipc_notification_create(struct ipc *ipc, struct object_ref *ref);

/*
 * Destroy: what is parked is discarded, capabilities that name the object go stale. `*receiver` is
 * the task that waited, or TASK_NONE. STALE_OBJECT.
 */
MUST_CHECK status_t ipc_endpoint_destroy(struct ipc *ipc, struct object_ref ref,
                                         unsigned *receiver);
MUST_CHECK status_t ipc_notification_destroy(struct ipc *ipc, struct object_ref ref);

enum send_outcome {
    SEND_DELIVERED = 0, /* to a task that waited */
    SEND_ENQUEUED = 1,  /* parked until somebody receives */
};

struct send_result {
    enum send_outcome outcome;
    unsigned endpoint; /* index */
    unsigned receiver; /* DELIVERED: the task that can go on; else TASK_NONE */
};

/*
 * Send through `endpoint` (a handle of task `sender`) with the capability `transfer`, or null.
 * STALE_HANDLE, WRONG_OBJECT_KIND, MISSING_RIGHT (SEND), STALE_HANDLE (object destroyed),
 * QUEUE_FULL (the last message was not fetched yet), INVALID_TRANSFER_CAP (does not resolve, or
 * lacks TRANSFER), RECEIVER_TABLE_FULL (a task waits and has no free slot).
 */
MUST_CHECK status_t ipc_send(struct ipc *ipc, unsigned sender, cap_handle_t endpoint,
                             const struct message *message, cap_handle_t transfer,
                             struct send_result *result);

enum recv_outcome {
    RECV_RECEIVED = 0,
    RECV_PENDING = 1, /* the task is registered as the receiver */
};

struct recv_result {
    enum recv_outcome outcome;
    unsigned endpoint; /* index */
};

/*
 * Receive without blocking: a message that is there for `receiver` is fetched into `*received`;
 * otherwise `receiver` is registered (again) and the outcome is PENDING, if `may_wait` allows it.
 * STALE_HANDLE, WRONG_OBJECT_KIND, MISSING_RIGHT (RECV), STALE_HANDLE (object destroyed),
 * QUEUE_FULL (another task waits there), RECEIVER_TABLE_FULL (the message carries a capability and
 * the receiver has no free slot; the message stays), DEADLOCK (no message, and not `may_wait`).
 */
MUST_CHECK status_t ipc_recv(struct ipc *ipc, unsigned receiver, cap_handle_t endpoint,
                             bool may_wait, struct recv_result *result, struct received *received);

/*
 * Undo the registration of task `receiver` at the endpoint with index `endpoint`, if it is there: a
 * wait ends; a message that had come but was not fetched waits for the next receiver instead.
 */
void ipc_cancel_recv(struct ipc *ipc, unsigned receiver, unsigned endpoint);

/* The same at every endpoint: the task is gone. */
void ipc_forget_task(struct ipc *ipc, unsigned receiver);

/*
 * OR `bits` into the notification that `notification` of task `sender` names; never blocks.
 * STALE_HANDLE, WRONG_OBJECT_KIND, MISSING_RIGHT (NOTIFY), STALE_HANDLE (destroyed).
 */
MUST_CHECK status_t ipc_notify(struct ipc *ipc, unsigned sender, cap_handle_t notification,
                               uint64_t bits);

/* Read and clear the word. As ipc_notify(), with the right RECV. */
MUST_CHECK status_t ipc_poll_notification(struct ipc *ipc, unsigned receiver,
                                          cap_handle_t notification, uint64_t *bits);

#endif
