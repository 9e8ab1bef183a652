/*
 * What the kernel's operations cost, in executed guest instructions. Built into the image in place
 * of the demonstration. Each measured stretch stands between two architectural NOPs, HINT #start
 * and HINT #start + 1 (DDI 0487, "HINT": unallocated hints execute as NOP), so that anything that
 * sees the executed instructions can count from outside; tests/bench/kernel_bench.py does. The
 * console says which hint is what.
 */
#include <tyrne/address_space.h>
#include <tyrne/bringup.h>
#include <tyrne/panic.h>
#include <tyrne/pmm.h>
#include <tyrne/print.h>

#define ITERATIONS 8U

/* Say on the console what the stretch from HINT #number to the next is. */
#define NAME(number, name)                                                                         \
    do {                                                                                           \
        _Static_assert((number) >= 0x40 && (number) < 0x7f && (number) % 2 == 0, "mark");          \
        kprintf("bench: %u %s\n", (unsigned)(number), name);                                       \
    } while (0)
#define MARK(number)     __asm__ volatile("hint %0" : : "i"(number) : "memory")

#define MUST(expression) KASSERT((expression) == STATUS_OK)

extern struct pmm kernel_pmm;
extern struct address_space_arena kernel_spaces;

static struct core *the_core;
static struct hal_context ping;
static struct hal_context pong;

/* --- frames --------------------------------------------------------------------------------------
 */

static void bench_frames(void)
{
    paddr_t frame;

    NAME(0x40, "frame-alloc");
    NAME(0x42, "frame-free");
    for (unsigned i = 0; i < ITERATIONS; i++) {
        MARK(0x40);
        status_t taken = pmm_alloc(&kernel_pmm, &frame);
        MARK(0x41);
        KASSERT(taken == STATUS_OK);
        MARK(0x42);
        status_t given = pmm_free(&kernel_pmm, frame);
        MARK(0x43);
        KASSERT(given == STATUS_OK);
    }
}

/* --- mappings ------------------------------------------------------------------------------------
 */

static void map_page(struct object_ref space, uint64_t va, paddr_t frame)
{
    struct flush_token token;

    MUST(address_space_map(&kernel_spaces, space, (user_va_t){va}, frame, USER_READ_WRITE, &token));
    flush_va(&token);
}

static void unmap_page(struct object_ref space, uint64_t va)
{
    struct flush_token token;
    paddr_t frame;

    MUST(address_space_unmap(&kernel_spaces, space, (user_va_t){va}, &frame, &token));
    flush_va(&token);
}

static void bench_mappings(void)
{
    struct object_ref space;
    paddr_t frame;
    paddr_t pa;
    enum user_rights rights;

    MUST(address_space_create(&kernel_spaces, &space));
    MUST(address_space_activate(&kernel_spaces, space));
    MUST(pmm_alloc(&kernel_pmm, &frame));
    NAME(0x44, "map+unmap, first page of three tables");
    for (unsigned i = 0; i < ITERATIONS; i++) {
        MARK(0x44);
        map_page(space, 0x800000, frame);
        unmap_page(space, 0x800000);
        MARK(0x45);
    }
    NAME(0x46, "map+unmap beside another page");
    NAME(0x48, "translate");
    map_page(space, 0x800000, frame);
    for (unsigned i = 0; i < ITERATIONS; i++) {
        MARK(0x46);
        map_page(space, 0x801000, frame);
        unmap_page(space, 0x801000);
        MARK(0x47);
        MARK(0x48);
        status_t status =
            address_space_translate(&kernel_spaces, space, (user_va_t){0x800123}, &pa, &rights);
        MARK(0x49);
        KASSERT(status == STATUS_OK && pa.value == frame.value + 0x123);
    }
    NAME(0x4a, "activate another address space");
    address_space_deactivate(&kernel_spaces);
    for (unsigned i = 0; i < ITERATIONS; i++) {
        MARK(0x4a);
        status_t status = address_space_activate(&kernel_spaces, space);
        MARK(0x4b);
        KASSERT(status == STATUS_OK);
        address_space_deactivate(&kernel_spaces);
    }
    unmap_page(space, 0x800000);
    MUST(pmm_free(&kernel_pmm, frame));
    MUST(address_space_destroy(&kernel_spaces, space));
}

/* --- capabilities --------------------------------------------------------------------------------
 */

static void bench_capabilities(void)
{
    struct capability root = {.kind = CAP_KIND_DEBUG_CONSOLE, .rights = CAP_RIGHTS_ALL};
    unsigned self = the_core->sched.current;
    cap_handle_t handle;
    cap_handle_t child;
    struct capability found;

    MUST(cap_insert_root(&the_core->caps, self, root, &handle));
    NAME(0x4c, "capability lookup");
    NAME(0x4e, "capability derive");
    NAME(0x50, "capability revoke of one child");
    for (unsigned i = 0; i < ITERATIONS; i++) {
        MARK(0x4c);
        status_t looked = cap_lookup(&the_core->caps, self, handle, &found);
        MARK(0x4d);
        KASSERT(looked == STATUS_OK);
        MARK(0x4e);
        status_t derived = cap_derive(&the_core->caps, self, handle, CAP_RIGHT_SEND, self, &child);
        MARK(0x4f);
        KASSERT(derived == STATUS_OK);
        MARK(0x50);
        status_t revoked = cap_revoke(&the_core->caps, self, handle);
        MARK(0x51);
        KASSERT(revoked == STATUS_OK);
    }
    MUST(cap_drop(&the_core->caps, self, handle));
}

/* --- messages ------------------------------------------------------------------------------------
 */

struct pair {
    cap_handle_t request; /* of the client: SEND, of the server: RECV */
    cap_handle_t reply;
};

static cap_handle_t own_endpoint; /* of the client: both rights */
static struct pair client_caps;
static struct pair server_caps;

static void bench_messages(void)
{
    struct message message = {.label = 1};
    struct received received;
    enum send_outcome outcome;

    NAME(0x52, "send+recv without a switch");
    for (unsigned i = 0; i < ITERATIONS; i++) {
        MARK(0x52);
        status_t sent = task_send(the_core, own_endpoint, &message, NULL_CAP_HANDLE, &outcome);
        status_t got = task_recv(the_core, own_endpoint, &received);
        MARK(0x53);
        KASSERT(sent == STATUS_OK && got == STATUS_OK && outcome == SEND_ENQUEUED);
    }
    NAME(0x54, "send+recv to a task that waits, and back");
    for (unsigned i = 0; i < ITERATIONS; i++) {
        MARK(0x54);
        status_t sent =
            task_send(the_core, client_caps.request, &message, NULL_CAP_HANDLE, &outcome);
        status_t got = task_recv(the_core, client_caps.reply, &received);
        MARK(0x55);
        KASSERT(sent == STATUS_OK && got == STATUS_OK && outcome == SEND_DELIVERED);
    }
}

/* Answers each request. */
static void server(void *argument)
{
    const struct pair *caps = argument;
    struct message message = {.label = 2};
    struct received received;
    enum send_outcome outcome;

    for (unsigned i = 0; i < ITERATIONS; i++) {
        MUST(task_recv(the_core, caps->request, &received));
        MUST(task_send(the_core, caps->reply, &message, NULL_CAP_HANDLE, &outcome));
    }
    task_exit(the_core);
}

/* --- switches ------------------------------------------------------------------------------------
 */

static void pong_entry(void *argument)
{
    (void)argument;
    for (;;) {
        MARK(0x57);
        hal_context_switch(&pong, &ping);
    }
}

/* Two contexts that nobody schedules; the second one borrows a task's stack. */
static void bench_context_switch(struct object_ref stack_owner)
{
    NAME(0x56, "context switch");
    hal_context_init(&pong, pong_entry, NULL, stack_owner.index);
    hal_context_switch(&ping, &pong);
    for (unsigned i = 0; i < ITERATIONS; i++) {
        MARK(0x56);
        hal_context_switch(&ping, &pong);
    }
}

static void yielder(void *argument)
{
    (void)argument;
    for (unsigned i = 0; i < ITERATIONS; i++) {
        sched_yield(&the_core->sched);
        MARK(0x59);
    }
    task_exit(the_core);
}

static void bench_yield(void)
{
    NAME(0x58, "yield to another task");
    sched_yield(&the_core->sched); /* the other one comes to its yield */
    for (unsigned i = 0; i < ITERATIONS; i++) {
        MARK(0x58);
        sched_yield(&the_core->sched);
    }
}

static struct object_ref new_task(task_entry entry, void *argument)
{
    struct object_ref ref;

    MUST(sched_create(&the_core->sched, entry, argument, &ref));
    return ref;
}

static void client(void *argument)
{
    struct object_ref spare = new_task(yielder, NULL);

    (void)argument;
    bench_frames();
    bench_mappings();
    bench_capabilities();
    bench_messages();
    bench_context_switch(spare);
    MUST(task_destroy(the_core, spare));
    MUST(sched_start(&the_core->sched, new_task(yielder, NULL)));
    bench_yield();
    task_exit(the_core);
}

static cap_handle_t grant(struct object_ref task, struct object_ref endpoint, unsigned rights)
{
    struct capability cap = {
        .object = endpoint, .kind = CAP_KIND_ENDPOINT, .rights = (uint8_t)rights};
    cap_handle_t handle;

    MUST(cap_insert_root(&the_core->caps, task.index, cap, &handle));
    return handle;
}

static struct object_ref new_endpoint(void)
{
    struct object_ref ref;

    MUST(ipc_endpoint_create(&the_core->ipc, &ref));
    return ref;
}

void demo_create(struct core *core, struct object_ref idle, struct object_ref program)
{
    struct object_ref server_task;
    struct object_ref client_task;
    struct object_ref request;
    struct object_ref reply;

    (void)idle;
    MUST(task_destroy(core, program));
    the_core = core;
    server_task = new_task(server, &server_caps);
    client_task = new_task(client, NULL);
    request = new_endpoint();
    reply = new_endpoint();
    own_endpoint = grant(client_task, new_endpoint(), CAP_RIGHT_SEND | CAP_RIGHT_RECV);
    client_caps = (struct pair){grant(client_task, request, CAP_RIGHT_SEND),
                                grant(client_task, reply, CAP_RIGHT_RECV)};
    server_caps = (struct pair){grant(server_task, request, CAP_RIGHT_RECV),
                                grant(server_task, reply, CAP_RIGHT_SEND)};
    MUST(sched_start(&core->sched, server_task));
    MUST(sched_start(&core->sched, client_task));
}
