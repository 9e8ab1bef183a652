/* Revoke: all descendants, wherever they went, and nothing else. */
#include "cap_fixture.h"

static void reaches_descendants_in_every_table_and_the_parked_ones(void **state)
{
    cap_handle_t root = root_in(0, CAP_RIGHTS_ALL);
    cap_handle_t child[CAP_TABLES];
    cap_handle_t grandchild[CAP_TABLES];

    (void)state;
    for (unsigned table = 0; table < CAP_TABLES; table++) {
        child[table] = child_of(0, root, table);
        grandchild[table] = child_of(table, child[table], (table + 7) % CAP_TABLES);
    }
    for (unsigned endpoint = 0; endpoint < MAX_ENDPOINTS; endpoint++) {
        park_child_of(endpoint % CAP_TABLES, child[endpoint % CAP_TABLES], endpoint);
    }
    assert_int_equal(used_slots(), 1 + 2 * CAP_TABLES + MAX_ENDPOINTS);
    revoke(0, root);
    assert_true(names(0, root));
    assert_int_equal(used_slots(), 1);
    for (unsigned table = 0; table < CAP_TABLES; table++) {
        assert_false(names(table, child[table]));
        assert_false(names((table + 7) % CAP_TABLES, grandchild[table]));
    }
    for (unsigned endpoint = 0; endpoint < MAX_ENDPOINTS; endpoint++) {
        assert_false(cap_is_parked(&space, endpoint));
    }
    assert_int_equal(rights_of(0, root), CAP_RIGHTS_ALL);
    assert_int_equal(slot_of(0, root)->first_child.value, UINT16_MAX);
}

static void leaves_parent_siblings_and_strangers(void **state)
{
    cap_handle_t stranger = root_in(0, CAP_RIGHTS_ALL);
    cap_handle_t strangers_child = child_of(0, stranger, 1);
    cap_handle_t root = root_in(0, CAP_RIGHTS_ALL);
    cap_handle_t left = child_of(0, root, 1);
    cap_handle_t middle = child_of(0, root, 2);
    cap_handle_t right = child_of(0, root, 3);
    cap_handle_t lefts = child_of(1, left, 4);
    cap_handle_t middles = child_of(2, middle, 4);
    cap_handle_t rights = child_of(3, right, 4);

    (void)state;
    revoke(2, middle);
    assert_false(names(4, middles));
    assert_true(names(0, root) && names(1, left) && names(2, middle) && names(3, right));
    assert_true(names(4, lefts) && names(4, rights));
    assert_true(names(0, stranger) && names(1, strangers_child));
    assert_int_equal(used_slots(), 8);
}

static void of_a_leaf_changes_nothing(void **state)
{
    cap_handle_t root = root_in(0, CAP_RIGHTS_ALL);
    cap_handle_t leaf = child_of(0, root, 1);

    (void)state;
    space_snapshot();
    assert_int_equal(cap_revoke(&space, 1, leaf), STATUS_OK);
    assert_space_untouched();
}

static void takes_down_the_deepest_chain(void **state)
{
    cap_handle_t root = root_in(0, CAP_RIGHTS_ALL);
    cap_handle_t at = root;

    (void)state;
    for (unsigned depth = 0; depth < CAP_MAX_DEPTH; depth++) {
        at = child_of(depth % CAP_TABLES, at, (depth + 1) % CAP_TABLES);
    }
    assert_int_equal(used_slots(), CAP_MAX_DEPTH + 1);
    revoke(0, root);
    assert_int_equal(used_slots(), 1);
}

static void takes_down_every_other_slot_of_the_space(void **state)
{
    cap_handle_t root = root_in(0, CAP_RIGHTS_ALL);
    cap_handle_t parent = root;
    unsigned parent_table = 0;

    (void)state;
    for (unsigned endpoint = 0; endpoint < MAX_ENDPOINTS; endpoint++) {
        park_child_of(0, root, endpoint);
    }
    for (unsigned table = 0; table < CAP_TABLES; table++) {
        while (cap_table_has_room(&space, table)) {
            cap_handle_t child = child_of(parent_table, parent, table);

            if (slot_of(table, child)->depth < table) {
                parent = child;
                parent_table = table;
            }
        }
    }
    assert_int_equal(used_slots(), CAP_SLOTS);
    revoke(0, root);
    assert_int_equal(used_slots(), 1);
    assert_int_equal(fill_table(1), CAP_TABLE_SLOTS);
}

static void frees_the_slots_for_new_use_in_a_new_generation(void **state)
{
    cap_handle_t root = root_in(0, CAP_RIGHTS_ALL);
    cap_handle_t old[CAP_TABLE_SLOTS];

    (void)state;
    for (unsigned i = 0; i < CAP_TABLE_SLOTS; i++) {
        old[i] = child_of(0, root, 1);
    }
    revoke(0, root);
    assert_int_equal(fill_table(1), CAP_TABLE_SLOTS);
    for (unsigned i = 0; i < CAP_TABLE_SLOTS; i++) {
        assert_false(names(1, old[i]));
        assert_true(names(1, cap_handle_make(1, (uint16_t)i)));
    }
}

static void parked_capability_is_delivered_as_the_null_handle(void **state)
{
    cap_handle_t root = root_in(0, CAP_RIGHTS_ALL);

    (void)state;
    park_child_of(0, root, 5);
    revoke(0, root);
    assert_false(cap_is_parked(&space, 5));
    (void)fill_table(3); /* null needs no room */
    for (unsigned table = 2; table < 4; table++) {
        cap_handle_t handle = UNTOUCHED;

        space_snapshot();
        assert_int_equal(cap_unpark(&space, 5, table, &handle), STATUS_OK);
        assert_space_untouched();
        assert_true(cap_handle_is_null(handle));
    }
}

static void reaches_below_a_parked_capability(void **state)
{
    cap_handle_t root = root_in(0, CAP_RIGHTS_ALL);
    cap_handle_t middle = child_of(0, root, 1);
    cap_handle_t leaf = child_of(1, middle, 2);

    (void)state;
    park(1, middle, 0);
    assert_true(names(2, leaf));
    revoke(0, root);
    assert_false(names(2, leaf));
    assert_false(cap_is_parked(&space, 0));
    assert_int_equal(used_slots(), 1);
}

static void reaches_what_the_descendants_holders_transferred(void **state)
{
    cap_handle_t root = root_in(0, CAP_RIGHTS_ALL);
    cap_handle_t at = child_of(0, root, 1);

    (void)state;
    for (unsigned hop = 1; hop < CAP_TABLES; hop++) {
        park(hop, at, hop);
        at = unpark(hop, (hop + 1) % CAP_TABLES);
    }
    assert_true(names(0, at));
    revoke(0, root);
    assert_false(names(0, at));
    assert_int_equal(used_slots(), 1);
}

static void asks_for_the_right_of_what_it_names_only(void **state)
{
    cap_handle_t root = root_in(0, CAP_RIGHTS_ALL);
    cap_handle_t child;
    cap_handle_t grandchild;

    (void)state;
    assert_int_equal(cap_derive(&space, 0, root, CAP_RIGHTS_ALL & ~CAP_RIGHT_REVOKE, 1, &child),
                     STATUS_OK);
    grandchild = child_of(1, child, 2);
    assert_refused(cap_revoke(&space, 1, child), STATUS_INSUFFICIENT_RIGHTS);
    assert_refused(cap_revoke(&space, 2, grandchild), STATUS_INSUFFICIENT_RIGHTS);
    revoke(0, root);
    assert_false(names(1, child));
    assert_false(names(2, grandchild));
}

static void refuses_what_names_nothing(void **state)
{
    cap_handle_t root = root_in(0, CAP_RIGHTS_ALL);
    cap_handle_t stale = child_of(0, root, 1);

    (void)state;
    drop(1, stale);
    assert_refused(cap_revoke(&space, 1, stale), STATUS_INVALID_HANDLE);
    assert_refused(cap_revoke(&space, 1, root), STATUS_INVALID_HANDLE);
    assert_refused(cap_revoke(&space, 0, NULL_CAP_HANDLE), STATUS_INVALID_HANDLE);
    assert_panics(no_status(cap_revoke(&space, CAP_TABLES, root)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        space_test(reaches_descendants_in_every_table_and_the_parked_ones),
        space_test(leaves_parent_siblings_and_strangers),
        space_test(of_a_leaf_changes_nothing),
        space_test(takes_down_the_deepest_chain),
        space_test(takes_down_every_other_slot_of_the_space),
        space_test(frees_the_slots_for_new_use_in_a_new_generation),
        space_test(parked_capability_is_delivered_as_the_null_handle),
        space_test(reaches_below_a_parked_capability),
        space_test(reaches_what_the_descendants_holders_transferred),
        space_test(asks_for_the_right_of_what_it_names_only),
        space_test(refuses_what_names_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
