/* The names of what can happen, and the status that belongs to each. */
#include "model_ipc.h"

static const struct {
    const char *name;
    status_t status;
} events[MODEL_EVENTS] = {
    [SEND_TO_WAITING] = {"send: to a task that waits", STATUS_OK},
    [SEND_TO_WAITING_WITH_CAP] = {"send: to a task that waits, with a capability", STATUS_OK},
    [SEND_TO_NOBODY] = {"send: parked", STATUS_OK},
    [SEND_TO_NOBODY_WITH_CAP] = {"send: parked, with a capability", STATUS_OK},
    [SEND_UNRESOLVED] = {"send: handle does not resolve", STATUS_STALE_HANDLE},
    [SEND_WRONG_KIND] = {"send: no endpoint", STATUS_WRONG_OBJECT_KIND},
    [SEND_NO_RIGHT] = {"send: no right", STATUS_MISSING_RIGHT},
    [SEND_DEAD] = {"send: endpoint destroyed", STATUS_STALE_HANDLE},
    [SEND_FULL_PARKED] = {"send: a message is parked", STATUS_QUEUE_FULL},
    [SEND_FULL_DELIVERED] = {"send: a message is not fetched", STATUS_QUEUE_FULL},
    [SEND_CAP_UNRESOLVED] = {"send: transfer does not resolve", STATUS_INVALID_TRANSFER_CAP},
    [SEND_CAP_FIXED] = {"send: transfer without the right", STATUS_INVALID_TRANSFER_CAP},
    [SEND_NO_ROOM] = {"send: receiver has no room", STATUS_RECEIVER_TABLE_FULL},
    [RECV_PARKED] = {"recv: parked", STATUS_OK},
    [RECV_PARKED_WITH_CAP] = {"recv: parked, with a capability", STATUS_OK},
    [RECV_DELIVERED] = {"recv: delivered", STATUS_OK},
    [RECV_DELIVERED_WITH_CAP] = {"recv: delivered, with a capability", STATUS_OK},
    [RECV_CAP_REVOKED] = {"recv: the capability was revoked", STATUS_OK},
    [RECV_WAITS] = {"recv: pending", STATUS_OK},
    [RECV_WAITS_AGAIN] = {"recv: still pending", STATUS_OK},
    [RECV_UNRESOLVED] = {"recv: handle does not resolve", STATUS_STALE_HANDLE},
    [RECV_WRONG_KIND] = {"recv: no endpoint", STATUS_WRONG_OBJECT_KIND},
    [RECV_NO_RIGHT] = {"recv: no right", STATUS_MISSING_RIGHT},
    [RECV_DEAD] = {"recv: endpoint destroyed", STATUS_STALE_HANDLE},
    [RECV_OTHER_WAITS] = {"recv: another task waits", STATUS_QUEUE_FULL},
    [RECV_OTHERS_MESSAGE] = {"recv: the message is another task's", STATUS_QUEUE_FULL},
    [RECV_NO_ROOM] = {"recv: no room for the capability", STATUS_RECEIVER_TABLE_FULL},
    [RECV_MAY_NOT_WAIT] = {"recv: may not wait", STATUS_DEADLOCK},
    [RECV_MAY_NOT_WAIT_AGAIN] = {"recv: may not wait, registered", STATUS_DEADLOCK},
    [CANCEL_NOTHING] = {"cancel: nobody waits", STATUS_OK},
    [CANCEL_OTHERS] = {"cancel: another task waits", STATUS_OK},
    [CANCEL_WAIT] = {"cancel: a wait", STATUS_OK},
    [CANCEL_DELIVERED] = {"cancel: the message had come", STATUS_OK},
    [FORGET_TASK] = {"forget a task", STATUS_OK},
    [ENDPOINT_CREATED] = {"endpoint created", STATUS_OK},
    [ENDPOINT_EXHAUSTED] = {"endpoints exhausted", STATUS_OBJECTS_EXHAUSTED},
    [DESTROY_STALE] = {"destroy: stale", STATUS_STALE_OBJECT},
    [DESTROY_IDLE] = {"destroy: idle", STATUS_OK},
    [DESTROY_PARKED] = {"destroy: with a parked message", STATUS_OK},
    [DESTROY_WAITED_FOR] = {"destroy: a task waits", STATUS_OK},
    [DESTROY_DELIVERED] = {"destroy: a message was not fetched", STATUS_OK},
    [DESTROY_WITH_CAP] = {"destroy: with a parked capability", STATUS_OK},
    [NOTIFIED] = {"notify", STATUS_OK},
    [NOTIFY_UNRESOLVED] = {"notify: handle does not resolve", STATUS_STALE_HANDLE},
    [NOTIFY_WRONG_KIND] = {"notify: no notification", STATUS_WRONG_OBJECT_KIND},
    [NOTIFY_NO_RIGHT] = {"notify: no right", STATUS_MISSING_RIGHT},
    [NOTIFY_DEAD] = {"notify: destroyed", STATUS_STALE_HANDLE},
    [POLLED] = {"poll", STATUS_OK},
    [POLL_UNRESOLVED] = {"poll: handle does not resolve", STATUS_STALE_HANDLE},
    [POLL_WRONG_KIND] = {"poll: no notification", STATUS_WRONG_OBJECT_KIND},
    [POLL_NO_RIGHT] = {"poll: no right", STATUS_MISSING_RIGHT},
    [POLL_DEAD] = {"poll: destroyed", STATUS_STALE_HANDLE},
    [NOTIFICATION_CREATED] = {"notification created", STATUS_OK},
    [NOTIFICATION_EXHAUSTED] = {"notifications exhausted", STATUS_OBJECTS_EXHAUSTED},
    [NOTIFICATION_DESTROYED] = {"notification destroyed", STATUS_OK},
    [NOTIFICATION_STALE] = {"destroy a notification: stale", STATUS_STALE_OBJECT},
    [REVOKED] = {"revoke", STATUS_OK},
    [REVOKED_PARKED] = {"revoke: of something in flight", STATUS_OK},
};

const char *model_event_name(enum model_event event)
{
    return events[event].name;
}

status_t model_event_status(enum model_event event)
{
    return events[event].status;
}
