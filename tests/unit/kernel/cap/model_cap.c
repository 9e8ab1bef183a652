#include "model_cap.h"

#include <string.h>

void model_init(struct model *model)
{
    struct model_events events = model->events;

    memset(model, 0, sizeof(*model));
    model->events = events;
    for (unsigned table = 0; table <= CAP_TABLES; table++) {
        for (unsigned slot = 0; slot < CAP_TABLE_SLOTS; slot++) {
            model->at[table][slot] = MODEL_NONE;
        }
    }
}

static void touch(struct model *model, struct model_place place)
{
    if (model->touched_count < sizeof(model->touched) / sizeof(model->touched[0])) {
        model->touched[model->touched_count++] = place;
    }
}

cap_handle_t model_handle(const struct model *model, int index)
{
    struct model_place place = model->list[index].place;

    return (cap_handle_t){(uint64_t)model->generation[place.table][place.slot] << 16 | place.slot};
}

int model_find(const struct model *model, unsigned table, cap_handle_t handle)
{
    unsigned slot = (unsigned)(handle.raw % 0x10000);

    if (slot >= CAP_TABLE_SLOTS || handle.raw / 0x10000 != model->generation[table][slot]) {
        return MODEL_NONE;
    }
    return model->at[table][slot];
}

bool model_has_children(const struct model *model, int index)
{
    for (unsigned i = 0; i < CAP_SLOTS; i++) {
        if (model->list[i].live && model->list[i].parent == index) {
            return true;
        }
    }
    return false;
}

static bool slot_free(const struct model *model, unsigned table, unsigned slot)
{
    return model->at[table][slot] == MODEL_NONE && model->generation[table][slot] != UINT32_MAX;
}

bool model_has_room(const struct model *model, unsigned table)
{
    for (unsigned slot = 0; slot < CAP_TABLE_SLOTS; slot++) {
        if (slot_free(model, table, slot)) {
            return true;
        }
    }
    return false;
}

bool model_is_parked(const struct model *model, unsigned endpoint)
{
    return model->at[CAP_TABLE_PARKED][endpoint] != MODEL_NONE;
}

/* True if `handle`, which the kernel gave, names a free slot of `table` in its generation. */
static bool acceptable(struct model *model, unsigned table, cap_handle_t handle)
{
    uint64_t slot = handle.raw % 0x10000;

    if (slot >= CAP_TABLE_SLOTS || !slot_free(model, table, (unsigned)slot)) {
        model->fault = "the new handle names no free slot";
    } else if (handle.raw / 0x10000 != model->generation[table][slot]) {
        model->fault = "the new handle has not the slot's generation";
    }
    return model->fault == NULL;
}

static void settle(struct model *model, int index, struct model_place place)
{
    model->list[index].place = place;
    model->at[place.table][place.slot] = index;
    touch(model, place);
    if (place.table < CAP_TABLES && !model_has_room(model, place.table)) {
        model->events.tables_filled++;
    }
}

static void add(struct model *model, unsigned table, cap_handle_t given, struct model_cap entry)
{
    int index = 0;

    if (!acceptable(model, table, given)) {
        return;
    }
    while (model->list[index].live) {
        index++;
    }
    entry.live = true;
    model->list[index] = entry;
    settle(model, index, (struct model_place){table, (unsigned)(given.raw % 0x10000)});
    if (entry.parent != MODEL_NONE) {
        touch(model, model->list[entry.parent].place);
    }
    model->events.depth_16 += entry.depth == 16;
}

static bool table_retired(const struct model *model, unsigned table)
{
    for (unsigned slot = 0; slot < CAP_TABLE_SLOTS; slot++) {
        if (model->generation[table][slot] != UINT32_MAX) {
            return false;
        }
    }
    return true;
}

/* The capability leaves its slot. */
static void vacate(struct model *model, int index)
{
    struct model_place place = model->list[index].place;
    uint32_t *generation;

    touch(model, place);
    model->at[place.table][place.slot] = MODEL_NONE;
    if (place.table == CAP_TABLE_PARKED) {
        return;
    }
    model->stale[model->stale_count % MODEL_STALE].table = place.table;
    model->stale[model->stale_count % MODEL_STALE].handle = model_handle(model, index);
    model->stale_count++;
    generation = &model->generation[place.table][place.slot];
    (*generation)++;
    if (*generation == UINT32_MAX) {
        model->events.slots_retired++;
        model->events.tables_retired += table_retired(model, place.table);
    }
}

static void touch_children(struct model *model, int index)
{
    for (unsigned i = 0; i < CAP_SLOTS; i++) {
        if (model->list[i].live && model->list[i].parent == index) {
            touch(model, model->list[i].place);
        }
    }
}

/* Free `index` against its holder's wish: its children become its parent's. */
static uint64_t discard(struct model *model, int index)
{
    uint64_t lifted = 0;

    for (unsigned i = 0; i < CAP_SLOTS; i++) {
        struct model_cap *child = &model->list[i];

        if (child->live && child->parent == index) {
            child->parent = model->list[index].parent;
            touch(model, child->place);
            model->events.lifted_to_roots += child->parent == MODEL_NONE;
            lifted++;
        }
    }
    vacate(model, index);
    model->list[index].live = false;
    return lifted;
}

status_t model_insert_root(struct model *model, unsigned table, struct capability cap,
                           cap_handle_t given)
{
    if (cap.kind == CAP_KIND_NONE || cap.kind > CAP_KIND_DEBUG_CONSOLE) {
        return STATUS_WRONG_KIND;
    }
    if (!model_has_room(model, table)) {
        return STATUS_CAPS_EXHAUSTED;
    }
    add(model, table, given, (struct model_cap){.cap = cap, .parent = MODEL_NONE});
    return STATUS_OK;
}

status_t model_lookup(struct model *model, unsigned table, cap_handle_t handle,
                      struct capability *cap)
{
    int index = model_find(model, table, handle);

    if (index == MODEL_NONE) {
        return STATUS_INVALID_HANDLE;
    }
    *cap = model->list[index].cap;
    return STATUS_OK;
}

/* Every bit of `part` that is a right is also in `whole`. */
static bool within(uint64_t part, uint8_t whole)
{
    for (unsigned bit = 0; bit < 8; bit++) {
        if ((part >> bit & 1) == 1 && (whole >> bit & 1) == 0) {
            return false;
        }
    }
    return true;
}

status_t model_copy(struct model *model, unsigned table, cap_handle_t source, uint64_t rights,
                    unsigned to, cap_handle_t given)
{
    int index = model_find(model, table, source);
    struct model_cap entry;

    if (index == MODEL_NONE) {
        return STATUS_INVALID_HANDLE;
    }
    entry = model->list[index];
    if (!within(CAP_RIGHT_DUPLICATE, entry.cap.rights)) {
        return STATUS_INSUFFICIENT_RIGHTS;
    }
    if (!within(rights, entry.cap.rights)) {
        return STATUS_WIDENED_RIGHTS;
    }
    if (!model_has_room(model, to)) {
        return STATUS_CAPS_EXHAUSTED;
    }
    entry.cap.rights = (uint8_t)(rights % 0x100);
    add(model, to, given, entry);
    return STATUS_OK;
}

status_t model_derive(struct model *model, unsigned table, cap_handle_t source, uint64_t rights,
                      unsigned to, cap_handle_t given)
{
    int index = model_find(model, table, source);
    struct model_cap entry;

    if (index == MODEL_NONE) {
        return STATUS_INVALID_HANDLE;
    }
    entry = model->list[index];
    if (!within(CAP_RIGHT_DERIVE, entry.cap.rights)) {
        return STATUS_INSUFFICIENT_RIGHTS;
    }
    if (!within(rights, entry.cap.rights)) {
        return STATUS_WIDENED_RIGHTS;
    }
    if (entry.depth == 16) {
        return STATUS_DERIVATION_TOO_DEEP;
    }
    if (!model_has_room(model, to)) {
        return STATUS_CAPS_EXHAUSTED;
    }
    entry.cap.rights = (uint8_t)(rights % 0x100);
    entry.parent = index;
    entry.depth++;
    add(model, to, given, entry);
    return STATUS_OK;
}

static bool below(const struct model *model, int index, int ancestor)
{
    do {
        index = model->list[index].parent;
    } while (index != MODEL_NONE && index != ancestor);
    return index == ancestor;
}

status_t model_revoke(struct model *model, unsigned table, cap_handle_t handle)
{
    int root = model_find(model, table, handle);
    bool doomed[CAP_SLOTS] = {false};

    if (root == MODEL_NONE) {
        return STATUS_INVALID_HANDLE;
    }
    if (!within(CAP_RIGHT_REVOKE, model->list[root].cap.rights)) {
        return STATUS_INSUFFICIENT_RIGHTS;
    }
    for (int i = 0; i < (int)CAP_SLOTS; i++) {
        doomed[i] = model->list[i].live && below(model, i, root);
    }
    for (int i = 0; i < (int)CAP_SLOTS; i++) {
        if (doomed[i]) {
            unsigned where = model->list[i].place.table;

            vacate(model, i);
            model->list[i].live = false;
            model->events.revoked_parked += where == CAP_TABLE_PARKED;
            model->events.revoked_in_other_tables += where != CAP_TABLE_PARKED && where != table;
        }
    }
    touch(model, model->list[root].place);
    return STATUS_OK;
}

status_t model_take(struct model *model, unsigned table, cap_handle_t handle,
                    struct capability *cap)
{
    int index = model_find(model, table, handle);

    if (index == MODEL_NONE) {
        return STATUS_INVALID_HANDLE;
    }
    if (model_has_children(model, index)) {
        return STATUS_HAS_CHILDREN;
    }
    *cap = model->list[index].cap;
    (void)discard(model, index);
    return STATUS_OK;
}

status_t model_check_park(struct model *model, unsigned table, cap_handle_t handle)
{
    int index = model_find(model, table, handle);

    if (index == MODEL_NONE) {
        return STATUS_INVALID_HANDLE;
    }
    return within(CAP_RIGHT_TRANSFER, model->list[index].cap.rights) ? STATUS_OK
                                                                     : STATUS_INSUFFICIENT_RIGHTS;
}

static void move(struct model *model, int index, struct model_place place)
{
    vacate(model, index);
    settle(model, index, place);
    touch_children(model, index);
    model->events.moved_with_children += model_has_children(model, index);
}

status_t model_park(struct model *model, unsigned table, cap_handle_t handle, unsigned endpoint)
{
    status_t status = model_check_park(model, table, handle);

    if (status == STATUS_OK) {
        move(model, model_find(model, table, handle),
             (struct model_place){CAP_TABLE_PARKED, endpoint});
    }
    return status;
}

status_t model_unpark(struct model *model, unsigned endpoint, unsigned table, cap_handle_t given)
{
    if (!model_is_parked(model, endpoint)) {
        model->events.delivered_null++;
        if (given.raw != UINT64_MAX) {
            model->fault = "nothing was parked, but the handle is not null";
        }
        return STATUS_OK;
    }
    if (!model_has_room(model, table)) {
        return STATUS_CAPS_EXHAUSTED;
    }
    if (acceptable(model, table, given)) {
        move(model, model->at[CAP_TABLE_PARKED][endpoint],
             (struct model_place){table, (unsigned)(given.raw % 0x10000)});
    }
    return STATUS_OK;
}

void model_discard_parked(struct model *model, unsigned endpoint)
{
    if (model_is_parked(model, endpoint)) {
        model->events.lifted_by_discard += discard(model, model->at[CAP_TABLE_PARKED][endpoint]);
    } else {
        model->events.discarded_nothing++;
    }
}

void model_table_clear(struct model *model, unsigned table)
{
    for (unsigned slot = 0; slot < CAP_TABLE_SLOTS; slot++) {
        if (model->at[table][slot] != MODEL_NONE) {
            model->events.lifted_by_clear += discard(model, model->at[table][slot]);
        }
    }
}
