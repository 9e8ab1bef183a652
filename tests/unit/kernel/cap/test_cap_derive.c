/* Copy and derive: place in the tree, rights that only narrow, depth, and the order of refusals. */
#include "cap_fixture.h"

#define ALL_BUT(right) ((uint8_t)(CAP_RIGHTS_ALL & ~(right)))

typedef status_t (*narrow_fn)(struct cap_space *, unsigned, cap_handle_t, uint64_t, unsigned,
                              cap_handle_t *);

/* What copy and derive ask alike. */
static const struct {
    narrow_fn call;
    uint8_t needed;
} both[] = {{cap_copy, CAP_RIGHT_DUPLICATE}, {cap_derive, CAP_RIGHT_DERIVE}};

#define BOTH (sizeof(both) / sizeof(both[0]))

static void assert_call_refused(narrow_fn call, unsigned table, cap_handle_t source,
                                uint64_t rights, unsigned to, status_t status)
{
    cap_handle_t out = UNTOUCHED;

    assert_refused(call(&space, table, source, rights, to, &out), status);
    assert_true(out.raw == UNTOUCHED.raw);
}

static void result_names_the_same_object_in_any_table(void **state)
{
    cap_handle_t source = root_in(5, CAP_RIGHTS_ALL);

    (void)state;
    for (size_t i = 0; i < BOTH; i++) {
        for (unsigned to = 0; to < CAP_TABLES; to++) {
            struct capability cap = {0};
            cap_handle_t out;

            assert_int_equal(both[i].call(&space, 5, source, CAP_RIGHT_SEND, to, &out), STATUS_OK);
            assert_int_equal(cap_lookup(&space, to, out, &cap), STATUS_OK);
            assert_int_equal(cap.kind, CAP_KIND_ENDPOINT);
            assert_int_equal(cap.object.index, some_cap(0).object.index);
            assert_int_equal(cap.object.generation, some_cap(0).object.generation);
            assert_int_equal(cap.rights, CAP_RIGHT_SEND);
            assert_int_equal(rights_of(5, source), CAP_RIGHTS_ALL);
        }
    }
}

static void unknown_rights_are_masked_away(void **state)
{
    cap_handle_t source = root_in(0, ALL_BUT(CAP_RIGHT_RECV));
    cap_handle_t out;

    (void)state;
    for (size_t i = 0; i < BOTH; i++) {
        assert_int_equal(both[i].call(&space, 0, source, ~0xFFULL | CAP_RIGHT_SEND, 1, &out),
                         STATUS_OK);
        assert_int_equal(rights_of(1, out), CAP_RIGHT_SEND);
        assert_int_equal(both[i].call(&space, 0, source, 1ULL << 8, 1, &out), STATUS_OK);
        assert_int_equal(rights_of(1, out), 0);
        assert_int_equal(both[i].call(&space, 0, source, 1ULL << 63, 1, &out), STATUS_OK);
        assert_int_equal(rights_of(1, out), 0);
    }
}

static void each_right_alone_cannot_be_widened(void **state)
{
    (void)state;
    for (size_t i = 0; i < BOTH; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            uint8_t right = (uint8_t)(1U << bit);
            cap_handle_t source = root_in(0, ALL_BUT(right));

            if (right == both[i].needed) {
                continue;
            }
            assert_call_refused(both[i].call, 0, source, right, 1, STATUS_WIDENED_RIGHTS);
            assert_call_refused(both[i].call, 0, source, UINT64_MAX, 1, STATUS_WIDENED_RIGHTS);
        }
        cap_table_clear(&space, 0);
    }
}

static void source_without_the_right_for_it_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < BOTH; i++) {
        cap_handle_t source = root_in(0, ALL_BUT(both[i].needed));
        cap_handle_t only = root_in(0, both[i].needed);
        cap_handle_t out;

        assert_call_refused(both[i].call, 0, source, 0, 1, STATUS_INSUFFICIENT_RIGHTS);
        assert_int_equal(both[i].call(&space, 0, only, both[i].needed, 1, &out), STATUS_OK);
    }
}

static void source_that_names_nothing_is_refused(void **state)
{
    cap_handle_t stale = root_in(0, CAP_RIGHTS_ALL);

    (void)state;
    drop(0, stale);
    for (size_t i = 0; i < BOTH; i++) {
        assert_call_refused(both[i].call, 0, stale, 0, 1, STATUS_INVALID_HANDLE);
        assert_call_refused(both[i].call, 0, NULL_CAP_HANDLE, 0, 1, STATUS_INVALID_HANDLE);
    }
}

static void full_table_refuses_but_the_source_may_be_in_one(void **state)
{
    cap_handle_t source = root_in(0, CAP_RIGHTS_ALL);

    (void)state;
    (void)fill_table(0);
    for (size_t i = 0; i < BOTH; i++) {
        cap_handle_t out;

        assert_call_refused(both[i].call, 0, source, 0, 0, STATUS_CAPS_EXHAUSTED);
        assert_int_equal(both[i].call(&space, 0, source, 0, 1, &out), STATUS_OK);
    }
}

static void first_of_several_reasons_is_said(void **state)
{
    cap_handle_t stale = root_in(0, CAP_RIGHTS_ALL);
    cap_handle_t nothing;
    cap_handle_t narrow;

    (void)state;
    drop(0, stale);
    nothing = root_in(0, 0);
    narrow = root_in(0, CAP_RIGHT_DUPLICATE | CAP_RIGHT_DERIVE);
    (void)fill_table(1);
    for (size_t i = 0; i < BOTH; i++) {
        assert_call_refused(both[i].call, 0, stale, UINT64_MAX, 1, STATUS_INVALID_HANDLE);
        assert_call_refused(both[i].call, 0, nothing, UINT64_MAX, 1, STATUS_INSUFFICIENT_RIGHTS);
        assert_call_refused(both[i].call, 0, narrow, UINT64_MAX, 1, STATUS_WIDENED_RIGHTS);
        assert_call_refused(both[i].call, 0, narrow, 0, 1, STATUS_CAPS_EXHAUSTED);
    }
}

/* A chain of CAP_MAX_DEPTH derivations below a root, each in the next table; the last of them. */
static cap_handle_t deep_chain(uint8_t rights, unsigned *table)
{
    cap_handle_t at = root_in(0, rights);

    *table = 0;
    for (unsigned depth = 1; depth <= CAP_MAX_DEPTH; depth++) {
        unsigned to = depth % CAP_TABLES;

        at = child_of(*table, at, to);
        *table = to;
        assert_int_equal(slot_of(to, at)->depth, depth);
    }
    return at;
}

static void derivation_ends_at_depth_16(void **state)
{
    unsigned table;
    cap_handle_t deepest = deep_chain(CAP_RIGHTS_ALL, &table);
    cap_handle_t peer;

    (void)state;
    assert_int_equal(CAP_MAX_DEPTH, 16);
    assert_call_refused(cap_derive, table, deepest, 0, 1, STATUS_DERIVATION_TOO_DEEP);
    peer = copy_of(table, deepest, 3);
    assert_int_equal(slot_of(3, peer)->depth, 16);
    assert_call_refused(cap_derive, 3, peer, 0, 1, STATUS_DERIVATION_TOO_DEEP);
}

static void too_deep_is_said_after_widened_and_before_exhausted(void **state)
{
    unsigned table;
    cap_handle_t deepest = deep_chain(ALL_BUT(CAP_RIGHT_SEND), &table);

    (void)state;
    (void)fill_table(1);
    assert_call_refused(cap_derive, table, deepest, CAP_RIGHT_SEND, 1, STATUS_WIDENED_RIGHTS);
    assert_call_refused(cap_derive, table, deepest, 0, 1, STATUS_DERIVATION_TOO_DEEP);
    assert_int_equal(cap_drop(&space, table, deepest), STATUS_OK);
    cap_table_clear(&space, 1);
}

static void copy_of_a_root_is_another_root(void **state)
{
    cap_handle_t root = root_in(0, CAP_RIGHTS_ALL);
    cap_handle_t child = child_of(0, root, 1);
    cap_handle_t copy = copy_of(0, root, 2);
    cap_handle_t childs;

    (void)state;
    assert_int_equal(slot_of(2, copy)->parent.value, UINT16_MAX);
    assert_int_equal(slot_of(2, copy)->first_child.value, UINT16_MAX);
    assert_int_equal(slot_of(2, copy)->depth, 0);
    childs = child_of(2, copy, 3);
    revoke(0, root);
    assert_false(names(1, child));
    assert_true(names(2, copy));
    assert_true(names(3, childs));
    assert_int_equal(used_slots(), 3);
}

static void copy_of_a_child_is_its_peer(void **state)
{
    cap_handle_t root = root_in(0, CAP_RIGHTS_ALL);
    cap_handle_t child = child_of(0, root, 1);
    cap_handle_t grandchild = child_of(1, child, 4);
    cap_handle_t copy = copy_of(1, child, 2);

    (void)state;
    assert_int_equal(slot_of(2, copy)->parent.value, slot_of(1, child)->parent.value);
    assert_int_equal(slot_of(2, copy)->depth, 1);
    revoke(2, copy);
    assert_true(names(4, grandchild)); /* the peer's child is not the copy's */
    revoke(1, child);
    assert_false(names(4, grandchild));
    assert_true(names(2, copy));
    revoke(0, root);
    assert_false(names(1, child));
    assert_false(names(2, copy));
}

static void child_hangs_below_its_source(void **state)
{
    cap_handle_t root = root_in(3, CAP_RIGHTS_ALL);
    cap_handle_t child = child_of(3, root, 3);

    (void)state;
    assert_int_equal(slot_of(3, child)->depth, 1);
    assert_ptr_equal(&space.slots[slot_of(3, child)->parent.value], slot_of(3, root));
    assert_ptr_equal(&space.slots[slot_of(3, root)->first_child.value], slot_of(3, child));
}

static void table_numbers_out_of_range_panic(void **state)
{
    cap_handle_t root = root_in(0, CAP_RIGHTS_ALL);
    cap_handle_t out;

    (void)state;
    for (size_t i = 0; i < BOTH; i++) {
        assert_panics(no_status(both[i].call(&space, CAP_TABLES, root, 0, 0, &out)));
        assert_panics(no_status(both[i].call(&space, 0, root, 0, CAP_TABLES, &out)));
        assert_panics(no_status(both[i].call(&space, 0, NULL_CAP_HANDLE, 0, CAP_TABLES, &out)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        space_test(result_names_the_same_object_in_any_table),
        space_test(unknown_rights_are_masked_away),
        space_test(each_right_alone_cannot_be_widened),
        space_test(source_without_the_right_for_it_is_refused),
        space_test(source_that_names_nothing_is_refused),
        space_test(full_table_refuses_but_the_source_may_be_in_one),
        space_test(first_of_several_reasons_is_said),
        space_test(derivation_ends_at_depth_16),
        space_test(too_deep_is_said_after_widened_and_before_exhausted),
        space_test(copy_of_a_root_is_another_root),
        space_test(copy_of_a_child_is_its_peer),
        space_test(child_hangs_below_its_source),
        space_test(table_numbers_out_of_range_panic),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
