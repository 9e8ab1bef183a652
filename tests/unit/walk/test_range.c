/* Ranges: merging, clipping, gaps, whole halves, limits. */
#include "runs.h"

#define BIT(n) (UINT64_C(1) << (n))

static void assert_run(const struct rig_walk_run *run, uint64_t first, uint64_t last,
                       enum rig_walk_status status)
{
    assert_int_equal(run->first_va, first);
    assert_int_equal(run->last_va, last);
    assert_int_equal(run->status, status);
}

/* 2 MiB at 0x40200000: a block's worth of pages; 0x40400000: a block; text pages r-x inside. */
static struct rig_walk_regs image(struct fake *fake, uint64_t *pages)
{
    struct rig_walk_regs regs = fake_regs(12, 25);
    uint64_t root = fake_table(fake, 0x1000);
    uint64_t middle = fake_table(fake, 0x1000);

    *pages = fake_table(fake, 0x1000);
    regs.ttbr0 = root;
    regs.ttbr1 = root;
    fake_write(fake, root + 8, middle | D_TABLE);
    fake_write(fake, middle + 8, *pages | D_TABLE);
    fake_write(fake, middle + 16, UINT64_C(0x80400000) | D_BLOCK | BIT(2) | BIT(53) | BIT(54));
    for (uint64_t i = 0; i < 512; i++) {
        fake_write(fake, *pages + 8 * i,
                   (UINT64_C(0x80200000) + (i << 12)) | D_PAGE | BIT(2) | BIT(53) | BIT(54));
    }
    return regs;
}

static void pages_and_blocks_merge(void **state)
{
    uint64_t pages;
    struct rig_walk_regs regs = image(*state, &pages);
    struct runs *runs = runs_of(*state, &regs, 0, BIT(39) - 1);

    assert_int_equal(runs->count, 3);
    assert_run(&runs->run[0], 0, 0x401fffff, RIG_WALK_FAULT_TRANSLATION);
    assert_run(&runs->run[1], 0x40200000, 0x405fffff, RIG_WALK_OK);
    assert_run(&runs->run[2], 0x40600000, BIT(39) - 1, RIG_WALK_FAULT_TRANSLATION);
    assert_int_equal(runs->run[1].pa, 0x80200000);
    assert_int_equal(runs->run[1].level_min, 2);
    assert_int_equal(runs->run[1].level_max, 3);
    assert_int_equal(runs->run[1].smallest_leaf, 0x1000);
    assert_int_equal(runs->run[1].largest_leaf, 0x200000);
    assert_int_equal(runs->run[0].smallest_leaf, 0);
    assert_int_equal(((struct fake *)*state)->reads, 3 * 512);
}

/* The same with the block first: the sizes do not depend on the order. */
static void a_block_then_pages(void **state)
{
    uint64_t pages;
    struct rig_walk_regs regs = image(*state, &pages);
    struct runs *runs;

    fake_write(*state, ((struct fake *)*state)->next_table - 0x2000,
               UINT64_C(0x80000000) | D_BLOCK | BIT(2) | BIT(53) | BIT(54));
    runs = runs_of(*state, &regs, 0x40000000, 0x403fffff);
    assert_int_equal(runs->count, 1);
    assert_int_equal(runs->run[0].smallest_leaf, 0x1000);
    assert_int_equal(runs->run[0].largest_leaf, 0x200000);
    assert_int_equal(runs->run[0].level_min, 2);
    assert_int_equal(runs->run[0].level_max, 3);
}

static void one_different_page_splits(void **state)
{
    static const uint64_t differences[] = {
        BIT(0),  BIT(2),  BIT(6),  BIT(7),  BIT(8),  BIT(10),
        BIT(11), BIT(12), BIT(52), BIT(53), BIT(54),
    };
    uint64_t pages;
    struct rig_walk_regs regs = image(*state, &pages);
    uint64_t plain = UINT64_C(0x80210000) | D_PAGE | BIT(2) | BIT(53) | BIT(54);

    for (size_t i = 0; i < sizeof(differences) / sizeof(differences[0]); i++) {
        struct runs *runs;

        fake_write(*state, pages + 8 * 16, plain ^ differences[i]);
        runs = runs_of(*state, &regs, 0x40200000, 0x405fffff);
        assert_int_equal(runs->count, 3);
        assert_int_equal(runs->run[1].first_va, 0x40210000);
        assert_int_equal(runs->run[1].last_va, 0x40210fff);
    }
    fake_write(*state, pages + 8 * 16, plain | BIT(55)); /* a software bit is no attribute */
    assert_int_equal(runs_of(*state, &regs, 0x40200000, 0x405fffff)->count, 1);
}

static void ends_are_clipped_to_the_byte(void **state)
{
    uint64_t pages;
    struct rig_walk_regs regs = image(*state, &pages);
    struct runs *runs = runs_of(*state, &regs, 0x40201234, 0x40411111);

    assert_int_equal(runs->count, 1);
    assert_int_equal(runs->run[0].pa, 0x80201234);
    runs = runs_of(*state, &regs, 0x40200fff, 0x40200fff);
    assert_int_equal(runs->run[0].pa, 0x80200fff);
    runs = runs_of(*state, &regs, 0x405fffff, 0x40600000);
    assert_int_equal(runs->count, 2);
    runs = runs_of(*state, &regs, UINT64_MAX, UINT64_MAX);
    assert_run(&runs->run[0], UINT64_MAX, UINT64_MAX, RIG_WALK_FAULT_TRANSLATION);
}

static void empty_range_visits_nothing(void **state)
{
    uint64_t pages;
    struct rig_walk_regs regs = image(*state, &pages);
    struct runs *runs = runs_new();

    assert_int_equal(rig_walk_range(&regs, fake_read, *state, 2, 1, runs_collect, runs, 0),
                     RIG_WALK_OK);
    assert_int_equal(runs->count, 0);
}

/* All 2^64 addresses of an almost empty 48-bit map: a few thousand reads, never one per page. */
static void whole_space_reads_each_table_once(void **state)
{
    struct rig_walk_regs regs = fake_regs(12, 16);
    struct fake *fake = *state;
    uint64_t lower = fake_table(fake, 0x1000);
    uint64_t upper = fake_table(fake, 0x1000);
    struct runs *runs;

    regs.ttbr0 = lower;
    regs.ttbr1 = upper;
    runs = runs_of(fake, &regs, 0, UINT64_MAX);
    assert_int_equal(runs->count, 3);
    assert_run(&runs->run[0], 0, 0x0000ffffffffffff, RIG_WALK_FAULT_TRANSLATION);
    assert_run(&runs->run[1], 0x0001000000000000, 0xfffeffffffffffff, RIG_WALK_FAULT_HOLE);
    assert_run(&runs->run[2], 0xffff000000000000, UINT64_MAX, RIG_WALK_FAULT_TRANSLATION);
    assert_int_equal(fake->reads, 2 * 512);
    runs = runs_of(fake, &regs, 0xfffeffffffffffff, 0xffff000000000000);
    assert_int_equal(runs->count, 2);
    assert_int_equal(runs->run[1].status, RIG_WALK_FAULT_TRANSLATION);
    runs = runs_of(fake, &regs, 0x0000ffffffffffff, 0x0001000000000000);
    assert_int_equal(runs->count, 2);
    assert_int_equal(runs->run[1].status, RIG_WALK_FAULT_HOLE);
    regs.tcr |= BIT(23);
    runs = runs_of(fake, &regs, 0, UINT64_MAX);
    assert_run(&runs->run[2], 0xffff000000000000, UINT64_MAX, RIG_WALK_FAULT_WALK_DISABLED);
    assert_int_equal(fake->reads, 512);
}

static void tags_repeat_a_half_with_tbi(void **state)
{
    uint64_t pages;
    struct rig_walk_regs regs = image(*state, &pages);
    struct runs *runs;
    size_t mapped = 0;

    regs.tcr |= BIT(37);
    runs = runs_of(*state, &regs, 0, BIT(58) - 1); /* tags 0..3 */
    for (size_t i = 0; i < runs->count; i++) {
        mapped += runs->run[i].status == RIG_WALK_OK;
    }
    assert_int_equal(mapped, 4);
    regs.tcr &= ~BIT(37);
    runs = runs_of(*state, &regs, 0, BIT(58) - 1);
    assert_int_equal(runs->count, 4);
}

static void mmu_off_is_one_run(void **state)
{
    struct rig_walk_regs regs = fake_regs(12, 16);
    struct runs *runs;

    regs.sctlr = 0;
    runs = runs_of(*state, &regs, 0x1000, UINT64_MAX);
    assert_int_equal(runs->count, 2);
    assert_run(&runs->run[0], 0x1000, BIT(48) - 1, RIG_WALK_OK);
    assert_int_equal(runs->run[0].pa, 0x1000);
    assert_int_equal(runs->run[0].attr.flat, 1);
    assert_int_equal(runs->run[1].status, RIG_WALK_FAULT_ADDRESS_SIZE);
    assert_int_equal(((struct fake *)*state)->reads, 0);
}

static void unusable_half_is_one_run(void **state)
{
    struct rig_walk_regs regs = fake_regs(12, 16);
    struct runs *runs;

    regs.ttbr0 = fake_table(*state, 0x1000);
    regs.tcr |= UINT64_C(0x3f) << 16; /* T1SZ = 63 */
    runs = runs_of(*state, &regs, 0, UINT64_MAX);
    /* Where the upper half would begin is unknown: every address with VA[55] = 1 says so. */
    assert_int_equal(runs->run[runs->count - 1].status, RIG_WALK_FAULT_TRANSLATION);
    assert_int_equal(runs->run[runs->count - 1].reason, RIG_WALK_REASON_TXSZ);
    assert_int_equal(runs->run[runs->count - 1].first_va, 0xff80000000000000);
}

static void unreadable_table_is_a_gap(void **state)
{
    uint64_t pages;
    struct rig_walk_regs regs = image(*state, &pages);
    struct fake *fake = *state;
    struct runs *runs;

    fake_write(fake, regs.ttbr0, UINT64_C(0x10000000) | D_TABLE); /* no memory there */
    runs = runs_of(fake, &regs, 0, 0x40200fff);
    assert_int_equal(runs->count, 3);
    assert_run(&runs->run[0], 0, 0x3fffffff, RIG_WALK_READ_FAILED);
    assert_int_equal(runs->run[0].level_min, 2);
    assert_run(&runs->run[2], 0x40200000, 0x40200fff, RIG_WALK_OK);
}

static void reader_can_stop_the_range(void **state)
{
    uint64_t pages;
    struct rig_walk_regs regs = image(*state, &pages);
    struct fake *fake = *state;
    struct runs *runs = runs_new();

    fake->fail_pa = pages;
    fake->fail_outcome = -1;
    assert_int_equal(rig_walk_range(&regs, fake_read, fake, 0, UINT64_MAX, runs_collect, runs, 0),
                     RIG_WALK_STOPPED);
    assert_int_equal(fake->reads, 2 + 2 + 1);
}

static void visitor_can_stop_the_range(void **state)
{
    uint64_t pages;
    struct rig_walk_regs regs = image(*state, &pages);
    struct runs *runs = runs_new();

    runs->stop_after = 2;
    assert_int_equal(rig_walk_range(&regs, fake_read, *state, 0, UINT64_MAX, runs_collect, runs, 0),
                     RIG_WALK_STOPPED);
    assert_int_equal(runs->count, 2);
}

/* Every entry of the root is the root: 2^36 pages. The limit ends it, with what was found. */
static void looping_tables_end_at_the_limit(void **state)
{
    struct rig_walk_regs regs = fake_regs(12, 16);
    struct fake *fake = *state;
    uint64_t root = fake_table(fake, 0x1000);
    struct runs *runs = runs_new();

    regs.ttbr0 = root;
    for (uint64_t i = 0; i < 512; i++) {
        fake_write(fake, root + 8 * i, root | D_PAGE);
    }
    assert_int_equal(
        rig_walk_range(&regs, fake_read, fake, 0, BIT(48) - 1, runs_collect, runs, 1000),
        RIG_WALK_LIMIT);
    assert_int_equal(fake->reads, 1000);
    /* 3 reads to get down, 512 pages, 1 read at level 2, 484 pages; every page is its own run */
    assert_int_equal(runs->count, 996);
    assert_int_equal(runs->run[995].pa, root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(pages_and_blocks_merge, fake_setup, fake_teardown),
        cmocka_unit_test_setup_teardown(a_block_then_pages, fake_setup, fake_teardown),
        cmocka_unit_test_setup_teardown(one_different_page_splits, fake_setup, fake_teardown),
        cmocka_unit_test_setup_teardown(ends_are_clipped_to_the_byte, fake_setup, fake_teardown),
        cmocka_unit_test_setup_teardown(empty_range_visits_nothing, fake_setup, fake_teardown),
        cmocka_unit_test_setup_teardown(whole_space_reads_each_table_once, fake_setup,
                                        fake_teardown),
        cmocka_unit_test_setup_teardown(tags_repeat_a_half_with_tbi, fake_setup, fake_teardown),
        cmocka_unit_test_setup_teardown(mmu_off_is_one_run, fake_setup, fake_teardown),
        cmocka_unit_test_setup_teardown(unusable_half_is_one_run, fake_setup, fake_teardown),
        cmocka_unit_test_setup_teardown(unreadable_table_is_a_gap, fake_setup, fake_teardown),
        cmocka_unit_test_setup_teardown(reader_can_stop_the_range, fake_setup, fake_teardown),
        cmocka_unit_test_setup_teardown(visitor_can_stop_the_range, fake_setup, fake_teardown),
        cmocka_unit_test_setup_teardown(looping_tables_end_at_the_limit, fake_setup, fake_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
