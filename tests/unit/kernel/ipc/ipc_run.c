#include "ipc_run.h"

#include <inttypes.h>
#include <string.h>

/* Slots of each table that the run leaves alone. */
#define FILLERS 44U

void ipc_run_check(const struct ipc_run *run, bool holds, const char *what)
{
    if (!holds) {
        fail_msg("seed %" PRIu64 ", step %" PRIu64 ": %s", run->seed, run->step, what);
    }
}

void ipc_run_start(struct ipc_run *run, uint64_t seed)
{
    const struct capability filler = {.kind = CAP_KIND_MEMORY_REGION};

    random_seed(&run->random, seed);
    run->gone = (struct object_ref){0, 1};
    memset(&run->core, 0xA5, sizeof(run->core));
    core_init(&run->core, NULL);
    model_init(&run->model);
    for (unsigned task = 0; task < MODEL_TASKS; task++) {
        for (unsigned i = 0; i < STALE_KEPT; i++) {
            run->stale[task][i] = cap_handle_make(1000, (uint16_t)i);
        }
        for (unsigned i = 0; i < FILLERS; i++) {
            cap_handle_t handle;
            status_t status = cap_insert_root(&run->core.caps, task, filler, &handle);
            int id = model_caps_add(&run->model.caps, task, handle, filler, MODEL_NO_CAP);

            ipc_run_check(run, status == STATUS_OK, "a filler does not fit");
            run->model.caps.caps[id].fixed = true;
        }
    }
}

void ipc_run_place(struct ipc_run *run, int id, unsigned task, cap_handle_t handle)
{
    struct model_cap *cap = &run->model.caps.caps[id];
    struct capability held;
    bool used = model_caps_find(&run->model.caps, task, handle) != MODEL_NO_CAP;

    for (unsigned i = 0; i < STALE_KEPT; i++) {
        used = used || run->stale[task][i].raw == handle.raw;
    }
    ipc_run_check(run, !used, "a handle is given out twice");
    cap->table = task;
    cap->handle = handle;
    ipc_run_check(run, cap_lookup(&run->core.caps, task, handle, &held) == STATUS_OK,
                  "a new handle does not resolve");
    ipc_run_check(run, held.kind == cap->cap.kind && held.rights == cap->cap.rights,
                  "another capability arrived than was sent");
    ipc_run_check(run, memcmp(&held.object, &cap->cap.object, sizeof(held.object)) == 0,
                  "the capability names another object");
}

void ipc_run_leave(struct ipc_run *run, int id)
{
    const struct model_cap *cap = &run->model.caps.caps[id];

    run->stale[cap->table][random_below(&run->random, STALE_KEPT)] = cap->handle;
}

static void compare_endpoint(const struct ipc_run *run, unsigned index)
{
    const struct endpoint *kernel = &run->core.ipc.endpoints[index];
    const struct model_endpoint *model = &run->model.endpoints[index];
    const struct cap_slot *parked =
        &run->core.caps.slots[CAP_TABLE_PARKED * CAP_TABLE_SLOTS + index];
    bool holds_cap = model->cap != MODEL_NO_CAP;

    ipc_run_check(run, kernel->state == model_state(&run->model, index), "the state is another");
    ipc_run_check(run, kernel->receiver == model->waiter, "another task waits");
    ipc_run_check(run,
                  !model->full ||
                      memcmp(&kernel->message, &model->message, sizeof(kernel->message)) == 0,
                  "another message is parked");
    ipc_run_check(run, cap_is_parked(&run->core.caps, index) == holds_cap,
                  "a capability is parked, or none, against the model");
    if (holds_cap) {
        const struct capability *cap = &run->model.caps.caps[model->cap].cap;

        ipc_run_check(run,
                      parked->cap.kind == cap->kind && parked->cap.rights == cap->rights &&
                          parked->cap.object.index == cap->object.index &&
                          parked->cap.object.generation == cap->object.generation,
                      "another capability is parked");
    }
}

void ipc_run_compare(const struct ipc_run *run)
{
    for (unsigned i = 0; i < MAX_ENDPOINTS; i++) {
        compare_endpoint(run, i);
    }
    for (unsigned i = 0; i < MAX_NOTIFICATIONS; i++) {
        ipc_run_check(run,
                      !run->model.notification_objects[i].alive ||
                          run->core.ipc.notifications[i] == run->model.words[i],
                      "a notification holds other bits");
    }
}

void ipc_run_compare_all(const struct ipc_run *run)
{
    for (unsigned task = 0; task < MODEL_TASKS; task++) {
        unsigned held = 0;

        for (unsigned i = 0; i < CAP_TABLE_SLOTS; i++) {
            held += run->core.caps.slots[task * CAP_TABLE_SLOTS + i].cap.kind != CAP_KIND_NONE;
        }
        ipc_run_check(run, held == model_caps_held(&run->model.caps, task),
                      "a table holds more or fewer capabilities");
    }
    for (unsigned i = 0; i < MODEL_CAPS; i++) {
        const struct model_cap *cap = &run->model.caps.caps[i];
        struct capability held;

        if (cap->live && cap->table != MODEL_PARKED) {
            ipc_run_check(run,
                          cap_lookup(&run->core.caps, cap->table, cap->handle, &held) ==
                                  STATUS_OK &&
                              held.kind == cap->cap.kind && held.rights == cap->cap.rights,
                          "a capability is not what it was");
        }
    }
    ipc_run_check(run, cap_check_invariants(&run->core.caps), "the capabilities' tree is broken");
}
