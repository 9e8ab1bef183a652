#include <tyrne/capability.h>

#include "tree.h"
#include <tyrne/panic.h>

#define RETIRED UINT32_MAX

static cap_ref_t parked_ref(unsigned endpoint)
{
    KASSERT(endpoint < MAX_ENDPOINTS);
    return cap_ref_make(CAP_TABLE_PARKED, endpoint);
}

static const struct cap_slot empty_slot = {
    .parent = CAP_REF_NONE,
    .first_child = CAP_REF_NONE,
    .next_sibling = CAP_REF_NONE,
};

/* Every slot of `table` empty, at generation 0, in the free list from the first to the last. */
static void make_table(struct cap_space *space, unsigned table)
{
    for (unsigned i = 0; i < CAP_TABLE_SLOTS; i++) {
        struct cap_slot *slot = cap_slot_at(space, cap_ref_make(table, i));

        *slot = empty_slot;
        if (i + 1U < CAP_TABLE_SLOTS) {
            slot->next_sibling = cap_ref_make(table, i + 1U);
        }
    }
    space->first_free[table] = cap_ref_make(table, 0);
}

void cap_space_init(struct cap_space *space)
{
    for (unsigned table = 0; table < CAP_TABLES; table++) {
        make_table(space, table);
    }
    for (unsigned i = 0; i < MAX_ENDPOINTS; i++) {
        *cap_slot_at(space, parked_ref(i)) = empty_slot;
    }
}

void cap_table_renew(struct cap_space *space, unsigned table)
{
    KASSERT(table < CAP_TABLES);
    for (unsigned i = 0; i < CAP_TABLE_SLOTS; i++) {
        KASSERT(!cap_slot_used(cap_slot_at(space, cap_ref_make(table, i))));
    }
    make_table(space, table);
}

/* Where `handle` leads in `table`. */
static status_t resolve(const struct cap_space *space, unsigned table, cap_handle_t handle,
                        cap_ref_t *ref)
{
    const struct cap_slot *slot;

    KASSERT(table < CAP_TABLES);
    slot = cap_find(space, table, handle);
    if (slot == NULL) {
        return STATUS_INVALID_HANDLE;
    }
    *ref = (cap_ref_t){(uint16_t)(slot - space->slots)};
    return STATUS_OK;
}

/* The first free slot of `table`, taken off its list. There must be one. */
static cap_ref_t take_free_slot(struct cap_space *space, unsigned table)
{
    cap_ref_t ref = space->first_free[table];

    space->first_free[table] = cap_slot_at(space, ref)->next_sibling;
    return ref;
}

/* Empty `ref`, which is in no tree any more. A slot whose generation would wrap is not used again.
 */
static void release_slot(struct cap_space *space, cap_ref_t ref)
{
    struct cap_slot *slot = cap_slot_at(space, ref);
    unsigned table = ref.value / CAP_TABLE_SLOTS;

    slot->cap = (struct capability){.kind = CAP_KIND_NONE};
    slot->depth = 0;
    if (table == CAP_TABLE_PARKED) {
        return;
    }
    slot->generation++;
    if (slot->generation != RETIRED) {
        slot->next_sibling = space->first_free[table];
        space->first_free[table] = ref;
    }
}

/* The handle of `ref`, a used slot of a table. */
static cap_handle_t handle_of(const struct cap_space *space, cap_ref_t ref)
{
    return cap_handle_make(space->slots[ref.value].generation,
                           (uint16_t)(ref.value % CAP_TABLE_SLOTS));
}

/* Fill a free slot of `table` (there is one) with `cap` under `parent`. */
static cap_handle_t place(struct cap_space *space, unsigned table, struct capability cap,
                          cap_ref_t parent, unsigned depth)
{
    cap_ref_t ref = take_free_slot(space, table);
    struct cap_slot *slot = cap_slot_at(space, ref);

    slot->cap = cap;
    slot->depth = (uint8_t)depth;
    cap_tree_link(space, ref, parent);
    return handle_of(space, ref);
}

/* Take a used slot out of the tree, children to its parent, and empty it. */
static void remove_slot(struct cap_space *space, cap_ref_t ref)
{
    cap_tree_lift_children(space, ref);
    cap_tree_unlink(space, ref);
    release_slot(space, ref);
}

/* What copy and derive ask alike: `ref` holds `needed`, and `rights` (unmasked) is a subset of its.
 */
static status_t check_narrowing(const struct cap_space *space, cap_ref_t ref, uint8_t needed,
                                uint64_t rights)
{
    uint8_t held = space->slots[ref.value].cap.rights;

    if ((held & needed) == 0) {
        return STATUS_INSUFFICIENT_RIGHTS;
    }
    if ((rights & CAP_RIGHTS_ALL & ~(uint64_t)held) != 0) {
        return STATUS_WIDENED_RIGHTS;
    }
    return STATUS_OK;
}

bool cap_table_has_room(const struct cap_space *space, unsigned table)
{
    KASSERT(table < CAP_TABLES);
    return !cap_ref_is_none(space->first_free[table]);
}

status_t cap_insert_root(struct cap_space *space, unsigned table, struct capability cap,
                         cap_handle_t *handle)
{
    KASSERT(table < CAP_TABLES);
    if (cap.kind == CAP_KIND_NONE || cap.kind >= CAP_KIND_COUNT) {
        return STATUS_WRONG_KIND;
    }
    if (!cap_table_has_room(space, table)) {
        return STATUS_CAPS_EXHAUSTED;
    }
    *handle = place(space, table, cap, CAP_REF_NONE, 0);
    return STATUS_OK;
}

status_t cap_lookup(const struct cap_space *space, unsigned table, cap_handle_t handle,
                    struct capability *cap)
{
    cap_ref_t ref;
    status_t status = resolve(space, table, handle, &ref);

    if (status == STATUS_OK) {
        *cap = space->slots[ref.value].cap;
    }
    return status;
}

status_t cap_copy(struct cap_space *space, unsigned table, cap_handle_t source, uint64_t rights,
                  unsigned to, cap_handle_t *handle)
{
    cap_ref_t ref;
    status_t status = resolve(space, table, source, &ref);
    const struct cap_slot *slot;
    struct capability cap;

    KASSERT(to < CAP_TABLES);
    if (status == STATUS_OK) {
        status = check_narrowing(space, ref, CAP_RIGHT_DUPLICATE, rights);
    }
    if (status != STATUS_OK) {
        return status;
    }
    if (!cap_table_has_room(space, to)) {
        return STATUS_CAPS_EXHAUSTED;
    }
    slot = cap_slot_at(space, ref);
    cap = slot->cap;
    cap.rights = (uint8_t)(rights & CAP_RIGHTS_ALL);
    *handle = place(space, to, cap, slot->parent, slot->depth);
    return STATUS_OK;
}

status_t cap_derive(struct cap_space *space, unsigned table, cap_handle_t source, uint64_t rights,
                    unsigned to, cap_handle_t *handle)
{
    cap_ref_t ref;
    status_t status = resolve(space, table, source, &ref);
    const struct cap_slot *slot;
    struct capability cap;

    KASSERT(to < CAP_TABLES);
    if (status == STATUS_OK) {
        status = check_narrowing(space, ref, CAP_RIGHT_DERIVE, rights);
    }
    if (status != STATUS_OK) {
        return status;
    }
    slot = cap_slot_at(space, ref);
    if (slot->depth >= CAP_MAX_DEPTH) {
        return STATUS_DERIVATION_TOO_DEEP;
    }
    if (!cap_table_has_room(space, to)) {
        return STATUS_CAPS_EXHAUSTED;
    }
    cap = slot->cap;
    cap.rights = (uint8_t)(rights & CAP_RIGHTS_ALL);
    *handle = place(space, to, cap, ref, slot->depth + 1U);
    return STATUS_OK;
}

status_t cap_revoke(struct cap_space *space, unsigned table, cap_handle_t handle)
{
    cap_ref_t root;
    cap_ref_t at;
    status_t status = resolve(space, table, handle, &root);

    if (status != STATUS_OK) {
        return status;
    }
    if ((cap_slot_at(space, root)->cap.rights & CAP_RIGHT_REVOKE) == 0) {
        return STATUS_INSUFFICIENT_RIGHTS;
    }
    /* Leaf by leaf: each round frees one slot, which is the first child of its parent. */
    at = cap_tree_first_leaf(space, root);
    while (!cap_ref_equal(at, root)) {
        cap_ref_t parent = cap_slot_at(space, at)->parent;

        remove_slot(space, at);
        at = cap_tree_first_leaf(space, parent);
    }
    return STATUS_OK;
}

status_t cap_take(struct cap_space *space, unsigned table, cap_handle_t handle,
                  struct capability *cap)
{
    cap_ref_t ref;
    status_t status = resolve(space, table, handle, &ref);

    if (status != STATUS_OK) {
        return status;
    }
    if (!cap_ref_is_none(cap_slot_at(space, ref)->first_child)) {
        return STATUS_HAS_CHILDREN;
    }
    *cap = cap_slot_at(space, ref)->cap;
    remove_slot(space, ref);
    return STATUS_OK;
}

status_t cap_drop(struct cap_space *space, unsigned table, cap_handle_t handle)
{
    struct capability dropped;

    return cap_take(space, table, handle, &dropped);
}

/* Resolve `handle` for a transfer. */
static status_t resolve_for_park(const struct cap_space *space, unsigned table, cap_handle_t handle,
                                 cap_ref_t *ref)
{
    status_t status = resolve(space, table, handle, ref);

    if (status == STATUS_OK && (space->slots[ref->value].cap.rights & CAP_RIGHT_TRANSFER) == 0) {
        status = STATUS_INSUFFICIENT_RIGHTS;
    }
    return status;
}

status_t cap_check_park(const struct cap_space *space, unsigned table, cap_handle_t handle)
{
    cap_ref_t ref;

    return resolve_for_park(space, table, handle, &ref);
}

status_t cap_park(struct cap_space *space, unsigned table, cap_handle_t handle, unsigned endpoint)
{
    cap_ref_t from;
    cap_ref_t to = parked_ref(endpoint);
    status_t status = resolve_for_park(space, table, handle, &from);

    if (status != STATUS_OK) {
        return status;
    }
    KASSERT(!cap_slot_used(cap_slot_at(space, to)));
    cap_tree_move(space, from, to);
    release_slot(space, from);
    return STATUS_OK;
}

status_t cap_unpark(struct cap_space *space, unsigned endpoint, unsigned table,
                    cap_handle_t *handle)
{
    cap_ref_t from = parked_ref(endpoint);
    cap_ref_t to;

    KASSERT(table < CAP_TABLES);
    if (!cap_is_parked(space, endpoint)) {
        *handle = NULL_CAP_HANDLE;
        return STATUS_OK;
    }
    if (!cap_table_has_room(space, table)) {
        return STATUS_CAPS_EXHAUSTED;
    }
    to = take_free_slot(space, table);
    cap_tree_move(space, from, to);
    release_slot(space, from);
    *handle = handle_of(space, to);
    return STATUS_OK;
}

bool cap_is_parked(const struct cap_space *space, unsigned endpoint)
{
    return cap_slot_used(&space->slots[parked_ref(endpoint).value]);
}

void cap_discard_parked(struct cap_space *space, unsigned endpoint)
{
    if (cap_is_parked(space, endpoint)) {
        remove_slot(space, parked_ref(endpoint));
    }
}

void cap_table_clear(struct cap_space *space, unsigned table)
{
    KASSERT(table < CAP_TABLES);
    for (unsigned i = 0; i < CAP_TABLE_SLOTS; i++) {
        cap_ref_t ref = cap_ref_make(table, i);

        if (cap_slot_used(cap_slot_at(space, ref))) {
            remove_slot(space, ref);
        }
    }
}
