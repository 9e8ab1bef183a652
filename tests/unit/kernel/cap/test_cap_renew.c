/* cap_table_renew(): an empty table is as good as new for its next owner. */
#include "cap_fixture.h"

#define TABLE 5U

static void assert_as_new(unsigned table)
{
    for (unsigned i = 0; i < CAP_TABLE_SLOTS; i++) {
        assert_int_equal(root_in(table, 0).raw, i);
    }
    assert_false(cap_table_has_room(&space, table));
    cap_table_clear(&space, table);
}

static void handles_start_at_0_again(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        drop(TABLE, root_in(TABLE, CAP_RIGHTS_ALL));
    }
    (void)fill_table(TABLE);
    cap_table_clear(&space, TABLE);
    cap_table_renew(&space, TABLE);
    assert_as_new(TABLE);
}

static void retired_slots_are_free_again(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CAP_TABLE_SLOTS; i += 3) {
        space.slots[TABLE * CAP_TABLE_SLOTS + i].generation = UINT32_MAX - 1U;
    }
    (void)fill_table(TABLE);
    cap_table_clear(&space, TABLE);
    assert_int_equal(fill_table(TABLE), CAP_TABLE_SLOTS - 22);
    cap_table_clear(&space, TABLE);
    cap_table_renew(&space, TABLE);
    assert_true(cap_check_invariants(&space));
    assert_as_new(TABLE);
}

static void a_table_of_retired_slots_has_room_again(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CAP_TABLE_SLOTS; i++) {
        space.slots[TABLE * CAP_TABLE_SLOTS + i].generation = UINT32_MAX - 1U;
    }
    (void)fill_table(TABLE);
    cap_table_clear(&space, TABLE);
    assert_false(cap_table_has_room(&space, TABLE));
    cap_table_renew(&space, TABLE);
    assert_as_new(TABLE);
}

static void a_new_table_stays_as_it_is(void **state)
{
    (void)state;
    for (unsigned table = 0; table < CAP_TABLES; table++) {
        space_snapshot();
        cap_table_renew(&space, table);
        assert_space_untouched();
    }
}

static void the_other_tables_keep_theirs(void **state)
{
    cap_handle_t below = root_in(TABLE - 1, CAP_RIGHTS_ALL);
    cap_handle_t above = root_in(TABLE + 1, CAP_RIGHTS_ALL);
    cap_handle_t child = child_of(TABLE - 1, below, TABLE + 1);

    (void)state;
    park(TABLE + 1, above, 0);
    drop(TABLE, root_in(TABLE, 0));
    cap_table_renew(&space, TABLE);
    assert_true(names(TABLE - 1, below));
    assert_true(names(TABLE + 1, child));
    assert_true(cap_is_parked(&space, 0));
    revoke(TABLE - 1, below);
    assert_false(names(TABLE + 1, child));
    (void)unpark(0, TABLE);
}

static void a_table_in_use_panics(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CAP_TABLE_SLOTS; i++) {
        cap_handle_t handle = NULL_CAP_HANDLE;

        for (unsigned n = 0; n <= i; n++) {
            handle = root_in(TABLE, 0);
        }
        /* One capability is left, in slot `i`. */
        for (unsigned n = 0; n < CAP_TABLE_SLOTS; n++) {
            cap_handle_t other =
                cap_handle_make(space.slots[TABLE * CAP_TABLE_SLOTS + n].generation, (uint16_t)n);

            if (other.raw != handle.raw && names(TABLE, other)) {
                drop(TABLE, other);
            }
        }
        assert_panics(cap_table_renew(&space, TABLE));
        drop(TABLE, handle);
        cap_table_renew(&space, TABLE);
    }
}

static void a_table_number_out_of_range_panics(void **state)
{
    (void)state;
    assert_panics(cap_table_renew(&space, CAP_TABLES));
    assert_panics(cap_table_renew(&space, UINT32_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        space_test(handles_start_at_0_again),
        space_test(retired_slots_are_free_again),
        space_test(a_table_of_retired_slots_has_room_again),
        space_test(a_new_table_stays_as_it_is),
        space_test(the_other_tables_keep_theirs),
        space_test(a_table_in_use_panics),
        space_test(a_table_number_out_of_range_panics),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
