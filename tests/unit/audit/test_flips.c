/* Flips: what the rules report, what must be listed, and what a list must not hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "flip.h"
#include "space_build.h"

/* Two pages of a kernel and one table of it: few enough to flip all of them. */
static void begin(struct space *space)
{
    space_begin(space, 12);
    space->item.snapshot.regs.tcr |= TCR_EL1_EPD0_BIT;
    space_map(space, KERNEL_VA(space), KERNEL_PA, 3, 1, KERNEL_TEXT);
    space_map(space, KERNEL_VA(space) + 0x1000, KERNEL_PA + 0x1000, 3, 1, KERNEL_DATA);
}

static void run(struct flips *flips, struct space *space)
{
    space_judge(space, NULL);
    assert_int_equal(space->item.code, EXIT_HELD);
    flips_run(flips, &space->item, 0);
}

static void test_unlisted_flips_are_red(void **state)
{
    struct space space;
    struct flips flips;
    uint64_t unseen = 0;

    (void)state;
    begin(&space);
    run(&flips, &space);
    assert_int_equal(flips.descriptors[FLIP_PAGE], 2);
    assert_int_equal(flips.descriptors[FLIP_TABLE], 2);
    assert_int_equal(flips.descriptors[FLIP_INVALID], 3 * 512 - 4);
    assert_int_equal(flips.total.flips, 4 * 64 + 3 * 512 - 4);
    assert_int_equal(flips.total.reported + flips.survivor_count, flips.total.flips);
    assert_int_equal(flips.code, EXIT_BROKEN);
    /* UXN is always seen, bits for software never. */
    assert_int_equal(flips.cells[FLIP_PAGE][54].reported, 2);
    assert_int_equal(flips.cells[FLIP_PAGE][54].rules[audit_rule_index("kernel-uxn")], 2);
    assert_int_equal(flips.cells[FLIP_PAGE][54].by_error, 2);
    assert_int_equal(flips.cells[FLIP_PAGE][55].reported, 0);
    for (uint64_t i = 0; i < flips.survivor_count; i++) {
        unseen += flips.survivors[i].kind == FLIP_PAGE && flips.survivors[i].bit == 55;
    }
    assert_int_equal(unseen, 2);
    flips_free(&flips);
    space_end(&space);
}

/* All that goes unseen, with the reasons; the list of a pack would be narrower. */
static struct audit_harmless harmless[] = {
    {.kind = "page", .high = 63, .low = 0, .why = "the test has no expected map"},
    {.kind = "table", .high = 63, .low = 0, .why = "the test has no expected map"},
};

static void test_listed_flips_are_green(void **state)
{
    struct space space;
    struct flips flips;

    (void)state;
    begin(&space);
    space.spec.harmless = harmless;
    space.spec.harmless_count = 2;
    run(&flips, &space);
    assert_int_equal(flips.survivor_count, 0);
    assert_int_equal(flips.harmless_unused, 0);
    assert_int_equal(flips.code, EXIT_HELD);
    assert_int_equal(flips.total.reported + flips.total.harmless, flips.total.flips);
    flips_free(&flips);
    space_end(&space);
}

static void test_a_line_that_covers_nothing_is_red(void **state)
{
    struct audit_harmless lines[3] = {
        harmless[0], harmless[1], {.kind = "block", .high = 1, .low = 1, .why = "there are none"}};
    struct space space;
    struct flips flips;

    (void)state;
    begin(&space);
    space.spec.harmless = lines;
    space.spec.harmless_count = 3;
    run(&flips, &space);
    assert_int_equal(flips.survivor_count, 0);
    assert_int_equal(flips.harmless_unused, 1);
    assert_false(flips.harmless_used[2]);
    assert_int_equal(flips.code, EXIT_BROKEN);
    flips_free(&flips);
    space_end(&space);

    /* Also a line for what the rules report in any case. */
    begin(&space);
    lines[2] = (struct audit_harmless){.kind = "page", .high = 54, .low = 54, .why = "wrong"};
    space.spec.harmless = lines;
    space.spec.harmless_count = 3;
    run(&flips, &space);
    assert_int_equal(flips.harmless_unused, 1);
    assert_int_equal(flips.code, EXIT_BROKEN);
    flips_free(&flips);
    space_end(&space);
}

/* The expected map sees more; the counts tell what would go unseen without it. */
static void test_the_expected_map_sees_more(void **state)
{
    struct audit_map_line lines[2] = {
        {.el1 = "r-x", .el0 = "---", .shareability = "inner", .global = true, .name = "text"},
        {.el1 = "rw-", .el0 = "---", .shareability = "inner", .global = true, .name = "data"},
    };
    struct space space;
    struct flips flips;

    (void)state;
    begin(&space);
    for (size_t i = 0; i < 2; i++) {
        uint64_t va = KERNEL_VA(&space) + i * 0x1000;

        lines[i].range = (struct audit_range){va, va + 0xfff};
        lines[i].pa = KERNEL_PA + i * 0x1000;
        lines[i].memory = space.item.scene.memory_words[0];
    }
    space.spec.has_map = true;
    space.spec.map = lines;
    space.spec.map_count = 2;
    run(&flips, &space);
    /* Global or not: only the map can know. */
    assert_int_equal(flips.cells[FLIP_PAGE][11].reported, 2);
    assert_int_equal(flips.cells[FLIP_PAGE][11].without_map, 0);
    assert_int_equal(flips.cells[FLIP_PAGE][54].without_map, 2);
    /* A page made invalid, a table cut off. */
    assert_int_equal(flips.cells[FLIP_PAGE][0].rules[audit_rule_index("expected-map")], 2);
    assert_int_equal(flips.cells[FLIP_TABLE][0].rules[audit_rule_index("expected-map")], 2);
    assert_true(flips.total.without_map < flips.total.reported);
    flips_free(&flips);
    space_end(&space);
}

/* A finding that is there already does not make a flip seen, wherever else it is told. */
static void test_known_findings_report_nothing(void **state)
{
    struct space space;
    struct flips flips;

    (void)state;
    begin(&space);
    space.item.snapshot.regs.sctlr |= SCTLR_EL1_WXN_BIT;
    *space_entry(&space, KERNEL_VA(&space) + 0x1000, 3) &= ~DESC_LEAF_PXN_BIT;
    space_judge(&space, "wx-mapping");
    assert_int_equal(space_findings(&space, "wx-mapping", AUDIT_NOTE), 1);
    flips_run(&flips, &space.item, (audit_selection)1 << audit_rule_index("wx-mapping"));
    /* nG changes the words of the note, not the matter. */
    assert_int_equal(flips.cells[FLIP_PAGE][11].reported, 0);
    /* Text made writable is a new note. */
    assert_int_equal(flips.cells[FLIP_PAGE][7].reported, 1);
    assert_int_equal(flips.cells[FLIP_PAGE][7].by_error, 0);
    flips_free(&flips);
    space_end(&space);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unlisted_flips_are_red),
        cmocka_unit_test(test_listed_flips_are_green),
        cmocka_unit_test(test_a_line_that_covers_nothing_is_red),
        cmocka_unit_test(test_the_expected_map_sees_more),
        cmocka_unit_test(test_known_findings_report_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
