/* rig_walk_tables: each reachable table once, whatever the tables point to. */
#include "fake.h"

#include <string.h>

#define FOUND_MAX 64

struct found {
    struct rig_walk_table table[FOUND_MAX];
    size_t count;
    size_t stop_after;
};

static int collect(void *user, const struct rig_walk_table *table)
{
    struct found *found = user;

    if (found->count < FOUND_MAX) {
        found->table[found->count] = *table;
    }
    found->count++;
    return found->count == found->stop_after;
}

static bool has(const struct found *found, uint64_t pa, unsigned level, unsigned upper,
                uint64_t size)
{
    unsigned times = 0;

    for (size_t i = 0; i < found->count && i < FOUND_MAX; i++) {
        const struct rig_walk_table *table = &found->table[i];
        times += table->pa == pa && table->level == level && table->upper == upper &&
                 table->size == size;
    }
    return times == 1;
}

static enum rig_walk_status tables_of(struct fake *fake, const struct rig_walk_regs *regs,
                                      int include_disabled, struct found *found)
{
    memset(found, 0, sizeof(*found));
    fake->reads = 0;
    return rig_walk_tables(regs, fake_read, fake, include_disabled, collect, found);
}

/* Lower: root -> a -> shared (three times); upper: root1 -> shared2; a block is no table. */
static struct rig_walk_regs tree(struct fake *fake, uint64_t pa[5])
{
    struct rig_walk_regs regs = fake_regs(12, 25);

    for (size_t i = 0; i < 5; i++) {
        pa[i] = fake_table(fake, 0x1000);
    }
    regs.ttbr0 = pa[0];
    regs.ttbr1 = pa[3];
    fake_write(fake, pa[0], pa[1] | D_TABLE);
    fake_write(fake, pa[0] + 8, UINT64_C(0x80000000) | D_BLOCK);
    fake_write(fake, pa[1], pa[2] | D_TABLE);
    fake_write(fake, pa[1] + 8, pa[2] | D_TABLE);
    fake_write(fake, pa[1] + 8 * 511, pa[2] | D_TABLE | UINT64_C(1) << 59);
    fake_write(fake, pa[2], pa[1] | D_PAGE); /* a page, not a table */
    fake_write(fake, pa[3] + 8 * 5, pa[4] | D_TABLE);
    return regs;
}

static void every_table_once(void **state)
{
    uint64_t pa[5];
    struct rig_walk_regs regs = tree(*state, pa);
    struct found found;

    assert_int_equal(tables_of(*state, &regs, 0, &found), RIG_WALK_OK);
    assert_int_equal(found.count, 5);
    assert_true(has(&found, pa[0], 1, 0, 0x1000));
    assert_true(has(&found, pa[1], 2, 0, 0x1000));
    assert_true(has(&found, pa[2], 3, 0, 0x1000));
    assert_true(has(&found, pa[3], 1, 1, 0x1000));
    assert_true(has(&found, pa[4], 2, 1, 0x1000));
    assert_int_equal(((struct fake *)*state)->reads, 4 * 512); /* level 3 is not read */
}

static void disabled_halves_on_request(void **state)
{
    uint64_t pa[5];
    struct rig_walk_regs regs = tree(*state, pa);
    struct found found;

    regs.tcr |= UINT64_C(1) << 23;
    assert_int_equal(tables_of(*state, &regs, 0, &found), RIG_WALK_OK);
    assert_int_equal(found.count, 3);
    assert_int_equal(tables_of(*state, &regs, 1, &found), RIG_WALK_OK);
    assert_int_equal(found.count, 5);
    regs.sctlr = 0;
    assert_int_equal(tables_of(*state, &regs, 0, &found), RIG_WALK_OK);
    assert_int_equal(found.count, 0);
    assert_int_equal(tables_of(*state, &regs, 1, &found), RIG_WALK_OK);
    assert_int_equal(found.count, 5);
}

static void loops_end(void **state)
{
    struct rig_walk_regs regs = fake_regs(12, 16);
    uint64_t root = fake_table(*state, 0x1000);
    struct found found;

    regs.ttbr0 = root;
    regs.ttbr1 = root;
    regs.tcr |= UINT64_C(1) << 23;
    for (uint64_t i = 0; i < 512; i++) {
        fake_write(*state, root + 8 * i, root | D_TABLE);
    }
    assert_int_equal(tables_of(*state, &regs, 0, &found), RIG_WALK_OK);
    assert_int_equal(found.count, 4);
    for (unsigned level = 0; level < 4; level++) {
        assert_true(has(&found, root, level, 0, 0x1000));
    }
}

static void small_root_has_its_own_size(void **state)
{
    struct rig_walk_regs regs = fake_regs(14, 16); /* level 0 has two entries */
    uint64_t root = fake_table(*state, 0x1000);
    uint64_t next = fake_table(*state, 0x4000);
    struct found found;

    regs.ttbr0 = root;
    regs.tcr |= UINT64_C(1) << 23;
    fake_write(*state, root + 8, next | D_TABLE);
    fake_write(*state, root + 16, (next + 0x4000) | D_TABLE); /* beyond the root */
    assert_int_equal(tables_of(*state, &regs, 0, &found), RIG_WALK_OK);
    assert_int_equal(found.count, 2);
    assert_true(has(&found, root, 0, 0, 16));
    assert_true(has(&found, next, 1, 0, 0x4000));
}

static void failed_reads_are_reported_and_the_rest_visited(void **state)
{
    uint64_t pa[5];
    struct rig_walk_regs regs = tree(*state, pa);
    struct fake *fake = *state;
    struct found found;

    fake->fail_pa = pa[1] + 8;
    fake->fail_outcome = 1;
    assert_int_equal(tables_of(fake, &regs, 0, &found), RIG_WALK_READ_FAILED);
    assert_int_equal(found.count, 5);
    fake->fail_outcome = -1;
    assert_int_equal(tables_of(fake, &regs, 0, &found), RIG_WALK_STOPPED);
    assert_int_equal(fake->reads, 512 + 512 + 2); /* both roots, then not one more */
}

static void visitor_can_stop(void **state)
{
    uint64_t pa[5];
    struct rig_walk_regs regs = tree(*state, pa);
    struct found found = {.stop_after = 2};

    assert_int_equal(rig_walk_tables(&regs, fake_read, *state, 0, collect, &found),
                     RIG_WALK_STOPPED);
    assert_int_equal(found.count, 2);
}

static void unusable_root_is_reported(void **state)
{
    uint64_t pa[5];
    struct rig_walk_regs regs = tree(*state, pa);
    struct found found;

    regs.tcr &= ~(UINT64_C(7) << 32); /* 32-bit PAs */
    regs.ttbr1 = UINT64_C(1) << 40;
    assert_int_equal(tables_of(*state, &regs, 0, &found), RIG_WALK_FAULT_ADDRESS_SIZE);
    assert_int_equal(found.count, 3); /* the lower half all the same */
}

/* Memory where every word is a table descriptor to somewhere else. */
static int endless_read(void *ctx, uint64_t pa, uint64_t *value)
{
    (void)ctx;
    *value = ((pa * UINT64_C(0x9e3779b97f4a7c15)) & UINT64_C(0x0000fffffffff000)) | D_TABLE;
    return 0;
}

static void endless_tables_end_at_the_limit(void **state)
{
    struct rig_walk_regs regs = fake_regs(12, 16);
    struct found found = {0};

    (void)state;
    assert_int_equal(rig_walk_tables(&regs, endless_read, NULL, 0, collect, &found),
                     RIG_WALK_LIMIT);
    assert_in_range(found.count, 64, RIG_WALK_TABLES_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_table_once, fake_setup, fake_teardown),
        cmocka_unit_test_setup_teardown(disabled_halves_on_request, fake_setup, fake_teardown),
        cmocka_unit_test_setup_teardown(loops_end, fake_setup, fake_teardown),
        cmocka_unit_test_setup_teardown(small_root_has_its_own_size, fake_setup, fake_teardown),
        cmocka_unit_test_setup_teardown(failed_reads_are_reported_and_the_rest_visited, fake_setup,
                                        fake_teardown),
        cmocka_unit_test_setup_teardown(visitor_can_stop, fake_setup, fake_teardown),
        cmocka_unit_test_setup_teardown(unusable_root_is_reported, fake_setup, fake_teardown),
        cmocka_unit_test_setup_teardown(endless_tables_end_at_the_limit, fake_setup, fake_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
