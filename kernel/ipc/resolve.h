/* From a task's handle to an object of IPC: private to kernel/ipc. */
#ifndef KERNEL_IPC_RESOLVE_H
#define KERNEL_IPC_RESOLVE_H

#include <tyrne/ipc.h>
#include <tyrne/panic.h>

/*
 * The index in `arena` of what `handle` of `task` names, if it is of `kind` and grants `right`.
 * In the order of the checks: STALE_HANDLE, WRONG_OBJECT_KIND, MISSING_RIGHT, STALE_HANDLE (the
 * object was destroyed).
 */
MUST_CHECK static inline status_t ipc_resolve(const struct ipc *ipc, unsigned task,
                                              cap_handle_t handle, enum cap_kind kind,
                                              uint8_t right, const struct object_arena *arena,
                                              unsigned *index)
{
    const struct cap_slot *slot;

    KASSERT(task < CAP_TABLES);
    slot = cap_find(ipc->caps, task, handle);
    if (slot == NULL) {
        return STATUS_STALE_HANDLE;
    }
    if (slot->cap.kind != kind) {
        return STATUS_WRONG_OBJECT_KIND;
    }
    if ((slot->cap.rights & right) == 0) {
        return STATUS_MISSING_RIGHT;
    }
    if (!object_live(arena, slot->cap.object)) {
        return STATUS_STALE_HANDLE;
    }
    *index = slot->cap.object.index;
    return STATUS_OK;
}

#endif
