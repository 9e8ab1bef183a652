/* The kernel's side of the syscall benchmark: two tasks of one program, in two address spaces. */
#include "user_bench.h"
#include <tyrne/bringup.h>
#include <tyrne/hal/board.h>
#include <tyrne/panic.h>
#include <tyrne/print.h>

#define MUST(expression) KASSERT((expression) == STATUS_OK)

static void grant(struct core *core, struct object_ref task, struct object_ref endpoint,
                  uint8_t rights)
{
    struct capability cap = {.object = endpoint, .kind = CAP_KIND_ENDPOINT, .rights = rights};
    cap_handle_t handle;

    MUST(cap_insert_root(&core->caps, task.index, cap, &handle));
}

static struct object_ref new_endpoint(struct core *core)
{
    struct object_ref ref;

    MUST(ipc_endpoint_create(&core->ipc, &ref));
    return ref;
}

/* Give `task` its role: a message that waits for it, sent with idle's capability. */
static void assign(struct core *core, struct object_ref idle, struct object_ref task, uint64_t role)
{
    struct capability cap = {
        .object = new_endpoint(core), .kind = CAP_KIND_ENDPOINT, .rights = CAP_RIGHT_SEND};
    struct message message = {.label = role};
    struct send_result result;
    cap_handle_t handle;

    grant(core, task, cap.object, CAP_RIGHT_RECV);
    MUST(cap_insert_root(&core->caps, idle.index, cap, &handle));
    MUST(ipc_send(&core->ipc, idle.index, handle, &message, NULL_CAP_HANDLE, &result));
}

void demo_create(struct core *core, struct object_ref idle, struct object_ref program)
{
    struct object_ref server = bring_up_program(idle, hal_board_program(0));
    struct object_ref request = new_endpoint(core);
    struct object_ref reply = new_endpoint(core);

    kprintf("bench: %u null syscall, EL0 to EL0\n", MARK_NULL);
    kprintf("bench: %u yield to another address space, EL0 to EL0\n", MARK_YIELD);
    kprintf("bench: %u one-way send to a task that waits, EL0 to EL0\n", MARK_ONE_WAY);
    kprintf("bench: %u send+recv exchange across two address spaces\n", MARK_EXCHANGE);
    kprintf("bench: %u EL0 fault, reported, to the next task\n", MARK_FAULT);
    assign(core, idle, program, ROLE_CLIENT);
    assign(core, idle, server, ROLE_SERVER);
    grant(core, program, request, CAP_RIGHT_SEND);
    grant(core, program, reply, CAP_RIGHT_RECV);
    grant(core, server, request, CAP_RIGHT_RECV);
    grant(core, server, reply, CAP_RIGHT_SEND);
    MUST(sched_start(&core->sched, program));
    MUST(sched_start(&core->sched, server));
}
