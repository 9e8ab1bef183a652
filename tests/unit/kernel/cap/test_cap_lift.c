/*
 * What goes without its holder's wish, by cap_table_clear() or cap_discard_parked(), leaves its
 * children to its parent: an ancestor's revoke still reaches them.
 */
#include "cap_fixture.h"

static void discard_frees_what_is_parked_and_nothing_else(void **state)
{
    cap_handle_t root = root_in(0, CAP_RIGHTS_ALL);
    cap_handle_t sibling = child_of(0, root, 1);

    (void)state;
    park_child_of(0, root, 3);
    park_child_of(0, root, 4);
    cap_discard_parked(&space, 3);
    assert_false(cap_is_parked(&space, 3));
    assert_true(cap_is_parked(&space, 4));
    assert_true(names(0, root) && names(1, sibling));
    assert_int_equal(used_slots(), 3);
    assert_true(cap_handle_is_null(unpark(3, 1)));
}

static void discard_of_nothing_changes_nothing(void **state)
{
    (void)state;
    park(0, root_in(0, CAP_RIGHTS_ALL), 3);
    space_snapshot();
    cap_discard_parked(&space, 2);
    cap_discard_parked(&space, 4);
    assert_space_untouched();
}

static void discard_lifts_children_to_the_grandparent(void **state)
{
    cap_handle_t root = root_in(0, CAP_RIGHTS_ALL);
    cap_handle_t middle = child_of(0, root, 1);
    cap_handle_t sibling = child_of(0, root, 4);
    cap_handle_t leaf = child_of(1, middle, 2);
    cap_handle_t other = child_of(1, middle, 3);

    (void)state;
    park(1, middle, 0);
    cap_discard_parked(&space, 0);
    assert_true(cap_check_invariants(&space));
    assert_true(names(2, leaf) && names(3, other) && names(4, sibling));
    assert_ptr_equal(&space.slots[slot_of(2, leaf)->parent.value], slot_of(0, root));
    assert_int_equal(slot_of(2, leaf)->depth, 2);
    revoke(0, root);
    assert_false(names(2, leaf) || names(3, other) || names(4, sibling));
}

static void discard_of_a_root_makes_its_children_roots(void **state)
{
    cap_handle_t root = root_in(0, CAP_RIGHTS_ALL);
    cap_handle_t child = child_of(0, root, 1);
    cap_handle_t below = child_of(1, child, 2);

    (void)state;
    park(0, root, 0);
    cap_discard_parked(&space, 0);
    assert_int_equal(slot_of(1, child)->parent.value, UINT16_MAX);
    revoke(1, child);
    assert_false(names(2, below));
    drop(1, child);
    assert_int_equal(used_slots(), 0);
}

static void clear_frees_all_of_the_table_and_nothing_else(void **state)
{
    cap_handle_t other = root_in(4, CAP_RIGHTS_ALL);
    cap_handle_t old[CAP_TABLE_SLOTS];

    (void)state;
    for (unsigned i = 0; i < CAP_TABLE_SLOTS; i++) {
        old[i] = root_in(5, CAP_RIGHTS_ALL);
    }
    (void)root_in(6, CAP_RIGHTS_ALL);
    cap_table_clear(&space, 5);
    assert_int_equal(used_slots(), 2);
    assert_true(names(4, other));
    for (unsigned i = 0; i < CAP_TABLE_SLOTS; i++) {
        assert_false(names(5, old[i]));
    }
    assert_int_equal(fill_table(5), CAP_TABLE_SLOTS);
}

static void clear_of_an_empty_table_changes_nothing(void **state)
{
    cap_handle_t root = root_in(0, CAP_RIGHTS_ALL);

    (void)state;
    (void)child_of(0, root, 2);
    space_snapshot();
    cap_table_clear(&space, 1);
    assert_space_untouched();
}

static void clear_lifts_children_so_that_revoke_still_reaches_them(void **state)
{
    cap_handle_t root = root_in(0, CAP_RIGHTS_ALL);
    cap_handle_t middle = child_of(0, root, 1);
    cap_handle_t leaf = child_of(1, middle, 2);
    cap_handle_t below = child_of(2, leaf, 3);

    (void)state;
    park_child_of(1, middle, 6);
    cap_table_clear(&space, 1);
    assert_true(cap_check_invariants(&space));
    assert_false(names(1, middle));
    assert_true(names(2, leaf) && names(3, below) && cap_is_parked(&space, 6));
    assert_ptr_equal(&space.slots[slot_of(2, leaf)->parent.value], slot_of(0, root));
    assert_ptr_equal(&space.slots[parked_slot(6)->parent.value], slot_of(0, root));
    assert_int_equal(slot_of(2, leaf)->depth, 2); /* the limit counts derivations, not links */
    revoke(0, root);
    assert_false(names(2, leaf) || names(3, below) || cap_is_parked(&space, 6));
    assert_int_equal(used_slots(), 1);
}

/* A chain of three in the cleared table, in slots of any order, with one child each outside. */
static void clear_lifts_over_several_generations(void **state)
{
    static const unsigned orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                          {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};

    (void)state;
    for (size_t i = 0; i < 6; i++) {
        cap_handle_t slot[3];
        cap_handle_t at = root_in(0, CAP_RIGHTS_ALL);
        cap_handle_t root = at;
        cap_handle_t outside[3];
        unsigned table = 0;

        for (unsigned step = 0; step < 3; step++) {
            /* Only the wanted slot of table 1 is free. */
            (void)fill_table(1);
            for (unsigned j = 0; j < 3; j++) {
                slot[j] = cap_handle_make(space.slots[CAP_TABLE_SLOTS + orders[i][j]].generation,
                                          (uint16_t)orders[i][j]);
            }
            drop(1, slot[step]);
            at = child_of(table, at, 1);
            table = 1;
            assert_int_equal(cap_handle_index(at), orders[i][step]);
            outside[step] = child_of(1, at, 2);
        }
        cap_table_clear(&space, 1);
        assert_true(cap_check_invariants(&space));
        for (unsigned step = 0; step < 3; step++) {
            assert_ptr_equal(&space.slots[slot_of(2, outside[step])->parent.value],
                             slot_of(0, root));
        }
        revoke(0, root);
        assert_int_equal(used_slots(), 1);
        drop(0, root);
    }
}

static void clear_makes_children_of_roots_roots(void **state)
{
    cap_handle_t root = root_in(1, CAP_RIGHTS_ALL);
    cap_handle_t left = child_of(1, root, 2);
    cap_handle_t right = child_of(1, root, 3);

    (void)state;
    cap_table_clear(&space, 1);
    assert_int_equal(slot_of(2, left)->parent.value, UINT16_MAX);
    revoke(2, left);
    assert_true(names(3, right));
    drop(2, left);
    drop(3, right);
    assert_int_equal(used_slots(), 0);
}

static void clear_leaves_what_the_task_had_parked(void **state)
{
    cap_handle_t root = root_in(1, CAP_RIGHTS_ALL);

    (void)state;
    park(1, root, 9);
    (void)root_in(1, CAP_RIGHTS_ALL);
    cap_table_clear(&space, 1);
    assert_true(cap_is_parked(&space, 9));
    assert_int_equal(used_slots(), 1);
    assert_true(names(2, unpark(9, 2)));
}

static void lifted_child_keeps_its_depth_and_its_limit(void **state)
{
    cap_handle_t at = root_in(0, CAP_RIGHTS_ALL);
    unsigned table = 0;
    cap_handle_t out = UNTOUCHED;

    (void)state;
    for (unsigned depth = 0; depth < CAP_MAX_DEPTH; depth++) {
        at = child_of(table, at, depth + 1 < CAP_MAX_DEPTH ? 1 : 2);
        table = 1;
    }
    cap_table_clear(&space, 1);
    assert_int_equal(used_slots(), 2);
    assert_int_equal(slot_of(2, at)->depth, CAP_MAX_DEPTH);
    assert_refused(cap_derive(&space, 2, at, 0, 3, &out), STATUS_DERIVATION_TOO_DEEP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        space_test(discard_frees_what_is_parked_and_nothing_else),
        space_test(discard_of_nothing_changes_nothing),
        space_test(discard_lifts_children_to_the_grandparent),
        space_test(discard_of_a_root_makes_its_children_roots),
        space_test(clear_frees_all_of_the_table_and_nothing_else),
        space_test(clear_of_an_empty_table_changes_nothing),
        space_test(clear_lifts_children_so_that_revoke_still_reaches_them),
        space_test(clear_lifts_over_several_generations),
        space_test(clear_makes_children_of_roots_roots),
        space_test(clear_leaves_what_the_task_had_parked),
        space_test(lifted_child_keeps_its_depth_and_its_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
