/* The first tasks of the fuzz image, and how fuzzers come and go. */
#include "run.h"

#include <tyrne/address.h>
#include <tyrne/bringup.h>
#include <tyrne/hal/board.h>
#include <tyrne/panic.h>
#include <tyrne/print.h>

#define PROGRAM_FUZZ    0U
#define PROGRAM_VICTIM  1U
#define LIFE_CALLS_MIN  50U
#define LIFE_CALLS_MORE 6000U

_Static_assert(LIFE_CALLS_MIN + LIFE_CALLS_MORE <= FUZZ_LIFE_CALLS_MAX, "it must fit a report");

static struct run fuzz_run;

/* The 64-bit word at `pa`, which is never given out. */
static uint64_t parameter(uint64_t pa, uint64_t otherwise)
{
    uint64_t value = *(const volatile uint64_t *)(uintptr_t)phys_to_kernel_va((paddr_t){pa}).value;

    return value != 0 ? value : otherwise;
}

cap_handle_t root_insert(struct run *run, enum cap_kind kind, struct object_ref object)
{
    struct capability cap = {.object = object, .kind = (uint8_t)kind, .rights = CAP_RIGHTS_ALL};
    cap_handle_t handle;

    KASSERT(cap_insert_root(&run->core->caps, run->self, cap, &handle) == STATUS_OK);
    return handle;
}

void root_retire(struct run *run, cap_handle_t root)
{
    cap_handle_t *place = &run->stale[run->next_stale % STALE];

    if (run->next_stale >= STALE) {
        KASSERT(cap_revoke(&run->core->caps, run->self, *place) == STATUS_OK);
        KASSERT(cap_drop(&run->core->caps, run->self, *place) == STATUS_OK);
    }
    *place = root;
    run->next_stale++;
}

static struct object_ref new_endpoint(struct run *run)
{
    struct object_ref ref;

    KASSERT(ipc_endpoint_create(&run->core->ipc, &ref) == STATUS_OK);
    return ref;
}

/* A user task of its own; `*space` is the root capability for its address space. */
static struct object_ref new_program(struct run *run, unsigned program, cap_handle_t *space)
{
    struct object_ref ref;
    struct object_ref task;

    KASSERT(address_space_create(run->core->spaces, &ref) == STATUS_OK);
    *space = root_insert(run, CAP_KIND_ADDRESS_SPACE, ref);
    KASSERT(user_task_create(run->core, run->self, *space, hal_board_program(program), PAGE_SIZE,
                             &task) == STATUS_OK);
    return task;
}

/* The next handle of `task`, which must be `expected`. */
static void grant(struct run *run, struct object_ref task, struct object_ref endpoint,
                  uint8_t rights, uint64_t expected)
{
    struct capability cap = {.object = endpoint, .kind = CAP_KIND_ENDPOINT, .rights = rights};
    cap_handle_t handle;

    KASSERT(cap_insert_root(&run->core->caps, task.index, cap, &handle) == STATUS_OK);
    KASSERT(handle.raw == expected);
}

void life_start(struct run *run, struct life *life)
{
    struct message start = {.label = FUZZ_LABEL_START};
    struct send_result result;

    if (run->unassigned == 0) {
        return;
    }
    life->alive = true;
    life->calls = LIFE_CALLS_MIN + fuzz_below(&run->random, LIFE_CALLS_MORE);
    if (life->calls > run->unassigned) {
        life->calls = run->unassigned;
    }
    run->unassigned -= life->calls;
    run->totals.lives++;
    life->task = new_program(run, PROGRAM_FUZZ, &life->space);
    life->home = new_endpoint(run);
    life->home_root = root_insert(run, CAP_KIND_ENDPOINT, life->home);
    grant(run, life->task, life->home, CAP_RIGHT_SEND | CAP_RIGHT_RECV, FUZZ_HANDLE_HOME);
    start.words[0] = fuzz_next(&run->random);
    start.words[1] = life->calls;
    /* In turn, so that each comes soon. */
    start.words[2] = run->totals.lives % FUZZ_END_COUNT;
    KASSERT(ipc_send(&run->core->ipc, run->self, life->home_root, &start, NULL_CAP_HANDLE,
                     &result) == STATUS_OK);
    KASSERT(sched_start(&run->core->sched, life->task) == STATUS_OK);
}

/* What is left of a life whose task is gone. */
static void life_clear(struct run *run, struct life *life)
{
    life->alive = false;
    KASSERT(!object_live(&run->core->sched.arena, life->task));
    KASSERT(task_destroy_endpoint(run->core, life->home) == STATUS_OK);
    KASSERT(cap_drop(&run->core->caps, run->self, life->home_root) == STATUS_OK);
    root_retire(run, life->space);
}

void life_collect(struct run *run, struct life *life)
{
    const struct endpoint *home = &run->core->ipc.endpoints[life->home.index];
    const uint64_t *words = home->message.words;

    if (home->state == ENDPOINT_SEND_PENDING && home->message.label == FUZZ_LABEL_VIOLATION) {
        kprintf(
            "fuzz: violation %u: register %u after syscall 0x%x, call %u of its life: was 0x%lx, "
            "is 0x%lx\n",
            (unsigned)(words[0] >> 56), (unsigned)(words[0] >> 48 & 0xFFU),
            (unsigned)(words[0] >> 16), (unsigned)(words[0] & FUZZ_LIFE_CALLS_MAX), words[1],
            words[2]);
        PANIC("a fuzzer saw what no program may see");
    }
    if (home->state != ENDPOINT_SEND_PENDING || home->message.label != FUZZ_LABEL_REPORT) {
        PANIC("a fuzzer ended without a reason");
    }
    KASSERT((words[0] & FUZZ_LIFE_CALLS_MAX) == life->calls);
    KASSERT((words[2] & 0xFFU) < FUZZ_END_COUNT);
    run->totals.calls += life->calls;
    run->totals.written += words[0] >> 16;
    run->totals.seen |= words[1];
    run->totals.others += words[2] >> 8;
    run->totals.ends[words[2] & 0xFFU]++;
    life_clear(run, life);
}

/* The memory of `task` at `va`, by the kernel's alias. */
static const void *memory_of(const struct run *run, struct object_ref task, user_va_t va)
{
    struct object_ref space = run->core->sched.tasks[task.index].space;
    enum user_rights rights;
    paddr_t pa;

    KASSERT(address_space_translate(run->core->spaces, space, va, &pa, &rights) == STATUS_OK);
    return (const void *)(uintptr_t)phys_to_kernel_va(pa).value;
}

void life_kill(struct run *run, struct life *life)
{
    const struct fuzz_progress *progress =
        memory_of(run, life->task, run->core->windows[life->task.index].stack_va);

    KASSERT(progress->calls <= life->calls);
    run->totals.calls += progress->calls;
    run->totals.written += progress->written;
    run->totals.seen |= progress->seen;
    run->totals.others += progress->others;
    run->totals.killed++;
    run->unassigned += life->calls - progress->calls;
    KASSERT(task_destroy(run->core, life->task) == STATUS_OK);
    life_clear(run, life);
}

void victim_end(struct run *run, unsigned which)
{
    struct object_ref task = run->victims[which];
    const uint64_t *syscalls = memory_of(run, task, run->core->windows[task.index].data_va);

    run->totals.others += *syscalls;
    KASSERT(task_destroy(run->core, task) == STATUS_OK);
}

static void create_victims(struct run *run)
{
    struct object_ref question = new_endpoint(run);
    struct object_ref answer = new_endpoint(run);
    struct object_ref report = new_endpoint(run);
    cap_handle_t to_first = root_insert(run, CAP_KIND_ENDPOINT, answer);
    struct message start = {.label = FUZZ_LABEL_START, .words = {fuzz_next(&run->random)}};
    struct send_result result;
    cap_handle_t space;

    run->report = root_insert(run, CAP_KIND_ENDPOINT, report);
    for (unsigned i = 0; i < VICTIMS; i++) {
        run->victims[i] = new_program(run, PROGRAM_VICTIM, &space);
        grant(run, run->victims[i], i == 0 ? answer : question, CAP_RIGHT_RECV, FUZZ_HANDLE_IN);
        grant(run, run->victims[i], i == 0 ? question : answer, CAP_RIGHT_SEND, FUZZ_HANDLE_OUT);
        KASSERT(sched_start(&run->core->sched, run->victims[i]) == STATUS_OK);
    }
    grant(run, run->victims[0], report, CAP_RIGHT_SEND | CAP_RIGHT_TRANSFER, FUZZ_HANDLE_TOKEN);
    KASSERT(ipc_send(&run->core->ipc, run->self, to_first, &start, NULL_CAP_HANDLE, &result) ==
            STATUS_OK);
    KASSERT(cap_drop(&run->core->caps, run->self, to_first) == STATUS_OK);
}

void demo_create(struct core *core, struct object_ref idle, struct object_ref program)
{
    struct run *run = &fuzz_run;
    struct object_ref task;

    (void)idle;
    /* Bring-up loads one program; this run makes all of its own, in one way. */
    KASSERT(task_destroy(core, program) == STATUS_OK);
    KASSERT(sched_create(&core->sched, pump, run, &task) == STATUS_OK);
    run->core = core;
    run->self = task.index;
    run->seed = parameter(FUZZ_SEED_PA, FUZZ_DEFAULT_SEED);
    run->calls = parameter(FUZZ_CALLS_PA, FUZZ_DEFAULT_CALLS);
    run->unassigned = run->calls;
    run->random.state = run->seed;
    run->sum = checksum();
    kprintf("fuzz: seed 0x%lx, %lu calls\n", run->seed, run->calls);
    for (unsigned i = 0; i < SHARED; i++) {
        run->shared[i] = new_endpoint(run);
        run->shared_root[i] = root_insert(run, CAP_KIND_ENDPOINT, run->shared[i]);
    }
    KASSERT(ipc_notification_create(&core->ipc, &run->notification) == STATUS_OK);
    run->other_root[ROOT_NOTIFICATION] = root_insert(run, CAP_KIND_NOTIFICATION, run->notification);
    run->other_root[ROOT_TASK] = root_insert(run, CAP_KIND_TASK, task);
    run->other_root[ROOT_MEMORY] =
        root_insert(run, CAP_KIND_MEMORY_REGION, (struct object_ref){0, 0});
    run->other_root[ROOT_CONSOLE] =
        root_insert(run, CAP_KIND_DEBUG_CONSOLE, (struct object_ref){0, 0});
    run->other_root[ROOT_SPACE] =
        root_insert(run, CAP_KIND_ADDRESS_SPACE, object_at(&core->spaces->arena, 0));
    create_victims(run);
    for (unsigned i = 0; i < FUZZERS; i++) {
        life_start(run, &run->lives[i]);
    }
    KASSERT(sched_start(&core->sched, task) == STATUS_OK);
}
