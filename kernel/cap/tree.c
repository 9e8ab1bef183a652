#include "tree.h"

/* The link that names `ref`, which has a parent: first_child or some next_sibling. */
static cap_ref_t *link_to(struct cap_space *space, cap_ref_t ref)
{
    cap_ref_t *link = &cap_slot_at(space, cap_slot_at(space, ref)->parent)->first_child;

    while (!cap_ref_equal(*link, ref)) {
        link = &cap_slot_at(space, *link)->next_sibling;
    }
    return link;
}

void cap_tree_link(struct cap_space *space, cap_ref_t ref, cap_ref_t parent)
{
    struct cap_slot *slot = cap_slot_at(space, ref);

    slot->parent = parent;
    slot->next_sibling = CAP_REF_NONE;
    if (!cap_ref_is_none(parent)) {
        slot->next_sibling = cap_slot_at(space, parent)->first_child;
        cap_slot_at(space, parent)->first_child = ref;
    }
}

void cap_tree_unlink(struct cap_space *space, cap_ref_t ref)
{
    struct cap_slot *slot = cap_slot_at(space, ref);

    if (!cap_ref_is_none(slot->parent)) {
        *link_to(space, ref) = slot->next_sibling;
    }
    slot->parent = CAP_REF_NONE;
    slot->next_sibling = CAP_REF_NONE;
}

void cap_tree_lift_children(struct cap_space *space, cap_ref_t ref)
{
    struct cap_slot *slot = cap_slot_at(space, ref);
    cap_ref_t child = slot->first_child;

    slot->first_child = CAP_REF_NONE;
    while (!cap_ref_is_none(child)) {
        cap_ref_t next = cap_slot_at(space, child)->next_sibling;

        cap_tree_link(space, child, slot->parent);
        child = next;
    }
}

void cap_tree_move(struct cap_space *space, cap_ref_t from, cap_ref_t to)
{
    struct cap_slot *source = cap_slot_at(space, from);
    struct cap_slot *target = cap_slot_at(space, to);

    if (!cap_ref_is_none(source->parent)) {
        *link_to(space, from) = to;
    }
    for (cap_ref_t child = source->first_child; !cap_ref_is_none(child);
         child = cap_slot_at(space, child)->next_sibling) {
        cap_slot_at(space, child)->parent = to;
    }
    target->cap = source->cap;
    target->depth = source->depth;
    target->parent = source->parent;
    target->first_child = source->first_child;
    target->next_sibling = source->next_sibling;
    source->parent = CAP_REF_NONE;
    source->first_child = CAP_REF_NONE;
    source->next_sibling = CAP_REF_NONE;
}

cap_ref_t cap_tree_first_leaf(struct cap_space *space, cap_ref_t ref)
{
    while (!cap_ref_is_none(cap_slot_at(space, ref)->first_child)) {
        ref = cap_slot_at(space, ref)->first_child;
    }
    return ref;
}
