#include <tyrne/task.h>

#include <tyrne/panic.h>

void core_init(struct core *core, struct address_space_arena *spaces)
{
    core->spaces = spaces;
    sched_init(&core->sched, spaces);
    cap_space_init(&core->caps);
    ipc_init(&core->ipc, &core->caps);
}

/* Let `task`, if it waits for the endpoint, run again. */
static void wake_waiter(struct core *core, unsigned task, unsigned endpoint)
{
    if (sched_waits_on(&core->sched, task, endpoint)) {
        sched_wake(&core->sched, task);
    }
}

status_t task_send(struct core *core, cap_handle_t endpoint, const struct message *message,
                   cap_handle_t transfer, enum send_outcome *outcome)
{
    struct send_result result;
    status_t status =
        ipc_send(&core->ipc, core->sched.current, endpoint, message, transfer, &result);

    if (status == STATUS_OK) {
        wake_waiter(core, result.receiver, result.endpoint);
        *outcome = result.outcome;
    }
    return status;
}

status_t task_recv(struct core *core, cap_handle_t endpoint, struct received *received)
{
    unsigned self = core->sched.current;
    struct recv_result result;
    status_t status =
        ipc_recv(&core->ipc, self, endpoint, sched_can_block(&core->sched), &result, received);
    unsigned waited_on;

    if (status != STATUS_OK || result.outcome == RECV_RECEIVED) {
        return status;
    }
    waited_on = result.endpoint;
    sched_block(&core->sched, waited_on);
    status = ipc_recv(&core->ipc, self, endpoint, true, &result, received);
    if (status == STATUS_OK && result.outcome == RECV_PENDING) {
        status = STATUS_PENDING_AFTER_RESUME;
    }
    if (status != STATUS_OK) {
        ipc_cancel_recv(&core->ipc, self, waited_on);
    }
    return status;
}

status_t task_destroy_endpoint(struct core *core, struct object_ref endpoint)
{
    unsigned receiver = TASK_NONE;
    status_t status = ipc_endpoint_destroy(&core->ipc, endpoint, &receiver);

    wake_waiter(core, receiver, endpoint.index);
    return status;
}

/* What a task held is nobody's any more. */
static void release_holdings(struct core *core, unsigned index, struct object_ref space)
{
    ipc_forget_task(&core->ipc, index);
    cap_table_clear(&core->caps, index);
    if (space.index != ADDRESS_SPACE_NONE) {
        KASSERT(address_space_reclaim(core->spaces, space) == STATUS_OK);
    }
}

_Noreturn void task_exit(struct core *core)
{
    struct object_ref space = core->sched.tasks[core->sched.current].space;

    if (space.index != ADDRESS_SPACE_NONE) {
        address_space_deactivate(core->spaces);
    }
    release_holdings(core, core->sched.current, space);
    sched_exit(&core->sched);
}

status_t task_destroy(struct core *core, struct object_ref task)
{
    struct object_ref space = core->sched.tasks[task.index % MAX_TASKS].space;
    status_t status = sched_remove(&core->sched, task);

    if (status == STATUS_OK) {
        release_holdings(core, task.index, space);
    }
    return status;
}
