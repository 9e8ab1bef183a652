#include "resolve.h"

status_t ipc_resolve(const struct ipc *ipc, unsigned task, cap_handle_t handle, enum cap_kind kind,
                     uint8_t right, const struct object_arena *arena, unsigned *index)
{
    struct capability cap;

    if (cap_lookup(ipc->caps, task, handle, &cap) != STATUS_OK) {
        return STATUS_STALE_HANDLE;
    }
    if (cap.kind != kind) {
        return STATUS_WRONG_OBJECT_KIND;
    }
    if ((cap.rights & right) == 0) {
        return STATUS_MISSING_RIGHT;
    }
    if (!object_live(arena, cap.object)) {
        return STATUS_STALE_HANDLE;
    }
    *index = cap.object.index;
    return STATUS_OK;
}
