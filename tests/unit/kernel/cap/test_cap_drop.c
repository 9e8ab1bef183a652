/* Drop and take: a leaf leaves the tree, a parent does not. */
#include "cap_fixture.h"

static void drop_frees_a_leaf_and_leaves_the_rest(void **state)
{
    cap_handle_t root = root_in(0, CAP_RIGHTS_ALL);
    cap_handle_t child[3];

    (void)state;
    for (unsigned gone = 0; gone < 3; gone++) {
        for (unsigned i = 0; i < 3; i++) {
            child[i] = child_of(0, root, 1 + i);
        }
        drop(1 + gone, child[gone]); /* last, middle and first of the list */
        for (unsigned i = 0; i < 3; i++) {
            assert_int_equal(names(1 + i, child[i]), i != gone);
        }
        assert_int_equal(used_slots(), 3);
        revoke(0, root);
    }
    drop(0, root);
    assert_int_equal(used_slots(), 0);
}

static void take_gives_what_it_frees(void **state)
{
    cap_handle_t root = root_in(0, CAP_RIGHTS_ALL);
    cap_handle_t child;
    cap_handle_t again;
    struct capability cap = {0};

    (void)state;
    assert_int_equal(cap_derive(&space, 0, root, CAP_RIGHT_RECV, 1, &child), STATUS_OK);
    assert_int_equal(cap_take(&space, 1, child, &cap), STATUS_OK);
    assert_false(names(1, child));
    assert_int_equal(cap.kind, CAP_KIND_ENDPOINT);
    assert_int_equal(cap.rights, CAP_RIGHT_RECV);
    assert_int_equal(cap.object.index, some_cap(0).object.index);
    assert_int_equal(cap.object.generation, some_cap(0).object.generation);
    assert_int_equal(used_slots(), 1);

    /* It has left the tree: put back, it is a root. */
    assert_int_equal(cap_insert_root(&space, 1, cap, &again), STATUS_OK);
    revoke(0, root);
    assert_true(names(1, again));
}

static void neither_asks_for_a_right(void **state)
{
    struct capability cap;
    cap_handle_t handle = root_in(0, 0);

    (void)state;
    drop(0, handle);
    handle = root_in(0, 0);
    assert_int_equal(cap_take(&space, 0, handle, &cap), STATUS_OK);
    assert_int_equal(used_slots(), 0);
}

static void assert_parent(unsigned table, cap_handle_t handle)
{
    struct capability cap = some_cap(0x5A);

    assert_refused(cap_drop(&space, table, handle), STATUS_HAS_CHILDREN);
    assert_refused(cap_take(&space, table, handle, &cap), STATUS_HAS_CHILDREN);
    assert_int_equal(cap.rights, 0x5A);
}

static void parents_are_refused_wherever_the_child_is(void **state)
{
    cap_handle_t root = root_in(0, CAP_RIGHTS_ALL);
    cap_handle_t child = child_of(0, root, 0);
    cap_handle_t grandchild = child_of(0, child, 9);

    (void)state;
    assert_parent(0, root);
    assert_parent(0, child);
    park(9, grandchild, 2);
    assert_parent(0, child);
    cap_discard_parked(&space, 2);
    drop(0, child);
    drop(0, root);
    assert_int_equal(used_slots(), 0);
}

static void parent_becomes_a_leaf_by_revoke(void **state)
{
    cap_handle_t root = root_in(0, CAP_RIGHTS_ALL);

    (void)state;
    (void)child_of(0, root, 1);
    revoke(0, root);
    drop(0, root);
}

static void assert_names_nothing(unsigned table, cap_handle_t handle)
{
    struct capability cap = some_cap(0x5A);

    assert_refused(cap_drop(&space, table, handle), STATUS_INVALID_HANDLE);
    assert_refused(cap_take(&space, table, handle, &cap), STATUS_INVALID_HANDLE);
    assert_int_equal(cap.rights, 0x5A);
}

static void both_refuse_what_names_nothing(void **state)
{
    cap_handle_t root = root_in(0, CAP_RIGHTS_ALL);
    cap_handle_t stale = child_of(0, root, 1);

    (void)state;
    drop(1, stale);
    assert_names_nothing(1, stale);
    assert_names_nothing(1, root);
    assert_names_nothing(0, NULL_CAP_HANDLE);
    assert_names_nothing(0, cap_handle_make(0, CAP_TABLE_SLOTS));
}

static void table_number_out_of_range_panics(void **state)
{
    struct capability cap;

    (void)state;
    assert_panics(no_status(cap_drop(&space, CAP_TABLES, UNTOUCHED)));
    assert_panics(no_status(cap_take(&space, CAP_TABLES, UNTOUCHED, &cap)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        space_test(drop_frees_a_leaf_and_leaves_the_rest),
        space_test(take_gives_what_it_frees),
        space_test(neither_asks_for_a_right),
        space_test(parents_are_refused_wherever_the_child_is),
        space_test(parent_becomes_a_leaf_by_revoke),
        space_test(both_refuse_what_names_nothing),
        space_test(table_number_out_of_range_panics),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
