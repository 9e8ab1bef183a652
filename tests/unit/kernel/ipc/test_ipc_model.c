/*
 * Property: random operations of several tasks on endpoints and notifications answer what the model
 * (model_ipc.h) says, leave the state that it says, and change nothing when they refuse. Arguments:
 * seed and number of steps; a failure prints the seed.
 */
#include "ipc_run.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEPS_OF_A_WORLD 20000U /* then everything starts empty again */
#define COMPARE_ALL      64U

static uint64_t seed = 1;
static uint64_t steps = 400000;

static struct ipc_run run;

/* What the kernel's state was before an operation that the model refuses. */
static struct core before;

/* Padding counts, too: nobody has written to it in between. */
static bool same_bytes(const void *a, const void *b, size_t length)
{
    return memcmp(a, b, length) == 0;
}

/* The model said `event`: look at the kernel's state before it is asked. */
static void expect(enum model_event event)
{
    run.seen[event]++;
    if (model_event_status(event) != STATUS_OK) {
        memcpy(&before, &run.core, sizeof(before));
    }
}

/* True if the kernel, which said `status`, succeeded as the model said. */
static bool agreed(enum model_event event, status_t status)
{
    status_t expected = model_event_status(event);

    if (status != expected) {
        fail_msg("seed %" PRIu64 ", step %" PRIu64 ": %s: status 0x%x instead of 0x%x", run.seed,
                 run.step, model_event_name(event), status, expected);
    }
    if (expected != STATUS_OK) {
        ipc_run_check(&run, same_bytes(&before, &run.core, sizeof(before)),
                      "something changed although the operation was refused");
    }
    return expected == STATUS_OK;
}

static void send(void)
{
    unsigned task = ipc_run_pick_task(&run);
    cap_handle_t handle = ipc_run_pick_handle(&run, task, CAP_KIND_ENDPOINT, CAP_RIGHT_SEND);
    cap_handle_t transfer = ipc_run_pick_transfer(&run, task);
    int rides = model_caps_find(&run.model.caps, task, transfer);
    struct message message = {run.step, {~run.step, random_next(&run.random), 0}};
    struct send_result result = {.endpoint = MAX_ENDPOINTS};
    unsigned index;
    unsigned receiver = TASK_NONE;
    enum model_event event =
        model_send(&run.model, task, handle, &message, transfer, &index, &receiver);

    expect(event);
    if (agreed(event, ipc_send(&run.core.ipc, task, handle, &message, transfer, &result))) {
        bool waits = event == SEND_TO_WAITING || event == SEND_TO_WAITING_WITH_CAP;

        ipc_run_check(&run, result.outcome == (waits ? SEND_DELIVERED : SEND_ENQUEUED),
                      "the outcome is another");
        ipc_run_check(&run, result.endpoint == index && result.receiver == receiver,
                      "another endpoint, or another receiver");
        if (rides != MODEL_NO_CAP) {
            run.stale[task][random_below(&run.random, STALE_KEPT)] = transfer;
        }
    }
}

static void recv(void)
{
    unsigned task = ipc_run_pick_task(&run);
    cap_handle_t handle = ipc_run_pick_handle(&run, task, CAP_KIND_ENDPOINT, CAP_RIGHT_RECV);
    bool may_wait = random_chance(&run.random, 70);
    struct recv_result result = {.endpoint = MAX_ENDPOINTS};
    struct received received = {.cap = {77}};
    struct message message;
    unsigned index;
    int cap = MODEL_NO_CAP;
    enum model_event event = model_recv(&run.model, task, handle, may_wait, &index, &message, &cap);
    bool pending = event == RECV_WAITS || event == RECV_WAITS_AGAIN;

    expect(event);
    if (!agreed(event, ipc_recv(&run.core.ipc, task, handle, may_wait, &result, &received))) {
        return;
    }
    ipc_run_check(&run, result.outcome == (pending ? RECV_PENDING : RECV_RECEIVED),
                  "the outcome is another");
    ipc_run_check(&run, result.endpoint == index, "another endpoint");
    if (pending) {
        ipc_run_check(&run, received.cap.raw == 77, "a capability without a message");
        return;
    }
    ipc_run_check(&run, memcmp(&received.message, &message, sizeof(message)) == 0,
                  "another message was received");
    if (cap == MODEL_NO_CAP) {
        ipc_run_check(&run, cap_handle_is_null(received.cap), "a capability from nowhere");
    } else {
        run.model.caps.caps[cap].handle = NULL_CAP_HANDLE; /* the old one is nothing now */
        ipc_run_place(&run, cap, task, received.cap);
    }
}

static void cancel(void)
{
    unsigned task = ipc_run_pick_task(&run);
    unsigned index = random_below(&run.random, MAX_ENDPOINTS);

    if (random_chance(&run.random, 5)) {
        run.seen[model_forget(&run.model, task)]++;
        ipc_forget_task(&run.core.ipc, task);
        return;
    }
    run.seen[model_cancel(&run.model, task, index)]++;
    ipc_cancel_recv(&run.core.ipc, task, index);
}

static void create_endpoint(void)
{
    struct object_ref expected = {77, 77};
    struct object_ref ref = {77, 77};
    enum model_event event = model_endpoint_create(&run.model, &expected);

    expect(event);
    (void)agreed(event, ipc_endpoint_create(&run.core.ipc, &ref));
    ipc_run_check(&run, memcmp(&ref, &expected, sizeof(ref)) == 0, "another endpoint was made");
}

static void destroy_endpoint(void)
{
    struct object_ref ref = ipc_run_pick_object(&run, run.model.endpoint_objects);
    unsigned expected = 77;
    unsigned receiver = 77;
    enum model_event event = model_endpoint_destroy(&run.model, ref, &expected);

    expect(event);
    if (agreed(event, ipc_endpoint_destroy(&run.core.ipc, ref, &receiver))) {
        run.gone = ref;
    }
    ipc_run_check(&run, receiver == expected, "another task waited");
}

static void create_notification(void)
{
    struct object_ref expected = {77, 77};
    struct object_ref ref = {77, 77};
    enum model_event event = model_notification_create(&run.model, &expected);

    expect(event);
    (void)agreed(event, ipc_notification_create(&run.core.ipc, &ref));
    ipc_run_check(&run, memcmp(&ref, &expected, sizeof(ref)) == 0, "another notification was made");
}

static void destroy_notification(void)
{
    struct object_ref ref = ipc_run_pick_object(&run, run.model.notification_objects);
    enum model_event event = model_notification_destroy(&run.model, ref);

    expect(event);
    if (agreed(event, ipc_notification_destroy(&run.core.ipc, ref))) {
        run.gone = ref;
    }
}

static void notify(void)
{
    unsigned task = ipc_run_pick_task(&run);
    cap_handle_t handle = ipc_run_pick_handle(&run, task, CAP_KIND_NOTIFICATION, CAP_RIGHT_NOTIFY);
    uint64_t bits = 1ULL << random_below(&run.random, 64) | random_below(&run.random, 256);
    enum model_event event = model_notify(&run.model, task, handle, bits);

    expect(event);
    (void)agreed(event, ipc_notify(&run.core.ipc, task, handle, bits));
}

static void poll_word(void)
{
    unsigned task = ipc_run_pick_task(&run);
    cap_handle_t handle = ipc_run_pick_handle(&run, task, CAP_KIND_NOTIFICATION, CAP_RIGHT_RECV);
    uint64_t expected = 77;
    uint64_t bits = 77;
    enum model_event event = model_poll(&run.model, task, handle, &expected);

    expect(event);
    (void)agreed(event, ipc_poll_notification(&run.core.ipc, task, handle, &bits));
    ipc_run_check(&run, bits == expected, "other bits were polled");
}

static void revoke(void)
{
    unsigned task = ipc_run_pick_task(&run);
    int id = ipc_run_pick_ancestor(&run, task);
    const struct model_cap *cap = &run.model.caps.caps[id == MODEL_NO_CAP ? 0 : id];

    if (id == MODEL_NO_CAP || (cap->cap.rights & CAP_RIGHT_REVOKE) == 0) {
        return;
    }
    run.seen[model_revoke(&run.model, id)]++;
    ipc_run_check(&run, cap_revoke(&run.core.caps, task, cap->handle) == STATUS_OK,
                  "what may be revoked is refused");
}

static void one_step(void)
{
    unsigned choice = random_below(&run.random, 1000);

    if (choice < 280) {
        send();
    } else if (choice < 560) {
        recv();
    } else if (choice < 620) {
        cancel();
    } else if (choice < 640) {
        create_endpoint();
    } else if (choice < 648) {
        destroy_endpoint();
    } else if (choice < 662) {
        create_notification();
    } else if (choice < 668) {
        destroy_notification();
    } else if (choice < 728) {
        notify();
    } else if (choice < 778) {
        poll_word();
    } else if (choice < 788) {
        revoke();
    } else {
        ipc_run_move_caps(&run);
    }
}

static void the_kernel_does_what_the_model_says(void **state)
{
    (void)state;
    run.seed = seed;
    for (run.step = 0; run.step < steps; run.step++) {
        if (run.step % STEPS_OF_A_WORLD == 0) {
            ipc_run_start(&run, seed + run.step);
        }
        one_step();
        ipc_run_compare(&run);
        if (run.step % COMPARE_ALL == 0) {
            ipc_run_compare_all(&run);
        }
    }
    ipc_run_compare_all(&run);
}

/* Whatever can happen did: otherwise the run above says less than it seems to. */
static void everything_that_can_happen_happened(void **state)
{
    (void)state;
    for (unsigned event = 0; event < MODEL_EVENTS; event++) {
        const char *name = model_event_name((enum model_event)event);

        print_message("%10" PRIu64 "  %s\n", run.seen[event], name);
        if (run.seen[event] == 0) {
            fail_msg("seed %" PRIu64 ": it never happened: %s", seed, name);
        }
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_kernel_does_what_the_model_says),
        cmocka_unit_test(everything_that_can_happen_happened),
    };

    seed = argc > 1 ? strtoull(argv[1], NULL, 0) : seed;
    steps = argc > 2 ? strtoull(argv[2], NULL, 0) : steps;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
