/* Transfer, that is park and unpark: a capability moves and keeps its place in the tree. */
#include "cap_fixture.h"

static cap_handle_t transfer(unsigned from, cap_handle_t handle, unsigned to)
{
    park(from, handle, 7);
    return unpark(7, to);
}

static void moves_what_it_names(void **state)
{
    cap_handle_t handle = root_in(0, CAP_RIGHT_TRANSFER | CAP_RIGHT_NOTIFY);
    struct capability cap = {0};

    (void)state;
    handle = transfer(0, handle, 9);
    assert_int_equal(cap_lookup(&space, 9, handle, &cap), STATUS_OK);
    assert_int_equal(cap.kind, CAP_KIND_ENDPOINT);
    assert_int_equal(cap.rights, CAP_RIGHT_TRANSFER | CAP_RIGHT_NOTIFY);
    assert_int_equal(cap.object.index, some_cap(0).object.index);
    assert_int_equal(cap.object.generation, some_cap(0).object.generation);
    assert_int_equal(slot_of(9, handle)->parent.value, UINT16_MAX);
    assert_int_equal(used_slots(), 1);
}

static void old_handle_is_stale_from_the_park_on(void **state)
{
    cap_handle_t old = root_in(0, CAP_RIGHTS_ALL);
    cap_handle_t moved;

    (void)state;
    park(0, old, 7);
    assert_false(names(0, old));
    assert_refused(cap_park(&space, 0, old, 8), STATUS_INVALID_HANDLE);
    moved = unpark(7, 0); /* back into the table it came from */
    assert_false(names(0, old));
    assert_true(names(0, moved));
    assert_false(moved.raw == old.raw);
}

static void parent_and_depth_stay(void **state)
{
    cap_handle_t root = root_in(0, CAP_RIGHTS_ALL);
    cap_handle_t child = child_of(0, root, 1);

    (void)state;
    park(1, child, 7);
    assert_ptr_equal(&space.slots[parked_slot(7)->parent.value], slot_of(0, root));
    assert_int_equal(parked_slot(7)->depth, 1);
    child = unpark(7, 2);
    assert_ptr_equal(&space.slots[slot_of(2, child)->parent.value], slot_of(0, root));
    assert_int_equal(slot_of(2, child)->depth, 1);
    assert_refused(cap_drop(&space, 0, root), STATUS_HAS_CHILDREN);
    revoke(0, root);
    assert_false(names(2, child));
}

static void children_stay(void **state)
{
    cap_handle_t root = root_in(0, CAP_RIGHTS_ALL);
    cap_handle_t first = child_of(0, root, 1);
    cap_handle_t second = child_of(0, root, 2);
    cap_handle_t below = child_of(1, first, 3);

    (void)state;
    root = transfer(0, root, 4);
    assert_ptr_equal(&space.slots[slot_of(1, first)->parent.value], slot_of(4, root));
    assert_ptr_equal(&space.slots[slot_of(2, second)->parent.value], slot_of(4, root));
    assert_refused(cap_drop(&space, 4, root), STATUS_HAS_CHILDREN);
    revoke(4, root);
    assert_false(names(1, first) || names(2, second) || names(3, below));
    assert_int_equal(used_slots(), 1);
}

static void siblings_stay_whichever_of_them_moves(void **state)
{
    (void)state;
    for (unsigned moved = 0; moved < 3; moved++) {
        cap_handle_t root = root_in(0, CAP_RIGHTS_ALL);
        cap_handle_t child[3];
        cap_handle_t new;

        for (unsigned i = 0; i < 3; i++) {
            child[i] = child_of(0, root, 1 + i);
        }
        new = transfer(1 + moved, child[moved], 5);
        for (unsigned i = 0; i < 3; i++) {
            assert_int_equal(names(1 + i, child[i]), i != moved);
        }
        assert_true(names(5, new));
        revoke(0, root);
        assert_int_equal(used_slots(), 1);
        drop(0, root);
    }
}

static void full_table_leaves_it_parked(void **state)
{
    cap_handle_t root = root_in(0, CAP_RIGHTS_ALL);
    cap_handle_t child = child_of(0, root, 1);
    cap_handle_t out = UNTOUCHED;

    (void)state;
    (void)child_of(1, child, 3);
    park(1, child, 7);
    (void)fill_table(2);
    assert_refused(cap_unpark(&space, 7, 2, &out), STATUS_CAPS_EXHAUSTED);
    assert_true(out.raw == UNTOUCHED.raw);
    assert_true(cap_is_parked(&space, 7));
    drop(2, cap_handle_make(0, 20));
    out = unpark(7, 2);
    assert_int_equal(cap_handle_index(out), 20);
    assert_int_equal(slot_of(2, out)->depth, 1);
}

static void table_of_the_parked_has_its_slot_back(void **state)
{
    cap_handle_t handle = root_in(0, CAP_RIGHTS_ALL);

    (void)state;
    (void)fill_table(0);
    assert_false(cap_table_has_room(&space, 0));
    park(0, handle, 7);
    assert_true(cap_table_has_room(&space, 0));
    (void)fill_table(0);
    assert_false(names(0, handle));
}

static void nothing_parked_gives_the_null_handle(void **state)
{
    (void)state;
    (void)fill_table(1);
    for (unsigned endpoint = 0; endpoint < MAX_ENDPOINTS; endpoint++) {
        space_snapshot();
        assert_true(cap_handle_is_null(unpark(endpoint, 0)));
        assert_true(cap_handle_is_null(unpark(endpoint, 1)));
        assert_space_untouched();
    }
}

/* With a sibling behind it, so that every link has been in use. */
static void parking_slot_is_left_as_it_was(void **state)
{
    cap_handle_t root = root_in(0, CAP_RIGHTS_ALL);
    const struct cap_slot empty = *parked_slot(7);
    cap_handle_t second;

    (void)state;
    (void)child_of(0, root, 1);
    second = child_of(0, root, 2);
    park(2, second, 7);
    second = unpark(7, 2);
    assert_memory_equal(parked_slot(7), &empty, sizeof(empty));
    park(2, second, 7);
    cap_discard_parked(&space, 7);
    assert_memory_equal(parked_slot(7), &empty, sizeof(empty));
    cap_discard_parked(&space, 7);
    assert_memory_equal(parked_slot(7), &empty, sizeof(empty));
}

static void parking_slots_are_apart(void **state)
{
    (void)state;
    for (unsigned endpoint = 0; endpoint < MAX_ENDPOINTS; endpoint++) {
        park(0, root_in(0, (uint8_t)(CAP_RIGHT_TRANSFER | endpoint << 4)), endpoint);
    }
    for (unsigned endpoint = MAX_ENDPOINTS; endpoint-- > 0;) {
        cap_handle_t handle = unpark(endpoint, endpoint);

        assert_int_equal(rights_of(endpoint, handle), CAP_RIGHT_TRANSFER | endpoint << 4);
        for (unsigned other = 0; other < MAX_ENDPOINTS; other++) {
            assert_int_equal(cap_is_parked(&space, other), other < endpoint);
        }
    }
}

static void assert_not_parkable(unsigned table, cap_handle_t handle, status_t status)
{
    assert_refused(cap_check_park(&space, table, handle), status);
    assert_refused(cap_park(&space, table, handle, 7), status);
}

static void asks_for_the_right_to_transfer(void **state)
{
    cap_handle_t root = root_in(0, CAP_RIGHTS_ALL);
    cap_handle_t without = root_in(0, CAP_RIGHTS_ALL & ~CAP_RIGHT_TRANSFER);
    cap_handle_t only = root_in(0, CAP_RIGHT_TRANSFER);

    (void)state;
    (void)child_of(0, root, 1);
    assert_not_parkable(0, without, STATUS_INSUFFICIENT_RIGHTS);
    assert_refused(cap_check_park(&space, 0, only), STATUS_OK);
    assert_refused(cap_check_park(&space, 0, root), STATUS_OK);
    park(0, only, 7);
    assert_refused(cap_check_park(&space, 0, root), STATUS_OK); /* whatever is parked */
}

static void refuses_what_names_nothing(void **state)
{
    cap_handle_t stale = root_in(0, CAP_RIGHTS_ALL);

    (void)state;
    drop(0, stale);
    assert_not_parkable(0, stale, STATUS_INVALID_HANDLE);
    assert_not_parkable(0, NULL_CAP_HANDLE, STATUS_INVALID_HANDLE);
    assert_not_parkable(0, cap_handle_make(0, CAP_TABLE_SLOTS), STATUS_INVALID_HANDLE);
}

static void occupied_parking_slot_panics(void **state)
{
    cap_handle_t first = root_in(0, CAP_RIGHTS_ALL);
    cap_handle_t second = root_in(0, CAP_RIGHTS_ALL);

    (void)state;
    park(0, first, 7);
    assert_panics(no_status(cap_park(&space, 0, second, 7)));
    assert_true(names(0, second));
    park(0, second, 8);
}

static void endpoint_number_out_of_range_panics(void **state)
{
    static const unsigned endpoints[] = {MAX_ENDPOINTS, MAX_ENDPOINTS + 1, UINT32_MAX};
    cap_handle_t handle = root_in(0, CAP_RIGHTS_ALL);
    cap_handle_t out;

    (void)state;
    for (size_t i = 0; i < sizeof(endpoints) / sizeof(endpoints[0]); i++) {
        unsigned endpoint = endpoints[i];

        assert_panics(no_status(cap_park(&space, 0, handle, endpoint)));
        assert_panics(no_status(cap_park(&space, 0, NULL_CAP_HANDLE, endpoint)));
        assert_panics(no_status(cap_unpark(&space, endpoint, 0, &out)));
        assert_panics((void)cap_is_parked(&space, endpoint));
        assert_panics(cap_discard_parked(&space, endpoint));
    }
}

static void table_number_out_of_range_panics(void **state)
{
    cap_handle_t handle = root_in(0, CAP_RIGHTS_ALL);
    cap_handle_t out;

    (void)state;
    assert_panics(no_status(cap_check_park(&space, CAP_TABLES, handle)));
    assert_panics(no_status(cap_park(&space, CAP_TABLES, handle, 7)));
    assert_panics(no_status(cap_unpark(&space, 7, CAP_TABLES, &out))); /* nothing is parked */
    park(0, handle, 7);
    assert_panics(no_status(cap_unpark(&space, 7, CAP_TABLES, &out)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        space_test(moves_what_it_names),
        space_test(old_handle_is_stale_from_the_park_on),
        space_test(parent_and_depth_stay),
        space_test(children_stay),
        space_test(siblings_stay_whichever_of_them_moves),
        space_test(full_table_leaves_it_parked),
        space_test(table_of_the_parked_has_its_slot_back),
        space_test(nothing_parked_gives_the_null_handle),
        space_test(parking_slot_is_left_as_it_was),
        space_test(parking_slots_are_apart),
        space_test(asks_for_the_right_to_transfer),
        space_test(refuses_what_names_nothing),
        space_test(occupied_parking_slot_panics),
        space_test(endpoint_number_out_of_range_panics),
        space_test(table_number_out_of_range_panics),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
