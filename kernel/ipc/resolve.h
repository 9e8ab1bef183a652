/* From a task's handle to an object of IPC: private to kernel/ipc. */
#ifndef KERNEL_IPC_RESOLVE_H
#define KERNEL_IPC_RESOLVE_H

#include <tyrne/ipc.h>

/*
 * The index in `arena` of what `handle` of `task` names, if it is of `kind` and grants `right`.
 * In the order of the checks: STALE_HANDLE, WRONG_OBJECT_KIND, MISSING_RIGHT, STALE_HANDLE (the
 * object was destroyed).
 */
MUST_CHECK status_t ipc_resolve(const struct ipc *ipc, unsigned task, cap_handle_t handle,
                                enum cap_kind kind, uint8_t right, const struct object_arena *arena,
                                unsigned *index);

#endif
