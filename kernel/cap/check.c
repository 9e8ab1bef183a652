/* The invariants of the capability space, checked by looking at everything. */
#include "tree.h"

#define RETIRED UINT32_MAX

static bool in_space(cap_ref_t ref)
{
    return ref.value < CAP_SLOTS;
}

/* How often `child` stands in the list of children of `parent`; 2 if the list does not end. */
static unsigned times_listed(const struct cap_space *space, const struct cap_slot *parent,
                             cap_ref_t child)
{
    unsigned found = 0;
    unsigned seen = 0;

    for (cap_ref_t at = parent->first_child; !cap_ref_is_none(at);
         at = space->slots[at.value].next_sibling) {
        if (!in_space(at) || ++seen > CAP_SLOTS) {
            return 2;
        }
        found += cap_ref_equal(at, child);
    }
    return found;
}

/* Every child names its parent, is used, deeper, and holds no right that the parent lacks. */
static bool children_agree(const struct cap_space *space, cap_ref_t ref)
{
    const struct cap_slot *slot = &space->slots[ref.value];
    unsigned seen = 0;

    for (cap_ref_t at = slot->first_child; !cap_ref_is_none(at);
         at = space->slots[at.value].next_sibling) {
        const struct cap_slot *child;

        if (!in_space(at) || ++seen > CAP_SLOTS) {
            return false;
        }
        child = &space->slots[at.value];
        if (!cap_slot_used(child) || !cap_ref_equal(child->parent, ref) ||
            child->depth <= slot->depth || (child->cap.rights & ~slot->cap.rights) != 0 ||
            child->cap.kind != slot->cap.kind) {
            return false;
        }
    }
    return true;
}

static bool used_slot_holds(const struct cap_space *space, cap_ref_t ref)
{
    const struct cap_slot *slot = &space->slots[ref.value];

    if (slot->cap.kind >= CAP_KIND_COUNT || slot->depth > CAP_MAX_DEPTH) {
        return false;
    }
    if (cap_ref_is_none(slot->parent)) {
        return cap_ref_is_none(slot->next_sibling) && children_agree(space, ref);
    }
    /* Depth strictly grows along each parent link, so there is no cycle. */
    return in_space(slot->parent) &&
           times_listed(space, &space->slots[slot->parent.value], ref) == 1 &&
           children_agree(space, ref);
}

/* The free list of `table` holds slots of that table that are empty and not retired, each once. */
static bool free_list_holds(const struct cap_space *space, unsigned table)
{
    uint64_t listed = 0;
    uint64_t expected = 0;

    for (cap_ref_t at = space->first_free[table]; !cap_ref_is_none(at);
         at = space->slots[at.value].next_sibling) {
        uint64_t bit = 1ULL << (at.value % CAP_TABLE_SLOTS);

        if (at.value / CAP_TABLE_SLOTS != table || (listed & bit) != 0) {
            return false;
        }
        listed |= bit;
    }
    for (unsigned i = 0; i < CAP_TABLE_SLOTS; i++) {
        const struct cap_slot *slot = &space->slots[cap_ref_make(table, i).value];

        if (!cap_slot_used(slot) && slot->generation != RETIRED) {
            expected |= 1ULL << i;
        }
    }
    return listed == expected;
}

static bool empty_slot_holds(const struct cap_slot *slot)
{
    return cap_ref_is_none(slot->parent) && cap_ref_is_none(slot->first_child) &&
           slot->cap.rights == 0 && slot->depth == 0;
}

bool cap_check_invariants(const struct cap_space *space)
{
    for (unsigned i = 0; i < CAP_SLOTS; i++) {
        const struct cap_slot *slot = &space->slots[i];
        bool holds = cap_slot_used(slot) ? used_slot_holds(space, (cap_ref_t){(uint16_t)i})
                                         : empty_slot_holds(slot);

        if (!holds || (cap_slot_used(slot) && slot->generation == RETIRED)) {
            return false;
        }
    }
    for (unsigned table = 0; table < CAP_TABLES; table++) {
        if (!free_list_holds(space, table)) {
            return false;
        }
    }
    return true;
}
