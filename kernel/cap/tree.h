/*
 * The derivation tree's links: private to kernel/cap. A slot's children are a list from first_child
 * along next_sibling; roots are in no list. All loops are bounded by the number of slots.
 */
#ifndef KERNEL_CAP_TREE_H
#define KERNEL_CAP_TREE_H

#include <stdbool.h>
#include <tyrne/capability.h>

static inline bool cap_ref_is_none(cap_ref_t ref)
{
    return ref.value == UINT16_MAX;
}

static inline bool cap_ref_equal(cap_ref_t a, cap_ref_t b)
{
    return a.value == b.value;
}

static inline cap_ref_t cap_ref_make(unsigned table, unsigned slot)
{
    return (cap_ref_t){(uint16_t)(table * CAP_TABLE_SLOTS + slot)};
}

/* The slot that `ref`, which is not none, names. */
static inline struct cap_slot *cap_slot_at(struct cap_space *space, cap_ref_t ref)
{
    return &space->slots[ref.value];
}

static inline bool cap_slot_used(const struct cap_slot *slot)
{
    return slot->cap.kind != CAP_KIND_NONE;
}

/* Make `ref`, which is in no list, the first child of `parent`, or a root if that is none. */
void cap_tree_link(struct cap_space *space, cap_ref_t ref, cap_ref_t parent);

/* Take `ref` out of its parent's list; it is a root then. Its children stay its own. */
void cap_tree_unlink(struct cap_space *space, cap_ref_t ref);

/* Give the children of `ref` to its parent; without one they become roots. */
void cap_tree_lift_children(struct cap_space *space, cap_ref_t ref);

/* Put the capability of `from` with its place in the tree into the empty slot `to`. */
void cap_tree_move(struct cap_space *space, cap_ref_t from, cap_ref_t to);

/* The last of the chain of first children below `ref`: a leaf, or `ref` itself. */
cap_ref_t cap_tree_first_leaf(struct cap_space *space, cap_ref_t ref);

#endif
