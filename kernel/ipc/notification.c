#include <tyrne/ipc.h>

#include "resolve.h"

status_t ipc_notification_create(struct ipc *ipc, struct object_ref *ref)
{
    status_t status = object_alloc(&ipc->notification_arena, ref);

    if (status == STATUS_OK) {
        ipc->notifications[ref->index] = 0;
    }
    return status;
}

status_t ipc_notification_destroy(struct ipc *ipc, struct object_ref ref)
{
    return object_free(&ipc->notification_arena, ref);
}

status_t ipc_notify(struct ipc *ipc, unsigned sender, cap_handle_t notification, uint64_t bits)
{
    unsigned index;
    status_t status = ipc_resolve(ipc, sender, notification, CAP_KIND_NOTIFICATION,
                                  CAP_RIGHT_NOTIFY, &ipc->notification_arena, &index);

    if (status == STATUS_OK) {
        ipc->notifications[index] |= bits;
    }
    return status;
}

status_t ipc_poll_notification(struct ipc *ipc, unsigned receiver, cap_handle_t notification,
                               uint64_t *bits)
{
    unsigned index;
    status_t status = ipc_resolve(ipc, receiver, notification, CAP_KIND_NOTIFICATION,
                                  CAP_RIGHT_RECV, &ipc->notification_arena, &index);

    if (status == STATUS_OK) {
        *bits = ipc->notifications[index];
        ipc->notifications[index] = 0;
    }
    return status;
}
