/*
 * cap_check_invariants() is seen to fail: one space with a bit of everything, and one corruption by
 * hand in each row. Without the corruption the same space holds.
 */
#include "cap_fixture.h"

#include <stdio.h>

/* What stands where in the space that corruptions_are_found() makes. */
enum place {
    ROOT = 0,                              /* children LEFT, RIGHT and PARKED */
    OTHER = 1,                             /* a root of another kind, with the child OTHERS */
    LEFT = CAP_TABLE_SLOTS,                /* child LEFTS */
    LEFTS = CAP_TABLE_SLOTS + 1,           /* a leaf at depth 2 */
    RIGHT = 2 * CAP_TABLE_SLOTS,           /* a leaf */
    OTHERS = 2 * CAP_TABLE_SLOTS + 1,      /* a leaf */
    LOW = 2 * CAP_TABLE_SLOTS + 2,         /* a leaf, seen before its parent HIGH */
    RETIRED_SLOT = 3 * CAP_TABLE_SLOTS,    /* the first of table 3 */
    FREE = 4 * CAP_TABLE_SLOTS + 10,       /* in the middle of a whole free list */
    FREE_LAST = 4 * CAP_TABLE_SLOTS + 63,  /* the end of that list */
    HIGH = 5 * CAP_TABLE_SLOTS,            /* a root */
    PARKED = CAP_TABLES * CAP_TABLE_SLOTS, /* a leaf, at endpoint 0 */
    PARKING,                               /* endpoint 1, empty */
};

static struct cap_slot *at(enum place place)
{
    return &space.slots[place];
}

static cap_ref_t ref(unsigned place)
{
    return (cap_ref_t){(uint16_t)place};
}

static void build_space(void)
{
    struct capability task = {.kind = CAP_KIND_TASK, .rights = CAP_RIGHTS_ALL & ~CAP_RIGHT_SEND};
    cap_handle_t root = root_in(0, CAP_RIGHTS_ALL & ~CAP_RIGHT_RECV);
    cap_handle_t left = child_of(0, root, 1);
    cap_handle_t other;
    cap_handle_t high;

    (void)child_of(1, left, 1);
    (void)child_of(0, root, 2);
    assert_int_equal(cap_insert_root(&space, 0, task, &other), STATUS_OK);
    (void)child_of(0, other, 2);
    high = root_in(5, CAP_RIGHTS_ALL);
    (void)child_of(5, high, 2);
    at(RETIRED_SLOT)->generation = UINT32_MAX - 1;
    (void)root_in(3, 0);
    drop(3, cap_handle_make(UINT32_MAX - 1, 0));
    park_child_of(0, root, 0);

    assert_int_equal(used_slots(), 9);
    assert_int_equal(at(ROOT)->first_child.value, PARKED);
    assert_int_equal(at(PARKED)->next_sibling.value, RIGHT);
    assert_int_equal(at(RIGHT)->next_sibling.value, LEFT);
    assert_int_equal(at(LEFT)->next_sibling.value, UINT16_MAX);
    assert_int_equal(at(LEFT)->first_child.value, LEFTS);
    assert_int_equal(at(OTHER)->first_child.value, OTHERS);
    assert_int_equal(at(HIGH)->first_child.value, LOW);
    assert_int_equal(at(FREE)->next_sibling.value, FREE + 1);
}

#define CORRUPTION(name, ...)                                                                      \
    static void name(void)                                                                         \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }

CORRUPTION(kind_is_unknown, at(LEFTS)->cap.kind = CAP_KIND_COUNT;)
CORRUPTION(kind_of_a_root_is_unknown, at(RIGHT)->cap.kind = CAP_KIND_COUNT;
           at(RIGHT)->parent = CAP_REF_NONE; at(PARKED)->next_sibling = ref(LEFT);
           at(RIGHT)->next_sibling = CAP_REF_NONE;)
CORRUPTION(kind_differs_from_the_parents, at(LEFT)->cap.kind = CAP_KIND_TASK;)
CORRUPTION(used_slot_says_empty, at(RIGHT)->cap.kind = CAP_KIND_NONE;)
CORRUPTION(right_is_widened, at(LEFT)->cap.rights |= CAP_RIGHT_RECV;)
CORRUPTION(right_of_a_parked_one_is_widened, at(PARKED)->cap.rights |= CAP_RIGHT_RECV;)
CORRUPTION(right_of_a_parent_is_lost, at(LEFT)->cap.rights = 0;)
CORRUPTION(depth_is_the_parents, at(LEFT)->depth = 0;)
CORRUPTION(depth_is_shallower, at(LEFT)->depth = 3;)
CORRUPTION(depth_is_too_deep, at(LEFTS)->depth = CAP_MAX_DEPTH + 1;)
CORRUPTION(used_slot_is_retired, at(RIGHT)->generation = UINT32_MAX;)

CORRUPTION(child_names_another_parent, at(RIGHT)->parent = ref(LEFT);)
CORRUPTION(child_names_no_parent, at(RIGHT)->parent = CAP_REF_NONE;)
CORRUPTION(last_child_names_no_parent, at(LEFT)->parent = CAP_REF_NONE;)
CORRUPTION(child_names_itself, at(RIGHT)->parent = ref(RIGHT);)
CORRUPTION(child_names_an_empty_slot, at(RIGHT)->parent = ref(FREE);)
CORRUPTION(parent_is_out_of_the_space, at(LEFT)->parent = ref(CAP_SLOTS);)
CORRUPTION(root_names_a_parent, at(OTHER)->parent = ref(ROOT);)
CORRUPTION(root_has_a_sibling, at(ROOT)->next_sibling = ref(OTHER);)
CORRUPTION(first_child_is_missing, at(ROOT)->first_child = ref(RIGHT);)
CORRUPTION(middle_child_is_missing, at(PARKED)->next_sibling = ref(LEFT);)
CORRUPTION(all_children_are_missing, at(ROOT)->first_child = CAP_REF_NONE;)
CORRUPTION(child_is_listed_by_two, at(LEFTS)->first_child = ref(OTHERS);)
CORRUPTION(list_takes_in_anothers_child, at(LEFT)->next_sibling = ref(LEFTS);)
CORRUPTION(list_ends_in_a_loop, at(LEFT)->next_sibling = ref(PARKED);)
CORRUPTION(list_ends_in_one_child_for_ever, at(LEFT)->next_sibling = ref(LEFT);)
CORRUPTION(list_runs_out_of_the_space, at(LEFT)->next_sibling = ref(CAP_SLOTS);)
CORRUPTION(first_child_is_out_of_the_space, at(LEFTS)->first_child = ref(CAP_SLOTS);)
CORRUPTION(first_child_is_empty, at(LEFTS)->first_child = ref(FREE);)
CORRUPTION(leaf_is_its_own_child, at(RIGHT)->first_child = ref(RIGHT);)
CORRUPTION(low_childs_parent_is_out_of_the_space, at(LOW)->parent = ref(CAP_SLOTS);)
CORRUPTION(low_childs_list_loops, at(LOW)->next_sibling = ref(LOW);)
CORRUPTION(low_childs_list_loops_without_it, at(HIGH)->first_child = ref(OTHERS);
           at(OTHERS)->next_sibling = ref(OTHERS);)
CORRUPTION(low_childs_list_runs_out_of_the_space, at(LOW)->next_sibling = ref(CAP_SLOTS);)
CORRUPTION(low_childs_parent_is_far_out, at(LOW)->parent = ref(UINT16_MAX - 1);)
CORRUPTION(low_childs_list_runs_far_out, at(LOW)->next_sibling = ref(UINT16_MAX - 1);)
CORRUPTION(list_runs_far_out, at(LEFT)->next_sibling = ref(UINT16_MAX - 1);)
CORRUPTION(two_form_a_cycle, at(ROOT)->parent = ref(LEFTS); at(LEFTS)->first_child = ref(ROOT);)
CORRUPTION(tree_is_cut_into_a_cycle, at(ROOT)->first_child = ref(PARKED);
           at(RIGHT)->next_sibling = CAP_REF_NONE; at(LEFT)->parent = ref(LEFTS);
           at(LEFTS)->first_child = ref(LEFT);)

CORRUPTION(free_list_loops, at(FREE)->next_sibling = ref(FREE - 1);)
CORRUPTION(free_list_loops_at_its_end, at(FREE_LAST)->next_sibling = ref(FREE_LAST);)
CORRUPTION(free_list_loses_a_slot, at(FREE)->next_sibling = ref(FREE + 2);)
CORRUPTION(free_list_is_cut, at(FREE)->next_sibling = CAP_REF_NONE;)
CORRUPTION(free_list_is_lost, space.first_free[4] = CAP_REF_NONE;)
CORRUPTION(free_list_of_the_first_table_is_lost, space.first_free[0] = CAP_REF_NONE;)
CORRUPTION(free_list_of_the_last_table_is_lost, space.first_free[CAP_TABLES - 1] = CAP_REF_NONE;)
CORRUPTION(free_list_runs_into_another_table, at(FREE_LAST)->next_sibling = ref(FREE_LAST + 1);)
CORRUPTION(free_list_starts_in_another_table, space.first_free[4] = space.first_free[5];)
CORRUPTION(free_list_is_another_whole_tables, space.first_free[6] = space.first_free[7];)
CORRUPTION(free_list_starts_in_the_parking_slots, space.first_free[4] = ref(PARKING);)
CORRUPTION(free_list_runs_out_of_the_space, at(FREE_LAST)->next_sibling = ref(UINT16_MAX - 1);)
CORRUPTION(free_list_takes_in_a_used_slot, at(RIGHT)->next_sibling = space.first_free[2];
           space.first_free[2] = ref(RIGHT);)
CORRUPTION(free_list_ends_in_a_used_slot, at(2 * CAP_TABLE_SLOTS - 1)->next_sibling = ref(LEFTS);)
CORRUPTION(free_list_takes_in_a_retired_slot, at(RETIRED_SLOT)->next_sibling = space.first_free[3];
           space.first_free[3] = ref(RETIRED_SLOT);)
CORRUPTION(free_slot_is_retired_on_its_list, at(FREE)->generation = UINT32_MAX;)
CORRUPTION(retired_slot_is_lost, at(RETIRED_SLOT)->generation = UINT32_MAX - 1;)

CORRUPTION(free_slot_has_rights, at(FREE)->cap.rights = CAP_RIGHT_SEND;)
CORRUPTION(free_slot_has_a_depth, at(FREE)->depth = 1;)
CORRUPTION(free_slot_has_a_parent, at(FREE)->parent = ref(ROOT);)
CORRUPTION(free_slot_has_a_child, at(FREE)->first_child = ref(RIGHT);)
CORRUPTION(free_slot_is_used_unseen, at(FREE)->cap.kind = CAP_KIND_TASK;)
CORRUPTION(retired_slot_has_rights, at(RETIRED_SLOT)->cap.rights = CAP_RIGHT_SEND;)
CORRUPTION(parking_slot_has_rights, at(PARKING)->cap.rights = CAP_RIGHT_SEND;)
CORRUPTION(parking_slot_has_a_parent, at(PARKING)->parent = ref(ROOT);)
CORRUPTION(parking_slot_has_a_child, at(PARKING)->first_child = ref(PARKED);)
CORRUPTION(parking_slot_has_a_depth, at(PARKING)->depth = 1;)

#define ROW(name)                                                                                  \
    {                                                                                              \
#name, name                                                                                \
    }

static const struct {
    const char *name;
    void (*corrupt)(void);
} corruptions[] = {
    ROW(kind_is_unknown),
    ROW(kind_of_a_root_is_unknown),
    ROW(kind_differs_from_the_parents),
    ROW(used_slot_says_empty),
    ROW(right_is_widened),
    ROW(right_of_a_parked_one_is_widened),
    ROW(right_of_a_parent_is_lost),
    ROW(depth_is_the_parents),
    ROW(depth_is_shallower),
    ROW(depth_is_too_deep),
    ROW(used_slot_is_retired),
    ROW(child_names_another_parent),
    ROW(child_names_no_parent),
    ROW(last_child_names_no_parent),
    ROW(child_names_itself),
    ROW(child_names_an_empty_slot),
    ROW(parent_is_out_of_the_space),
    ROW(root_names_a_parent),
    ROW(root_has_a_sibling),
    ROW(first_child_is_missing),
    ROW(middle_child_is_missing),
    ROW(all_children_are_missing),
    ROW(child_is_listed_by_two),
    ROW(list_takes_in_anothers_child),
    ROW(list_ends_in_a_loop),
    ROW(list_ends_in_one_child_for_ever),
    ROW(list_runs_out_of_the_space),
    ROW(first_child_is_out_of_the_space),
    ROW(first_child_is_empty),
    ROW(leaf_is_its_own_child),
    ROW(low_childs_parent_is_out_of_the_space),
    ROW(low_childs_list_loops),
    ROW(low_childs_list_loops_without_it),
    ROW(low_childs_list_runs_out_of_the_space),
    ROW(low_childs_parent_is_far_out),
    ROW(low_childs_list_runs_far_out),
    ROW(list_runs_far_out),
    ROW(two_form_a_cycle),
    ROW(tree_is_cut_into_a_cycle),
    ROW(free_list_loops),
    ROW(free_list_loops_at_its_end),
    ROW(free_list_loses_a_slot),
    ROW(free_list_is_cut),
    ROW(free_list_is_lost),
    ROW(free_list_of_the_first_table_is_lost),
    ROW(free_list_of_the_last_table_is_lost),
    ROW(free_list_runs_into_another_table),
    ROW(free_list_starts_in_another_table),
    ROW(free_list_is_another_whole_tables),
    ROW(free_list_starts_in_the_parking_slots),
    ROW(free_list_runs_out_of_the_space),
    ROW(free_list_takes_in_a_used_slot),
    ROW(free_list_ends_in_a_used_slot),
    ROW(free_list_takes_in_a_retired_slot),
    ROW(free_slot_is_retired_on_its_list),
    ROW(retired_slot_is_lost),
    ROW(free_slot_has_rights),
    ROW(free_slot_has_a_depth),
    ROW(free_slot_has_a_parent),
    ROW(free_slot_has_a_child),
    ROW(free_slot_is_used_unseen),
    ROW(retired_slot_has_rights),
    ROW(parking_slot_has_rights),
    ROW(parking_slot_has_a_parent),
    ROW(parking_slot_has_a_child),
    ROW(parking_slot_has_a_depth),
};

static void corruptions_are_found(void **state)
{
    static struct cap_space intact;
    unsigned missed = 0;

    (void)state;
    build_space();
    memcpy(&intact, &space, sizeof(space));
    for (size_t i = 0; i < sizeof(corruptions) / sizeof(corruptions[0]); i++) {
        assert_true(cap_check_invariants(&space));
        corruptions[i].corrupt();
        if (cap_check_invariants(&space)) {
            print_error("not found: %s\n", corruptions[i].name);
            missed++;
        }
        memcpy(&space, &intact, sizeof(space));
    }
    assert_int_equal(missed, 0);
}

static void check_changes_nothing(void **state)
{
    (void)state;
    build_space();
    space_snapshot();
    assert_true(cap_check_invariants(&space));
    assert_space_untouched();
}

static void lifted_children_and_full_tables_hold(void **state)
{
    cap_handle_t root = root_in(0, CAP_RIGHTS_ALL);
    cap_handle_t middle = child_of(0, root, 1);

    (void)state;
    (void)child_of(1, middle, 2);
    cap_table_clear(&space, 1); /* depth 2 below depth 0 */
    for (unsigned table = 0; table < CAP_TABLES; table++) {
        (void)fill_table(table);
    }
    assert_true(cap_check_invariants(&space));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        space_test(corruptions_are_found),
        space_test(check_changes_nothing),
        space_test(lifted_children_and_full_tables_hold),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
