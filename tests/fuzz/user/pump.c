/*
 * The pump: a kernel task that never waits. It wakes those who wait, so that no fuzzer can stop the
 * run; it gives capabilities, takes them back, destroys what they name and ends lives, so that no
 * handle stays good for long; and it looks after the kernel's invariants.
 */
#include "run.h"

#include <tyrne/panic.h>
#include <tyrne/print.h>

/* Turns of the pump between checks; FUZZERS * 48 calls at most come between turns (fuzz.c). */
#define TURNS_A_CHECK       4U
#define CHECKS_A_DEEP_ONE   64U
#define LEAST_CALLS_A_ROUND 20000U

#ifdef TYRNE_DEBUG
#define EVERYTHING_SEEN ((1UL << FUZZ_SEEN_COUNT) - 1U)
#else
#define EVERYTHING_SEEN ((1UL << FUZZ_SEEN_WRITE) - 1U)
#endif

static cap_handle_t pick_root(struct run *run)
{
    if (fuzz_once_in(&run->random, 3)) {
        unsigned which = (unsigned)fuzz_below(&run->random, OTHERS + FUZZERS);

        if (which < OTHERS) {
            return run->other_root[which];
        }
        if (run->lives[which - OTHERS].alive) {
            return run->lives[which - OTHERS].space;
        }
    }
    return run->shared_root[fuzz_below(&run->random, SHARED)];
}

/* Any rights, more often than not those that make a capability useful. */
static uint64_t pick_rights(struct run *run)
{
    uint64_t rights = fuzz_next(&run->random) & CAP_RIGHTS_ALL;

    if (!fuzz_once_in(&run->random, 3)) {
        rights |= CAP_RIGHT_SEND | CAP_RIGHT_RECV | CAP_RIGHT_TRANSFER;
    }
    return rights;
}

/* A fresh capability in `table`, or null if it is full. */
static cap_handle_t give(struct run *run, unsigned table)
{
    cap_handle_t handle;
    status_t status =
        cap_derive(&run->core->caps, run->self, pick_root(run), pick_rights(run), table, &handle);

    KASSERT(status == STATUS_OK || status == STATUS_CAPS_EXHAUSTED);
    return status == STATUS_OK ? handle : NULL_CAP_HANDLE;
}

/* A living fuzzer's table, or the pump's own. */
static unsigned pick_table(struct run *run)
{
    const struct life *life = &run->lives[fuzz_below(&run->random, FUZZERS)];

    return life->alive ? life->task.index : run->self;
}

/* Give back a capability that came by message, with all that was derived from it. */
static void dispose(struct run *run, cap_handle_t handle)
{
    if (cap_drop(&run->core->caps, run->self, handle) == STATUS_HAS_CHILDREN) {
        KASSERT(cap_revoke(&run->core->caps, run->self, handle) == STATUS_OK);
        KASSERT(cap_drop(&run->core->caps, run->self, handle) == STATUS_OK);
    }
}

/* A message through shared endpoint `which`, with a capability or without. */
static void send_message(struct run *run, unsigned which, cap_handle_t cap)
{
    struct capability what = {.kind = CAP_KIND_NONE};
    struct message message;
    enum send_outcome outcome;

    if (!cap_handle_is_null(cap)) {
        KASSERT(cap_lookup(&run->core->caps, run->self, cap, &what) == STATUS_OK);
    }
    message.label = fuzz_label(fuzz_next(&run->random), what.kind, what.rights);
    for (unsigned i = 0; i < MESSAGE_WORDS; i++) {
        message.words[i] = fuzz_word(message.label, i);
    }
    if (task_send(run->core, run->shared_root[which], &message, cap, &outcome) != STATUS_OK &&
        !cap_handle_is_null(cap)) {
        dispose(run, cap);
    }
}

/* Take back every capability that came of `root`, wherever it is: none for its object is left. */
static void revoke(struct run *run, cap_handle_t root)
{
    struct cap_space *caps = &run->core->caps;
    struct capability gone;
    unsigned left = 0;

    KASSERT(cap_revoke(caps, run->self, root) == STATUS_OK);
    KASSERT(cap_lookup(caps, run->self, root, &gone) == STATUS_OK);
    if (gone.kind != CAP_KIND_ENDPOINT && gone.kind != CAP_KIND_NOTIFICATION) {
        return; /* others have more roots than one */
    }
    for (unsigned i = 0; i < CAP_SLOTS; i++) {
        const struct capability *cap = &caps->slots[i].cap;

        left += cap->kind == gone.kind && cap->object.index == gone.object.index &&
                cap->object.generation == gone.object.generation;
    }
    KASSERT(left == 1);
}

/* A capability of the pump's that may be sent along, or null. */
static cap_handle_t something_to_send(struct run *run)
{
    cap_handle_t handle = NULL_CAP_HANDLE;

    if (!fuzz_once_in(&run->random, 3)) {
        KASSERT(cap_derive(&run->core->caps, run->self, pick_root(run),
                           pick_rights(run) | CAP_RIGHT_TRANSFER, run->self, &handle) == STATUS_OK);
    }
    return handle;
}

/* Take the message that waits at `which`: it must be one that somebody sent. */
static void take_message(struct run *run, unsigned which)
{
    struct received received;
    struct capability cap;

    KASSERT(task_recv(run->core, run->shared_root[which], &received) == STATUS_OK);
    KASSERT(fuzz_message_holds(received.message.label, received.message.words));
    if (cap_handle_is_null(received.cap)) {
        return;
    }
    KASSERT(cap_lookup(&run->core->caps, run->self, received.cap, &cap) == STATUS_OK);
    if ((cap.rights & CAP_RIGHT_REVOKE) != 0 && fuzz_once_in(&run->random, 2)) {
        cap_handle_t child;

        /* A tree that grows deep and wide, and wanders on. */
        (void)!cap_derive(&run->core->caps, run->self, received.cap, cap.rights, pick_table(run),
                          &child);
        (void)!cap_copy(&run->core->caps, run->self, received.cap, cap.rights, pick_table(run),
                        &child);
        send_message(run, (unsigned)fuzz_below(&run->random, SHARED), received.cap);
        return;
    }
    dispose(run, received.cap);
}

/* Messages to those who wait, so that nobody waits for ever; and some for nobody in particular. */
static void serve(struct run *run)
{
    for (unsigned i = 0; i < SHARED; i++) {
        switch (run->core->ipc.endpoints[run->shared[i].index].state) {
        case ENDPOINT_RECV_WAITING:
            if (fuzz_once_in(&run->random, 2)) {
                send_message(run, i, something_to_send(run));
            }
            break;
        case ENDPOINT_IDLE:
            if (fuzz_once_in(&run->random, 4)) {
                send_message(run, i, something_to_send(run));
            }
            break;
        case ENDPOINT_SEND_PENDING:
            if (fuzz_once_in(&run->random, 4)) {
                take_message(run, i);
            }
            break;
        default:
            break;
        }
    }
}

static void renew_endpoint(struct run *run)
{
    unsigned which = (unsigned)fuzz_below(&run->random, SHARED);

    if (fuzz_once_in(&run->random, 2)) {
        revoke(run, run->shared_root[which]);
    }
    KASSERT(task_destroy_endpoint(run->core, run->shared[which]) == STATUS_OK);
    root_retire(run, run->shared_root[which]);
    KASSERT(ipc_endpoint_create(&run->core->ipc, &run->shared[which]) == STATUS_OK);
    run->shared_root[which] = root_insert(run, CAP_KIND_ENDPOINT, run->shared[which]);
}

static void renew_notification(struct run *run)
{
    struct ipc *ipc = &run->core->ipc;

    KASSERT(ipc_notify(ipc, run->self, run->other_root[ROOT_NOTIFICATION], UINT64_MAX) ==
            STATUS_OK);
    KASSERT(ipc_notification_destroy(ipc, run->notification) == STATUS_OK);
    root_retire(run, run->other_root[ROOT_NOTIFICATION]);
    KASSERT(ipc_notification_create(ipc, &run->notification) == STATUS_OK);
    run->other_root[ROOT_NOTIFICATION] = root_insert(run, CAP_KIND_NOTIFICATION, run->notification);
}

/* No room for what comes next: a waiting fuzzer's table, if there is one, is the best to fill. */
static void fill_table(struct run *run)
{
    unsigned table = pick_table(run);

    for (unsigned i = 0; i < SHARED; i++) {
        const struct endpoint *endpoint = &run->core->ipc.endpoints[run->shared[i].index];

        if (endpoint->state == ENDPOINT_RECV_WAITING) {
            table = endpoint->receiver;
        }
    }
    while (table != run->self && !cap_handle_is_null(give(run, table))) {
    }
}

/* Something that a fuzzer cannot foresee. */
static void disturb(struct run *run)
{
    uint64_t dice = fuzz_below(&run->random, 256);
    struct life *life = &run->lives[fuzz_below(&run->random, FUZZERS)];

    if (dice < 96 && life->alive) {
        (void)give(run, life->task.index);
    } else if (dice < 128) {
        revoke(run, pick_root(run));
    } else if (dice < 136) {
        renew_endpoint(run);
    } else if (dice < 140) {
        renew_notification(run);
    } else if (dice < 156) {
        fill_table(run);
    } else if (dice < 158 && life->alive) {
        life_kill(run, life);
    }
}

/* Who ended is followed by the next; the victims must be there, and get on. */
static void look_after_tasks(struct run *run)
{
    const struct object_arena *tasks = &run->core->sched.arena;
    struct capability report;
    struct received received;

    for (unsigned i = 0; i < FUZZERS; i++) {
        struct life *life = &run->lives[i];

        if (life->alive && !object_live(tasks, life->task)) {
            life_collect(run, life);
        }
        if (!life->alive) {
            life_start(run, life);
        }
    }
    for (unsigned i = 0; i < VICTIMS; i++) {
        KASSERT(object_live(tasks, run->victims[i]));
    }
    KASSERT(cap_lookup(&run->core->caps, run->self, run->report, &report) == STATUS_OK);
    if (run->core->ipc.endpoints[report.object.index].state == ENDPOINT_SEND_PENDING) {
        KASSERT(task_recv(run->core, run->report, &received) == STATUS_OK);
        KASSERT(received.message.label == FUZZ_LABEL_REPORT && cap_handle_is_null(received.cap) &&
                received.message.words[0] > run->totals.rounds);
        run->totals.rounds = received.message.words[0];
    }
}

/* Everything is gone when this returns but the pump's own table. */
static void finish(struct run *run)
{
    const struct totals *totals = &run->totals;

    for (unsigned i = 0; i < VICTIMS; i++) {
        victim_end(run, i);
    }
    check_everything(run, true);
    KASSERT(object_count(&run->core->spaces->arena) == 1);
    KASSERT(totals->rounds * LEAST_CALLS_A_ROUND >= totals->calls ||
            totals->calls < LEAST_CALLS_A_ROUND);
    KASSERT(checksum() == run->sum);
    kprintf("fuzz: %lu lives, %lu killed, ends", totals->lives, totals->killed);
    for (unsigned i = 0; i < FUZZ_END_COUNT; i++) {
        kprintf(" %lu", totals->ends[i]);
    }
    kprintf("\nfuzz: seen 0x%lx of 0x%lx\n", totals->seen, EVERYTHING_SEEN);
    kprintf("fuzz: %lu rounds of the victims, %lu checks of the invariants\n", totals->rounds,
            totals->checks);
    kprintf("fuzz: %lu bytes written, %lu other syscalls\n", totals->written, totals->others);
    kprintf("fuzz: %lu calls made\n", totals->calls);
}

void pump(void *argument)
{
    struct run *run = argument;

    for (uint64_t turn = 0; run->totals.calls < run->calls; turn++) {
        look_after_tasks(run);
        serve(run);
        disturb(run);
        if (turn % TURNS_A_CHECK == 0) {
            run->totals.checks++;
            check_everything(run, run->totals.checks % CHECKS_A_DEEP_ONE == 0);
        }
        sched_yield(&run->core->sched);
    }
    finish(run);
    task_exit(run->core);
}
