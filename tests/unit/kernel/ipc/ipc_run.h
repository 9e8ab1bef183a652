/* A random run of IPC: the kernel's state beside the model's, and what to do next. */
#ifndef TESTS_IPC_RUN_H
#define TESTS_IPC_RUN_H

#include "cmocka_includes.h"
#include "model_ipc.h"
#include "random.h"

#include <tyrne/task.h>

#define STALE_KEPT 64U

struct ipc_run {
    uint64_t seed;
    uint64_t step;
    uint64_t random;
    struct core core; /* the kernel's; no task exists, the tables are used by number */
    struct model model;
    cap_handle_t stale[MODEL_TASKS][STALE_KEPT]; /* handles that were good once */
    struct object_ref gone;                      /* an endpoint or a notification destroyed */
    uint64_t seen[MODEL_EVENTS];
};

/* Empty tables but for fillers, so that they fill up soon. */
void ipc_run_start(struct ipc_run *run, uint64_t seed);

void ipc_run_check(const struct ipc_run *run, bool holds, const char *what);

/* The kernel gave `handle` for `id` in `task`'s table: it must be new, and name just that. */
void ipc_run_place(struct ipc_run *run, int id, unsigned task, cap_handle_t handle);

/* The capability `id` is leaving its table; its handle is stale from now on. */
void ipc_run_leave(struct ipc_run *run, int id);

/* Endpoints, parked capabilities and notifications are as the model says. */
void ipc_run_compare(const struct ipc_run *run);

/* So is every table; and the tree is sound. */
void ipc_run_compare_all(const struct ipc_run *run);

/* Grant, derive, drop: what keeps the tables moving. */
void ipc_run_move_caps(struct ipc_run *run);

unsigned ipc_run_pick_task(struct ipc_run *run);

/*
 * A handle of `task`: likely one of a live object of `kind` with `right`, maybe another one, stale,
 * or none at all.
 */
cap_handle_t ipc_run_pick_handle(struct ipc_run *run, unsigned task, enum cap_kind kind,
                                 unsigned right);

/* What rides along: often null. */
cap_handle_t ipc_run_pick_transfer(struct ipc_run *run, unsigned task);

/* A live capability of `task` that the test may use, or MODEL_NO_CAP. */
int ipc_run_pick_cap(struct ipc_run *run, unsigned task);

/* One to revoke the children of: if possible, of one that is in flight. */
int ipc_run_pick_ancestor(struct ipc_run *run, unsigned task);

/* A reference, likely of a live object among `objects`. */
struct object_ref ipc_run_pick_object(struct ipc_run *run, const struct model_object *objects);

#endif
