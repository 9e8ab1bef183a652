#include "model_compare.h"

#include <string.h>

#define NO_REF UINT16_MAX

static uint16_t ref_of(struct model_place place)
{
    return (uint16_t)(place.table * CAP_TABLE_SLOTS + place.slot);
}

static const struct cap_slot *slot_at(const struct cap_space *space, struct model_place place)
{
    return &space->slots[ref_of(place)];
}

static const char *compare_empty(const struct cap_slot *slot)
{
    if (slot->cap.kind != CAP_KIND_NONE) {
        return "a slot holds what should be gone";
    }
    if (slot->cap.rights != 0 || slot->cap.object.index != 0 || slot->cap.object.generation != 0 ||
        slot->depth != 0) {
        return "an empty slot holds something of its former content";
    }
    if (slot->parent.value != NO_REF || slot->first_child.value != NO_REF) {
        return "an empty slot is linked";
    }
    return NULL;
}

static const char *compare_place(const struct model *model, const struct cap_space *space,
                                 struct model_place place)
{
    const struct cap_slot *slot = slot_at(space, place);
    int index = model->at[place.table][place.slot];
    const struct model_cap *entry;
    uint16_t parent = NO_REF;

    if (place.table < CAP_TABLES &&
        slot->generation != model->generation[place.table][place.slot]) {
        return "a slot's generation";
    }
    if (index == MODEL_NONE) {
        return compare_empty(slot);
    }
    entry = &model->list[index];
    if (slot->cap.kind != entry->cap.kind || slot->cap.rights != entry->cap.rights ||
        slot->cap.object.index != entry->cap.object.index ||
        slot->cap.object.generation != entry->cap.object.generation) {
        return "a slot's capability";
    }
    if (slot->depth != entry->depth) {
        return "a slot's depth";
    }
    if (entry->parent != MODEL_NONE) {
        parent = ref_of(model->list[entry->parent].place);
    }
    return slot->parent.value == parent ? NULL : "a slot's parent";
}

const char *model_compare_touched(const struct model *model, const struct cap_space *space)
{
    const char *wrong = NULL;

    for (unsigned i = 0; i < model->touched_count && wrong == NULL; i++) {
        wrong = compare_place(model, space, model->touched[i]);
    }
    return wrong;
}

/* The children of each live capability: all in its list, each once, and nothing else. */
static const char *compare_children(const struct model *model, const struct cap_space *space)
{
    unsigned children[CAP_SLOTS] = {0};

    for (unsigned i = 0; i < CAP_SLOTS; i++) {
        if (model->list[i].live && model->list[i].parent != MODEL_NONE) {
            children[model->list[i].parent]++;
        }
    }
    for (int i = 0; i < (int)CAP_SLOTS; i++) {
        const struct cap_slot *slot = slot_at(space, model->list[i].place);
        unsigned listed = 0;

        if (!model->list[i].live) {
            continue;
        }
        for (uint16_t at = slot->first_child.value; at != NO_REF;
             at = space->slots[at].next_sibling.value) {
            int child =
                at < CAP_SLOTS ? model->at[at / CAP_TABLE_SLOTS][at % CAP_TABLE_SLOTS] : MODEL_NONE;

            if (child == MODEL_NONE || model->list[child].parent != i) {
                return "a list of children holds what is no child";
            }
            if (++listed > children[i]) {
                return "a list of children does not end";
            }
            if ((space->slots[at].cap.rights & ~slot->cap.rights) != 0) {
                return "a child has a right that its parent lacks";
            }
        }
        if (listed != children[i]) {
            return "a child is missing in its parent's list";
        }
        if (model->list[i].parent == MODEL_NONE && slot->next_sibling.value != NO_REF) {
            return "a root has a sibling";
        }
    }
    return NULL;
}

static const char *compare_free_list(const struct model *model, const struct cap_space *space,
                                     unsigned table)
{
    unsigned expected = 0;
    unsigned listed = 0;

    for (unsigned slot = 0; slot < CAP_TABLE_SLOTS; slot++) {
        expected +=
            model->at[table][slot] == MODEL_NONE && model->generation[table][slot] != UINT32_MAX;
    }
    for (uint16_t at = space->first_free[table].value; at != NO_REF;
         at = space->slots[at].next_sibling.value) {
        unsigned slot = at % CAP_TABLE_SLOTS;

        if (at / CAP_TABLE_SLOTS != table || model->at[table][slot] != MODEL_NONE ||
            model->generation[table][slot] == UINT32_MAX) {
            return "a free list holds what is not free";
        }
        if (++listed > expected) {
            return "a free list does not end";
        }
    }
    return listed == expected ? NULL : "a free list has lost a slot";
}

const char *model_compare_all(const struct model *model, const struct cap_space *space)
{
    const char *wrong = NULL;

    for (unsigned i = 0; i < CAP_SLOTS && wrong == NULL; i++) {
        wrong = compare_place(model, space,
                              (struct model_place){i / CAP_TABLE_SLOTS, i % CAP_TABLE_SLOTS});
    }
    if (wrong == NULL) {
        wrong = compare_children(model, space);
    }
    for (unsigned table = 0; table < CAP_TABLES && wrong == NULL; table++) {
        wrong = compare_free_list(model, space, table);
    }
    if (wrong == NULL && !cap_check_invariants(space)) {
        wrong = "cap_check_invariants() says no";
    }
    return wrong;
}
