/* What a random run does next: likely something that works, often enough something that does not.
 */
#include "ipc_run.h"

unsigned ipc_run_pick_task(struct ipc_run *run)
{
    return random_below(&run->random, MODEL_TASKS);
}

int ipc_run_pick_cap(struct ipc_run *run, unsigned task)
{
    int first = (int)random_below(&run->random, MODEL_CAPS);

    for (int i = 0; i < (int)MODEL_CAPS; i++) {
        int id = (first + i) % (int)MODEL_CAPS;
        const struct model_cap *cap = &run->model.caps.caps[id];

        if (cap->live && !cap->fixed && cap->table == task) {
            return id;
        }
    }
    return MODEL_NO_CAP;
}

/* Bit patterns that are no handle. */
static cap_handle_t malformed(struct ipc_run *run)
{
    switch (random_below(&run->random, 4)) {
    case 0:
        return NULL_CAP_HANDLE;
    case 1:
        return cap_handle_make(0, (uint16_t)(CAP_TABLE_SLOTS + random_below(&run->random, 1000)));
    case 2:
        return (cap_handle_t){1ULL << (48 + random_below(&run->random, 16))};
    default:
        return (cap_handle_t){random_next(&run->random)};
    }
}

/* One that is none of `task`'s. */
static cap_handle_t bad_handle(struct ipc_run *run, unsigned task)
{
    unsigned other = (task + 1) % MODEL_TASKS;
    int id = ipc_run_pick_cap(run, other);

    if (random_chance(&run->random, 60)) {
        return run->stale[task][random_below(&run->random, STALE_KEPT)];
    }
    if (id != MODEL_NO_CAP && random_chance(&run->random, 50)) {
        return run->model.caps.caps[id].handle;
    }
    return malformed(run);
}

/* True if the capability `id` would let a task do what needs `right` to an object of `kind`. */
static bool is_good(const struct ipc_run *run, int id, enum cap_kind kind, unsigned right)
{
    const struct capability *cap = &run->model.caps.caps[id].cap;
    const struct model_object *objects =
        kind == CAP_KIND_ENDPOINT ? run->model.endpoint_objects : run->model.notification_objects;

    return cap->kind == kind && (cap->rights & right) != 0 && model_alive(objects, cap->object);
}

cap_handle_t ipc_run_pick_handle(struct ipc_run *run, unsigned task, enum cap_kind kind,
                                 unsigned right)
{
    int id = ipc_run_pick_cap(run, task);

    if (id == MODEL_NO_CAP || random_chance(&run->random, 10)) {
        return bad_handle(run, task);
    }
    if (random_chance(&run->random, 85)) {
        for (unsigned i = 0; i < 12 && !is_good(run, id, kind, right); i++) {
            id = ipc_run_pick_cap(run, task);
        }
    }
    return run->model.caps.caps[id].handle;
}

int ipc_run_pick_ancestor(struct ipc_run *run, unsigned task)
{
    for (unsigned i = 0; i < MAX_ENDPOINTS && random_chance(&run->random, 95); i++) {
        int parked = run->model.endpoints[i].cap;
        int parent = parked == MODEL_NO_CAP ? MODEL_NO_CAP : run->model.caps.caps[parked].parent;

        if (parent != MODEL_NO_CAP && run->model.caps.caps[parent].table == task) {
            return parent;
        }
    }
    return ipc_run_pick_cap(run, task);
}

cap_handle_t ipc_run_pick_transfer(struct ipc_run *run, unsigned task)
{
    int id = ipc_run_pick_cap(run, task);

    if (id == MODEL_NO_CAP || random_chance(&run->random, 50)) {
        return NULL_CAP_HANDLE;
    }
    return random_chance(&run->random, 15) ? bad_handle(run, task)
                                           : run->model.caps.caps[id].handle;
}

struct object_ref ipc_run_pick_object(struct ipc_run *run, const struct model_object *objects)
{
    uint32_t index = random_below(&run->random, OBJECT_ARENA_MAX);

    if (random_chance(&run->random, 10)) {
        return run->gone;
    }
    if (random_chance(&run->random, 3)) {
        return (struct object_ref){OBJECT_ARENA_MAX + index, 0};
    }
    return (struct object_ref){index, objects[index].generation};
}

static unsigned pick_rights(struct ipc_run *run)
{
    if (random_chance(&run->random, 80)) {
        return CAP_RIGHTS_ALL;
    }
    return random_below(&run->random, CAP_RIGHTS_ALL + 1);
}

static void grant(struct ipc_run *run, unsigned task)
{
    struct capability cap = {.rights = (uint8_t)pick_rights(run)};
    cap_handle_t handle;
    unsigned kind = random_below(&run->random, 100);

    if (kind < 70) {
        cap.kind = CAP_KIND_ENDPOINT;
        cap.object = ipc_run_pick_object(run, run->model.endpoint_objects);
    } else if (kind < 90) {
        cap.kind = CAP_KIND_NOTIFICATION;
        cap.object = ipc_run_pick_object(run, run->model.notification_objects);
    } else {
        cap.kind = CAP_KIND_DEBUG_CONSOLE;
    }
    ipc_run_check(run, cap_insert_root(&run->core.caps, task, cap, &handle) == STATUS_OK,
                  "a table with room is full");
    {
        int id = model_caps_add(&run->model.caps, MODEL_PARKED, NULL_CAP_HANDLE, cap, MODEL_NO_CAP);

        ipc_run_place(run, id, task, handle);
    }
}

static void derive(struct ipc_run *run, int parent, unsigned to)
{
    const struct model_cap *from = &run->model.caps.caps[parent];
    struct capability cap = from->cap;
    cap_handle_t handle;
    int id;

    cap.rights &= (uint8_t)pick_rights(run);
    ipc_run_check(run,
                  cap_derive(&run->core.caps, from->table, from->handle, cap.rights, to, &handle) ==
                      STATUS_OK,
                  "what may be derived is refused");
    id = model_caps_add(&run->model.caps, MODEL_PARKED, NULL_CAP_HANDLE, cap, parent);
    ipc_run_place(run, id, to, handle);
}

static void drop(struct ipc_run *run, int id)
{
    const struct model_cap *cap = &run->model.caps.caps[id];

    if (!model_caps_has_children(&run->model.caps, id)) {
        ipc_run_check(run, cap_drop(&run->core.caps, cap->table, cap->handle) == STATUS_OK,
                      "what may be dropped is refused");
        ipc_run_leave(run, id);
        model_caps_remove(&run->model.caps, id);
    }
}

void ipc_run_move_caps(struct ipc_run *run)
{
    unsigned task = ipc_run_pick_task(run);
    unsigned to = ipc_run_pick_task(run);
    int id = ipc_run_pick_cap(run, task);
    bool room = model_caps_held(&run->model.caps, to) < CAP_TABLE_SLOTS;

    if (id != MODEL_NO_CAP && random_chance(&run->random, room ? 30 : 20)) {
        drop(run, id); /* full tables stay full for a while */
    } else if (room && id != MODEL_NO_CAP && random_chance(&run->random, 50)) {
        const struct model_cap *cap = &run->model.caps.caps[id];

        if ((cap->cap.rights & CAP_RIGHT_DERIVE) != 0 &&
            model_caps_depth(&run->model.caps, id) < CAP_MAX_DEPTH) {
            derive(run, id, to);
        }
    } else if (room) {
        grant(run, to);
    }
}
