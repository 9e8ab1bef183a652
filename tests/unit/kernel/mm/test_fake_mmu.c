/*
 * The fake MMU itself: each of its rules is seen to be broken by tables that are handled wrongly,
 * and kept by tables that are handled well.
 */
#include "world.h"

#define ROOT 1U /* frames of the RAM */
#define L1   2U
#define L2   3U
#define L3   4U
#define NEW  5U

static uint64_t *slot(uint32_t frame, unsigned level)
{
    return &(
        (uint64_t *)(uintptr_t)fake_ram_frame(frame).value)[hal_mmu_index(level, user_va(HOME))];
}

static uint64_t table(uint32_t frame)
{
    uint64_t raw = 0;

    assert_true(hal_mmu_encode_table(fake_ram_frame(frame), 1, &raw));
    return raw;
}

static uint64_t page(uint64_t pa)
{
    uint64_t raw = 0;

    assert_true(hal_mmu_encode_page((paddr_t){pa}, USER_READ_WRITE, &raw));
    return raw;
}

/* Frames 0 to 7 are taken, 1 to 4 make one mapped page, and the CPU walks it. */
static int setup(void **state)
{
    struct world *world = world_start(WORLD_FRAMES);
    paddr_t frame;

    *state = world;
    for (unsigned i = 0; i < 8; i++) {
        assert_int_equal(pmm_alloc(&world->pmm, &frame), STATUS_OK);
    }
    hal_mmu_write_entry(slot(L3, 3), page(PAGE_SIZE));
    hal_mmu_write_entry(slot(L2, 2), table(L3));
    hal_mmu_write_entry(slot(L1, 1), table(L2));
    hal_mmu_write_entry(slot(ROOT, 0), table(L1));
    hal_mmu_install_user_root(fake_ram_frame(ROOT));
    assert_true(fake_mmu_settled());
    assert_null(fake_mmu_violation());
    return 0;
}

static void release(struct world *world, uint32_t frame)
{
    assert_int_equal(pmm_free(&world->pmm, fake_ram_frame(frame)), STATUS_OK);
}

static bool sees(uint64_t pa)
{
    enum user_rights rights;
    paddr_t found;

    return fake_mmu_access(user_va(HOME + 3), &found, &rights) && found.value == pa + 3 &&
           rights == USER_READ_WRITE;
}

static void what_is_not_published_is_not_seen(void **state)
{
    (void)state;
    assert_true(sees(PAGE_SIZE));
    hal_mmu_write_entry(slot(L3, 3), 0);
    assert_true(sees(PAGE_SIZE));
    assert_false(fake_mmu_settled());
    assert_true(fake_mmu_may_be_stale(user_va(HOME)));
    hal_mmu_publish();
    assert_false(sees(PAGE_SIZE));
    assert_false(fake_mmu_settled());
    assert_true(fake_mmu_may_be_stale(user_va(HOME + PAGE_SIZE - 1)));
    assert_false(fake_mmu_may_be_stale(user_va(HOME + PAGE_SIZE)));
    hal_mmu_flush_va(user_va(HOME + PAGE_SIZE));
    assert_false(fake_mmu_settled());
    hal_mmu_flush_va(user_va(HOME));
    assert_true(fake_mmu_settled());
    hal_mmu_write_entry(slot(L3, 3), page(0));
    assert_false(sees(0));
    hal_mmu_order_writes();
    assert_false(sees(0));
    hal_mmu_publish();
    assert_true(sees(0));
    assert_null(fake_mmu_violation());
}

static void closing_and_installing_forget_everything(void **state)
{
    (void)state;
    hal_mmu_write_entry(slot(L2, 2), 0);
    hal_mmu_close_user_half();
    assert_true(fake_mmu_settled());
    assert_false(sees(PAGE_SIZE));
    hal_mmu_write_entry(slot(L2, 2), table(L3));
    assert_true(fake_mmu_settled());
    hal_mmu_install_user_root(fake_ram_frame(ROOT));
    assert_true(sees(PAGE_SIZE));
    assert_null(fake_mmu_violation());
}

static void a_table_cut_off_covers_all_below(void **state)
{
    (void)state;
    hal_mmu_write_entry(slot(L1, 1), 0);
    assert_true(fake_mmu_may_be_stale(user_va(HOME + neighbour[2])));
    assert_false(fake_mmu_may_be_stale(user_va(HOME + neighbour[1])));
    /* What is written in a table that may be walked still is not settled either. */
    hal_mmu_flush_va(user_va(HOME + neighbour[2]));
    assert_true(fake_mmu_may_be_stale(user_va(HOME)));
    hal_mmu_flush_all();
    assert_true(fake_mmu_settled());
    hal_mmu_write_entry(slot(L3, 3), 0);
    assert_true(fake_mmu_settled());
    assert_null(fake_mmu_violation());
}

static void a_table_given_back_before_it_is_forgotten(void **state)
{
    hal_mmu_write_entry(slot(L3, 3), 0);
    hal_mmu_write_entry(slot(L2, 2), 0);
    release(*state, L3);
    assert_non_null(fake_mmu_violation());
}

static void a_table_given_back_just_before_the_invalidation(void **state)
{
    hal_mmu_write_entry(slot(L3, 3), 0);
    hal_mmu_write_entry(slot(L2, 2), 0);
    release(*state, L3);
    hal_mmu_flush_va(user_va(HOME));
    assert_non_null(fake_mmu_violation());
}

static void a_table_given_back_after_the_invalidation(void **state)
{
    hal_mmu_write_entry(slot(L3, 3), 0);
    hal_mmu_write_entry(slot(L2, 2), 0);
    hal_mmu_flush_va(user_va(HOME));
    release(*state, L3);
    assert_null(fake_mmu_violation());
}

static void a_table_given_back_while_linked(void **state)
{
    release(*state, L2);
    assert_non_null(fake_mmu_violation());
}

static void a_root_given_back_while_installed(void **state)
{
    release(*state, ROOT);
    assert_non_null(fake_mmu_violation());
}

static void a_table_handed_out_again_before_it_is_forgotten(void **state)
{
    struct world *world = *state;
    paddr_t frame;

    hal_mmu_write_entry(slot(L3, 3), 0);
    hal_mmu_write_entry(slot(L2, 2), 0);
    release(world, L3);
    assert_int_equal(pmm_alloc(&world->pmm, &frame), STATUS_OK);
    assert_int_equal(frame.value, fake_ram_frame(L3).value);
    assert_non_null(fake_mmu_violation());
}

static void a_page_replaced_without_a_break(void **state)
{
    (void)state;
    hal_mmu_write_entry(slot(L3, 3), page(0));
    assert_non_null(fake_mmu_violation());
}

static void a_page_replaced_without_invalidation(void **state)
{
    (void)state;
    hal_mmu_write_entry(slot(L3, 3), 0);
    hal_mmu_publish();
    hal_mmu_write_entry(slot(L3, 3), page(0));
    assert_non_null(fake_mmu_violation());
}

static void the_same_page_made_again(void **state)
{
    (void)state;
    hal_mmu_write_entry(slot(L3, 3), 0);
    hal_mmu_write_entry(slot(L3, 3), page(PAGE_SIZE));
    assert_null(fake_mmu_violation());
}

static void a_table_replaced_without_invalidation(void **state)
{
    (void)state;
    hal_mmu_write_entry(slot(L3, 3), 0);
    hal_mmu_write_entry(slot(L2, 2), 0);
    hal_mmu_order_writes();
    hal_mmu_write_entry(slot(L2, 2), table(NEW));
    assert_non_null(fake_mmu_violation());
}

static void a_count_in_a_live_entry_changed(void **state)
{
    uint64_t raw;

    (void)state;
    assert_true(hal_mmu_encode_table(fake_ram_frame(L3), 300, &raw));
    hal_mmu_write_entry(slot(L2, 2), raw);
    assert_true(fake_mmu_settled());
    assert_null(fake_mmu_violation());
}

static uint64_t *far_slot(uint32_t frame, unsigned level)
{
    return slot(frame, level) + 1;
}

static void a_table_linked_in_the_same_breath_as_it_is_filled(void **state)
{
    (void)state;
    hal_mmu_order_writes();
    hal_mmu_write_entry(slot(NEW, 3), page(0));
    hal_mmu_write_entry(far_slot(L2, 2), table(NEW));
    assert_non_null(fake_mmu_violation());
}

static void a_table_linked_after_an_order(void **state)
{
    (void)state;
    hal_mmu_write_entry(slot(NEW, 3), page(0));
    hal_mmu_order_writes();
    hal_mmu_write_entry(far_slot(L2, 2), table(NEW));
    assert_null(fake_mmu_violation());
}

/* The link is ordered after the table at its end, but not after the one below. */
static void a_chain_linked_before_all_of_it_is_ordered(void **state)
{
    (void)state;
    hal_mmu_write_entry(slot(NEW, 2), table(NEW + 1));
    hal_mmu_order_writes();
    hal_mmu_write_entry(slot(NEW + 1, 3), page(0));
    hal_mmu_write_entry(far_slot(L1, 1), table(NEW));
    assert_non_null(fake_mmu_violation());
}

static void a_fresh_frame_linked_before_its_zeros_are_ordered(void **state)
{
    struct world *world = *state;
    uint64_t raw;
    paddr_t frame;

    hal_mmu_order_writes();
    assert_int_equal(pmm_alloc(&world->pmm, &frame), STATUS_OK);
    assert_true(hal_mmu_encode_table(frame, 0, &raw));
    hal_mmu_write_entry(far_slot(L2, 2), raw);
    assert_non_null(fake_mmu_violation());
}

static void a_free_frame_linked_read_written_or_installed(void **state)
{
    struct world *world = *state;

    hal_mmu_write_entry(far_slot(L2, 2), table(20));
    assert_non_null(fake_mmu_violation());
    fake_mmu_reset(&world->pmm);
    (void)hal_mmu_read_entry(slot(20, 0));
    assert_non_null(fake_mmu_violation());
    fake_mmu_reset(&world->pmm);
    hal_mmu_write_entry(slot(20, 0), 0);
    assert_non_null(fake_mmu_violation());
    fake_mmu_reset(&world->pmm);
    hal_mmu_install_user_root(fake_ram_frame(20));
    assert_non_null(fake_mmu_violation());
}

static void the_format_keeps_what_it_is_given(void **state)
{
    (void)state;
    for (uint32_t live = 0; live <= MMU_TABLE_ENTRIES; live++) {
        uint64_t pa = (uint64_t)live * 0x7FFFFF000ULL % USER_VA_END;
        uint64_t raw = 0;

        assert_true(hal_mmu_encode_table((paddr_t){pa}, live, &raw));
        for (unsigned level = 0; level < 3; level++) {
            struct mmu_entry entry = hal_mmu_decode(raw, level);

            assert_int_equal(entry.kind, MMU_ENTRY_TABLE);
            assert_int_equal(entry.pa.value, pa);
            assert_int_equal(entry.live, live);
        }
        assert_int_equal(hal_mmu_decode(raw, 3).kind, MMU_ENTRY_BLOCK);
        assert_int_equal(hal_mmu_decode(page(pa), 3).pa.value, pa);
        assert_int_equal(hal_mmu_decode(page(pa), 2).kind, MMU_ENTRY_BLOCK);
    }
    assert_int_equal(hal_mmu_decode(FAKE_MMU_BLOCK_RAW, 0).kind, MMU_ENTRY_BLOCK);
    assert_int_equal(hal_mmu_decode(FAKE_MMU_BLOCK_RAW, 3).kind, MMU_ENTRY_BLOCK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_is_not_published_is_not_seen, setup),
        cmocka_unit_test_setup(closing_and_installing_forget_everything, setup),
        cmocka_unit_test_setup(a_table_cut_off_covers_all_below, setup),
        cmocka_unit_test_setup(a_table_given_back_before_it_is_forgotten, setup),
        cmocka_unit_test_setup(a_table_given_back_just_before_the_invalidation, setup),
        cmocka_unit_test_setup(a_table_given_back_after_the_invalidation, setup),
        cmocka_unit_test_setup(a_table_given_back_while_linked, setup),
        cmocka_unit_test_setup(a_root_given_back_while_installed, setup),
        cmocka_unit_test_setup(a_table_handed_out_again_before_it_is_forgotten, setup),
        cmocka_unit_test_setup(a_page_replaced_without_a_break, setup),
        cmocka_unit_test_setup(a_page_replaced_without_invalidation, setup),
        cmocka_unit_test_setup(the_same_page_made_again, setup),
        cmocka_unit_test_setup(a_table_replaced_without_invalidation, setup),
        cmocka_unit_test_setup(a_count_in_a_live_entry_changed, setup),
        cmocka_unit_test_setup(a_table_linked_in_the_same_breath_as_it_is_filled, setup),
        cmocka_unit_test_setup(a_table_linked_after_an_order, setup),
        cmocka_unit_test_setup(a_chain_linked_before_all_of_it_is_ordered, setup),
        cmocka_unit_test_setup(a_fresh_frame_linked_before_its_zeros_are_ordered, setup),
        cmocka_unit_test_setup(a_free_frame_linked_read_written_or_installed, setup),
        cmocka_unit_test_setup(the_format_keeps_what_it_is_given, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
