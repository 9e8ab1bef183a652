/* Handles, roots and lookup; slots, their generations and their retirement. */
#include "cap_fixture.h"

static const struct capability console = {.kind = CAP_KIND_DEBUG_CONSOLE,
                                          .rights = CAP_RIGHT_CONSOLE_WRITE};

static void handle_packs_generation_above_index(void **state)
{
    static const uint32_t generations[] = {0, 1, 0xFFFF, 0x10000, 0x89ABCDEF, UINT32_MAX};
    static const uint16_t indexes[] = {0, 1, 63, 64, UINT16_MAX};

    (void)state;
    assert_true(cap_handle_make(0x89ABCDEF, 0x1234).raw == 0x89ABCDEF1234ULL);
    for (size_t g = 0; g < sizeof(generations) / sizeof(generations[0]); g++) {
        for (size_t i = 0; i < sizeof(indexes) / sizeof(indexes[0]); i++) {
            cap_handle_t handle = cap_handle_make(generations[g], indexes[i]);

            assert_int_equal(cap_handle_generation(handle), generations[g]);
            assert_int_equal(cap_handle_index(handle), indexes[i]);
            assert_false(cap_handle_is_null(handle));
        }
    }
}

static void null_handle_is_all_ones(void **state)
{
    (void)state;
    assert_true(NULL_CAP_HANDLE.raw == UINT64_MAX);
    assert_true(cap_handle_is_null(NULL_CAP_HANDLE));
    assert_false(cap_handle_is_null((cap_handle_t){UINT64_MAX >> 16}));
}

static void init_empties_whatever_was_there(void **state)
{
    (void)state;
    memset(&space, 0xA5, sizeof(space));
    cap_space_init(&space);
    assert_true(cap_check_invariants(&space));
    assert_int_equal(used_slots(), 0);
    for (unsigned endpoint = 0; endpoint < MAX_ENDPOINTS; endpoint++) {
        assert_false(cap_is_parked(&space, endpoint));
    }
    for (unsigned table = 0; table < CAP_TABLES; table++) {
        assert_int_equal(cap_handle_generation(root_in(table, 0)), 0);
        assert_int_equal(fill_table(table), CAP_TABLE_SLOTS - 1);
    }
}

static void root_is_found_in_its_table_with_all_it_holds(void **state)
{
    (void)state;
    for (unsigned table = 0; table < CAP_TABLES; table++) {
        for (unsigned kind = CAP_KIND_NONE + 1; kind < CAP_KIND_COUNT; kind++) {
            struct capability cap = {
                .object = {table, kind}, .kind = (uint8_t)kind, .rights = (uint8_t)(0x80 | table)};
            struct capability found = {0};
            cap_handle_t handle;

            assert_int_equal(cap_insert_root(&space, table, cap, &handle), STATUS_OK);
            space_snapshot();
            assert_int_equal(cap_lookup(&space, table, handle, &found), STATUS_OK);
            assert_space_untouched();
            assert_int_equal(found.object.index, table);
            assert_int_equal(found.object.generation, kind);
            assert_int_equal(found.kind, kind);
            assert_int_equal(found.rights, 0x80 | table);
            assert_int_equal(slot_of(table, handle)->depth, 0);
            assert_int_equal(slot_of(table, handle)->parent.value, UINT16_MAX);
        }
    }
}

static void root_without_a_known_kind_is_refused(void **state)
{
    static const uint8_t kinds[] = {CAP_KIND_NONE, CAP_KIND_COUNT, UINT8_MAX};
    cap_handle_t handle = UNTOUCHED;

    (void)state;
    for (size_t i = 0; i < sizeof(kinds); i++) {
        struct capability cap = {.kind = kinds[i], .rights = CAP_RIGHTS_ALL};

        assert_refused(cap_insert_root(&space, 0, cap, &handle), STATUS_WRONG_KIND);
    }
    assert_true(handle.raw == UNTOUCHED.raw);
}

static void root_into_a_full_table_is_refused(void **state)
{
    cap_handle_t handle = UNTOUCHED;

    (void)state;
    assert_true(cap_table_has_room(&space, 4));
    assert_int_equal(fill_table(4), CAP_TABLE_SLOTS);
    assert_false(cap_table_has_room(&space, 4));
    assert_refused(cap_insert_root(&space, 4, console, &handle), STATUS_CAPS_EXHAUSTED);
    assert_true(handle.raw == UNTOUCHED.raw);
    assert_true(cap_table_has_room(&space, 3));
    assert_true(cap_table_has_room(&space, 5));
}

static void wrong_kind_is_said_before_a_full_table(void **state)
{
    cap_handle_t handle = UNTOUCHED;

    (void)state;
    (void)fill_table(0);
    assert_refused(cap_insert_root(&space, 0, (struct capability){0}, &handle), STATUS_WRONG_KIND);
}

static void assert_lookup_refused(unsigned table, cap_handle_t handle)
{
    struct capability cap = some_cap(0x5A);

    assert_refused(cap_lookup(&space, table, handle, &cap), STATUS_INVALID_HANDLE);
    assert_int_equal(cap.rights, 0x5A);
}

static void lookup_refuses_what_names_nothing(void **state)
{
    cap_handle_t handle = root_in(1, CAP_RIGHTS_ALL);

    (void)state;
    assert_lookup_refused(1, NULL_CAP_HANDLE);
    for (unsigned bit = 48; bit < 64; bit++) {
        assert_lookup_refused(1, (cap_handle_t){handle.raw | 1ULL << bit});
    }
    /* The slots behind the table's own are those of the next table and the parked ones. */
    for (uint32_t index = 0; index <= UINT16_MAX; index++) {
        if (index != cap_handle_index(handle)) {
            struct capability cap;

            assert_int_equal(cap_lookup(&space, 1, cap_handle_make(0, (uint16_t)index), &cap),
                             STATUS_INVALID_HANDLE);
        }
    }
    for (unsigned bit = 0; bit < 32; bit++) {
        assert_lookup_refused(1, cap_handle_make(1U << bit, cap_handle_index(handle)));
    }
    assert_lookup_refused(0, handle);
    assert_lookup_refused(2, handle);
}

static void lookup_does_not_reach_into_the_next_table(void **state)
{
    cap_handle_t next = root_in(1, CAP_RIGHTS_ALL);

    (void)state;
    assert_lookup_refused(0,
                          cap_handle_make(0, (uint16_t)(CAP_TABLE_SLOTS + cap_handle_index(next))));
    park(1, next, 0);
    assert_lookup_refused(CAP_TABLES - 1, cap_handle_make(0, CAP_TABLE_SLOTS));
}

static void freed_handle_stays_stale_when_its_slot_is_used_again(void **state)
{
    cap_handle_t first;
    cap_handle_t second;

    (void)state;
    for (unsigned i = 0; i < CAP_TABLE_SLOTS - 1; i++) {
        (void)root_in(2, 0);
    }
    first = root_in(2, CAP_RIGHTS_ALL);
    drop(2, first);
    assert_lookup_refused(2, first);
    assert_lookup_refused(2, cap_handle_make(1, cap_handle_index(first)));
    second = root_in(2, CAP_RIGHTS_ALL); /* the only slot left */
    assert_int_equal(cap_handle_index(second), cap_handle_index(first));
    assert_int_equal(cap_handle_generation(second), 1);
    assert_lookup_refused(2, first);
    assert_true(names(2, second));
}

static void slot_is_retired_where_its_generation_would_wrap(void **state)
{
    cap_handle_t last;
    uint16_t index;

    (void)state;
    index = cap_handle_index(root_in(6, CAP_RIGHTS_ALL));
    space.slots[6 * CAP_TABLE_SLOTS + index].generation = UINT32_MAX - 2;
    drop(6, cap_handle_make(UINT32_MAX - 2, index));
    assert_int_equal(fill_table(6), CAP_TABLE_SLOTS);
    last = cap_handle_make(UINT32_MAX - 1, index);
    assert_true(names(6, last));
    drop(6, last);
    assert_lookup_refused(6, last);
    assert_lookup_refused(6, cap_handle_make(UINT32_MAX, index));
    assert_lookup_refused(6, cap_handle_make(0, index));
    assert_false(cap_table_has_room(&space, 6));
    cap_table_clear(&space, 6);
    assert_int_equal(fill_table(6), CAP_TABLE_SLOTS - 1);
}

/* Retire all of `table`: every slot is in its last generation when it is freed. */
static void retire_table(unsigned table)
{
    for (unsigned i = 0; i < CAP_TABLE_SLOTS; i++) {
        space.slots[table * CAP_TABLE_SLOTS + i].generation = UINT32_MAX - 1;
    }
    assert_int_equal(fill_table(table), CAP_TABLE_SLOTS);
    cap_table_clear(&space, table);
}

static void table_of_retired_slots_stays_full_for_ever(void **state)
{
    cap_handle_t source = root_in(8, CAP_RIGHTS_ALL);
    cap_handle_t out = UNTOUCHED;

    (void)state;
    retire_table(7);
    assert_int_equal(used_slots(), 1);
    assert_false(cap_table_has_room(&space, 7));
    assert_refused(cap_insert_root(&space, 7, console, &out), STATUS_CAPS_EXHAUSTED);
    assert_refused(cap_copy(&space, 8, source, 0, 7, &out), STATUS_CAPS_EXHAUSTED);
    assert_refused(cap_derive(&space, 8, source, 0, 7, &out), STATUS_CAPS_EXHAUSTED);
    park(8, source, 0);
    assert_refused(cap_unpark(&space, 0, 7, &out), STATUS_CAPS_EXHAUSTED);
    assert_true(out.raw == UNTOUCHED.raw);
    space_snapshot();
    cap_table_clear(&space, 7);
    assert_space_untouched();
}

static void slot_left_by_a_transfer_is_retired_too(void **state)
{
    cap_handle_t handle = root_in(9, CAP_RIGHTS_ALL);

    (void)state;
    slot_of(9, handle)->generation = UINT32_MAX - 1;
    park(9, cap_handle_make(UINT32_MAX - 1, cap_handle_index(handle)), 0);
    assert_int_equal(fill_table(9), CAP_TABLE_SLOTS - 1);
}

static void table_number_out_of_range_panics(void **state)
{
    static const unsigned tables[] = {CAP_TABLES, CAP_TABLES + 1, UINT32_MAX};
    struct capability cap;
    cap_handle_t out;

    (void)state;
    (void)root_in(0, CAP_RIGHTS_ALL);
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        unsigned table = tables[i];

        assert_panics(no_status(cap_insert_root(&space, table, console, &out)));
        assert_panics(no_status(cap_lookup(&space, table, UNTOUCHED, &cap)));
        assert_panics(cap_table_clear(&space, table));
        assert_panics((void)cap_table_has_room(&space, table));
    }
}

/* A bug of the caller does not hide behind a mistake of the user. */
static void table_number_out_of_range_panics_also_with_a_wrong_kind(void **state)
{
    cap_handle_t out;

    (void)state;
    assert_panics(no_status(cap_insert_root(&space, CAP_TABLES, (struct capability){0}, &out)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(handle_packs_generation_above_index),
        cmocka_unit_test(null_handle_is_all_ones),
        space_test(init_empties_whatever_was_there),
        space_test(root_is_found_in_its_table_with_all_it_holds),
        space_test(root_without_a_known_kind_is_refused),
        space_test(root_into_a_full_table_is_refused),
        space_test(wrong_kind_is_said_before_a_full_table),
        space_test(lookup_refuses_what_names_nothing),
        space_test(lookup_does_not_reach_into_the_next_table),
        space_test(freed_handle_stays_stale_when_its_slot_is_used_again),
        space_test(slot_is_retired_where_its_generation_would_wrap),
        space_test(table_of_retired_slots_stays_full_for_ever),
        space_test(slot_left_by_a_transfer_is_retired_too),
        space_test(table_number_out_of_range_panics),
        space_test(table_number_out_of_range_panics_also_with_a_wrong_kind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
