/*
 * Tasks: where capabilities, messages and the scheduler meet. These are the operations that the
 * current task asks for; a syscall is one of them with its registers read.
 */
#ifndef TYRNE_TASK_H
#define TYRNE_TASK_H

#include <tyrne/capability.h>
#include <tyrne/ipc.h>
#include <tyrne/sched.h>
#include <tyrne/status.h>

/* Where a loaded program's parts are: all of its memory lies in [image_va, stack_end_va). */
struct user_layout {
    user_va_t image_va;     /* the first instruction */
    user_va_t data_va;      /* end of code, start of writable data */
    user_va_t data_end_va;  /* end of writable data; the page here is the unmapped guard */
    user_va_t stack_va;     /* lowest byte of the stack */
    user_va_t stack_end_va; /* the initial SP */
};

/* The kernel's objects in one place: an instance is the whole portable state, so tests can have
 * many. */
struct core {
    struct sched sched; /* first: part of the debugger's interface */
    struct cap_space caps;
    struct ipc ipc;
    struct address_space_arena *spaces;    /* of user tasks; null: there are none */
    struct user_layout windows[MAX_TASKS]; /* of user tasks: the memory that syscalls may name */
};

/* Everything empty. `spaces` is where user tasks live; null if there will be none. */
void core_init(struct core *core, struct address_space_arena *spaces);

/* Send as the current task; never blocks. A task that waited becomes ready. As ipc_send(). */
MUST_CHECK status_t task_send(struct core *core, cap_handle_t endpoint,
                              const struct message *message, cap_handle_t transfer,
                              enum send_outcome *outcome);

/*
 * Receive as the current task, waiting until a message comes. Errors of ipc_recv(), and
 * DEADLOCK: waiting would leave nothing that can run (everything is as before);
 * PENDING_AFTER_RESUME: resumed without a message, the wait is undone;
 * STALE_HANDLE: the endpoint, or the right to it, went away while the task waited. The right is
 * checked again when the message is fetched; a message that the task may no longer have waits for
 * the next receiver.
 */
MUST_CHECK status_t task_recv(struct core *core, cap_handle_t endpoint, struct received *received);

/* Destroy an endpoint; a task that waited on it becomes ready and finds STALE_HANDLE. STALE_OBJECT.
 */
MUST_CHECK status_t task_destroy_endpoint(struct core *core, struct object_ref endpoint);

/*
 * End the current task: its waits are undone, its capabilities dropped, its memory and address
 * space given back, its index and kernel stack free. The next one runs.
 */
_Noreturn void task_exit(struct core *core);

/* The same for a task that is neither current nor idle. STALE_OBJECT, IN_USE. */
MUST_CHECK status_t task_destroy(struct core *core, struct object_ref task);

#endif
