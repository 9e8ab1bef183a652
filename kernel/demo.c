/*
 * The demonstration of SYSTEM.md section 9: task B waits for a request, task A sends it and waits
 * for the reply. With TYRNE_DEMO_TIMER a third task waits for a message that the timer's interrupt
 * sends.
 */
#include <tyrne/bringup.h>

#include <tyrne/hal/timer.h>
#include <tyrne/irq.h>
#include <tyrne/panic.h>
#include <tyrne/print.h>

#define LABEL_REQUEST 0xaaaaU
#define LABEL_REPLY   0xbbbbU

/* One side of the exchange: handles in the task's own table. */
struct side {
    struct core *core;
    cap_handle_t request;
    cap_handle_t reply;
    struct object_ref next; /* task to start when this one is done; A's: the user program */
};

static struct side side_a;
static struct side side_b;

static void send_label(const struct side *side, cap_handle_t endpoint, uint64_t label)
{
    struct message message = {.label = label};
    enum send_outcome outcome;

    KASSERT(task_send(side->core, endpoint, &message, NULL_CAP_HANDLE, &outcome) == STATUS_OK);
}

static uint64_t recv_label(const struct side *side, cap_handle_t endpoint)
{
    struct received received;

    KASSERT(task_recv(side->core, endpoint, &received) == STATUS_OK);
    return received.message.label;
}

static void start(struct core *core, struct object_ref task)
{
    KASSERT(sched_start(&core->sched, task) == STATUS_OK);
}

static void task_b(void *argument)
{
    const struct side *side = argument;
    uint64_t label;

    kprintf("tyrne: task B \xe2\x80\x94 waiting for IPC\n");
    label = recv_label(side, side->request);
    kprintf("tyrne: task B \xe2\x80\x94 received IPC (label=0x%lx); replying\n", label);
    send_label(side, side->reply, LABEL_REPLY);
    task_exit(side->core);
}

static void task_a(void *argument)
{
    const struct side *side = argument;
    uint64_t label;

    kprintf("tyrne: task A -- sending IPC\n");
    send_label(side, side->request, LABEL_REQUEST);
    label = recv_label(side, side->reply);
    kprintf("tyrne: task A \xe2\x80\x94 received reply (label=0x%lx); done\n", label);
    start(side->core, side->next);
    task_exit(side->core);
}

static struct object_ref new_endpoint(struct core *core)
{
    struct object_ref ref;

    KASSERT(ipc_endpoint_create(&core->ipc, &ref) == STATUS_OK);
    return ref;
}

static struct object_ref new_task(struct core *core, task_entry entry, void *argument)
{
    struct object_ref ref;

    KASSERT(sched_create(&core->sched, entry, argument, &ref) == STATUS_OK);
    return ref;
}

/* A capability for `endpoint` with one right, in the table of `task`. */
static cap_handle_t grant(struct core *core, struct object_ref task, struct object_ref endpoint,
                          uint8_t right)
{
    struct capability cap = {.object = endpoint, .kind = CAP_KIND_ENDPOINT, .rights = right};
    cap_handle_t handle;

    KASSERT(cap_insert_root(&core->caps, task.index, cap, &handle) == STATUS_OK);
    return handle;
}

#ifdef TYRNE_DEMO_TIMER
#define LABEL_DEADLINE 0xccccU
#define DEADLINE_HZ    1000U /* a millisecond from now */

static struct side sleeper;

/* Runs in idle's interrupt window: what it sends is sent with idle's authority. */
static void deadline_reached(void *argument)
{
    hal_timer_disarm();
    send_label(argument, ((const struct side *)argument)->request, LABEL_DEADLINE);
}

static void task_sleeper(void *argument)
{
    const struct side *side = argument;
    uint64_t deadline = hal_timer_now() + hal_timer_hz() / DEADLINE_HZ;
    uint64_t label;

    kprintf("tyrne: task S \xe2\x80\x94 waiting for the timer\n");
    hal_timer_arm(deadline);
    label = recv_label(side, side->reply);
    kprintf("tyrne: task S \xe2\x80\x94 deadline %s (label=0x%lx)\n",
            hal_timer_now() >= deadline ? "reached" : "missed", label);
    task_exit(side->core);
}

static void demo_create_timer(struct core *core, struct object_ref idle)
{
    struct object_ref task = new_task(core, task_sleeper, &sleeper);
    struct object_ref endpoint = new_endpoint(core);

    sleeper.core = core;
    sleeper.request = grant(core, idle, endpoint, CAP_RIGHT_SEND);
    sleeper.reply = grant(core, task, endpoint, CAP_RIGHT_RECV);
    KASSERT(irq_register(hal_timer_intid(), deadline_reached, &sleeper) == STATUS_OK);
    start(core, task);
}
#else
static void demo_create_timer(struct core *core, struct object_ref idle)
{
    (void)core;
    (void)idle;
}
#endif

void demo_create(struct core *core, struct object_ref idle, struct object_ref program)
{
    struct object_ref request = new_endpoint(core);
    struct object_ref reply = new_endpoint(core);
    struct object_ref b = new_task(core, task_b, &side_b);
    struct object_ref a = new_task(core, task_a, &side_a);

    side_b = (struct side){.core = core,
                           .request = grant(core, b, request, CAP_RIGHT_RECV),
                           .reply = grant(core, b, reply, CAP_RIGHT_SEND)};
    side_a = (struct side){.core = core,
                           .request = grant(core, a, request, CAP_RIGHT_SEND),
                           .reply = grant(core, a, reply, CAP_RIGHT_RECV),
                           .next = program};
    demo_create_timer(core, idle);
    start(core, b);
    start(core, a);
}
