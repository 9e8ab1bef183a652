/* When there is no verdict: witnesses, missing tables, limits, nothing to judge. Merged findings.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "space_build.h"

static void begin(struct space *space)
{
    space_begin(space, 12);
    space_sound(space);
}

static void add_witness(struct space *space, uint64_t va, bool translates, uint64_t pa)
{
    struct snapshot *snapshot = &space->item.snapshot;

    snapshot->witnesses = reallocarray(snapshot->witnesses, snapshot->witness_count + 1,
                                       sizeof(snapshot->witnesses[0]));
    assert_non_null(snapshot->witnesses);
    snapshot->witnesses[snapshot->witness_count++] =
        (struct snapshot_witness){.va = va, .pa = pa, .translates = translates};
}

static void test_witnesses_that_agree(void **state)
{
    struct space space;

    (void)state;
    begin(&space);
    add_witness(&space, KERNEL_VA(&space) + 0x1234, true, KERNEL_PA + 0x1234);
    add_witness(&space, KERNEL_VA(&space) + 0x100000, false, 0);
    add_witness(&space, UINT64_C(0x0010000000000000), false, 0);
    space_judge(&space, NULL);
    assert_int_equal(space.item.witnesses.checked, 3);
    assert_int_equal(space.item.witnesses.differ, 0);
    assert_int_equal(space.item.code, EXIT_HELD);
    space_end(&space);
}

static void test_a_witness_that_differs_ends_the_judgement(void **state)
{
    static const struct {
        bool translates;
        uint64_t pa;
        const char *words;
    } answers[] = {
        {true, KERNEL_PA + 0x5000, "the emulator said 0x40205000, the walker says 0x40201000"},
        {false, 0, "the emulator said no translation, the walker says 0x40201000 (ok); 1 of 1"},
    };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct space space;

        begin(&space);
        add_witness(&space, KERNEL_VA(&space) + 0x1000, answers[i].translates, answers[i].pa);
        space_judge(&space, NULL);
        assert_int_equal(space.item.code, EXIT_NOT_JUDGED);
        assert_non_null(strstr(space.item.not_judged, answers[i].words));
        space_end(&space);
    }
}

/* The emulator's answer is a read at the level of the stop, and PAN counts. */
static void test_witnesses_under_pan_and_at_el0(void **state)
{
    struct space space;

    (void)state;
    begin(&space);
    space.item.snapshot.regs.pstate |= PSTATE_PAN_BIT;
    add_witness(&space, USER_DATA_VA, false, 0);
    space_judge(&space, NULL);
    assert_int_equal(space.item.witnesses.differ, 0);
    space_end(&space);

    begin(&space);
    space.item.snapshot.regs.pstate = 0;
    add_witness(&space, USER_DATA_VA, true, USER_DATA_PA);
    add_witness(&space, KERNEL_VA(&space), false, 0);
    space_judge(&space, NULL);
    assert_int_equal(space.item.witnesses.differ, 0);
    space_end(&space);
}

/* QEMU takes blocks where the architecture has none. */
static void test_known_departures_are_left_out(void **state)
{
    struct space space;

    (void)state;
    space_begin(&space, 12);
    space.item.snapshot.regs.tcr &= ~TCR_EL1_T0SZ_MASK;
    space.item.snapshot.regs.tcr |= UINT64_C(16) << TCR_EL1_T0SZ_SHIFT;
    space_map(&space, USER_DATA_VA, USER_DATA_PA, 3, 1, USER_DATA);
    *space_entry(&space, UINT64_C(1) << 39, 0) = KERNEL_DATA | DESC_VALID_BIT;
    add_witness(&space, (UINT64_C(1) << 39) + 0x40000000, true, 0x40000000);
    space_judge(&space, "wx-mapping");
    assert_int_equal(space.item.witnesses.differ, 0);
    assert_int_equal(space.item.witnesses.left_out, 1);
    space_end(&space);
}

static void test_a_missing_table_ends_the_judgement(void **state)
{
    struct space space;

    (void)state;
    begin(&space);
    *space_entry(&space, 0x30000000, 2) = (RAM_PA + 0x1000) | DESC_TYPE_BIT | DESC_VALID_BIT;
    space_judge(&space, NULL);
    assert_int_equal(space.item.code, EXIT_NOT_JUDGED);
    assert_non_null(strstr(space.item.not_judged, "lacks a table"));
    assert_non_null(strstr(space.item.not_judged, "0x40001000"));
    space_end(&space);
}

/* Every entry of the root leads to the root: 512 to the power of 3 pages. */
static void test_a_full_self_map_is_bounded(void **state)
{
    struct space space;

    (void)state;
    space_begin(&space, 12);
    for (uint64_t i = 0; i < 512; i++) {
        *space_entry(&space, i << 30, 1) =
            space.item.snapshot.regs.ttbr0 | DESC_TYPE_BIT | DESC_VALID_BIT;
    }
    space_judge(&space, NULL);
    assert_int_equal(space.item.code, EXIT_NOT_JUDGED);
    assert_non_null(strstr(space.item.not_judged, "more than is followed"));
    space_end(&space);
}

/* One such entry is a window onto the tables, and is followed to its end. */
static void test_a_recursive_entry_is_followed(void **state)
{
    struct space space;
    uint64_t window;

    (void)state;
    begin(&space);
    window = space_upper(&space) + (UINT64_C(511) << 30);
    *space_entry(&space, window, 1) =
        space.item.snapshot.regs.ttbr1 | DESC_TYPE_BIT | DESC_VALID_BIT | KERNEL_DATA;
    space_judge(&space, NULL);
    assert_string_equal(space.item.not_judged, "");
    space_expect(&space, "table-loop", AUDIT_NOTE, window, "reached from itself");
    /* The tables are pages there, and descriptors without PXN can be executed. */
    space_expect(&space, "table-writable", AUDIT_ERROR, window + (UINT64_C(1) << 21),
                 "may be executed");
    space_end(&space);
}

/* A chain of tables that leads back, over levels, without a leaf. */
static void test_a_loop_without_leaves_is_nothing_to_judge(void **state)
{
    struct space space;

    (void)state;
    space_begin(&space, 12);
    *space_entry(&space, 0, 1) = space.item.snapshot.regs.ttbr1 | DESC_TYPE_BIT | DESC_VALID_BIT;
    *space_entry(&space, space_upper(&space), 1) =
        space.item.snapshot.regs.ttbr0 | DESC_TYPE_BIT | DESC_VALID_BIT;
    space_judge(&space, "table-loop");
    assert_true(space_findings(&space, "table-loop", AUDIT_NOTE) >= 1);
    space_end(&space);
}

static void test_nothing_to_judge(void **state)
{
    struct space space;

    (void)state;
    space_begin(&space, 12);
    space_judge(&space, NULL);
    assert_int_equal(space.item.code, EXIT_NOT_JUDGED);
    assert_string_equal(space.item.not_judged, "zero checks: neither half maps anything");
    space_end(&space);

    begin(&space);
    space.item.snapshot.regs.sctlr &= ~SCTLR_EL1_M_BIT;
    space_judge(&space, NULL);
    assert_int_equal(space.item.code, EXIT_NOT_JUDGED);
    assert_string_equal(space.item.not_judged, "zero checks: the MMU is off");
    space_end(&space);

    begin(&space);
    space.item.snapshot.walkable = false;
    space.item.snapshot.not_walkable = "EL3 is not walked";
    space_judge(&space, NULL);
    assert_int_equal(space.item.code, EXIT_NOT_JUDGED);
    assert_string_equal(space.item.not_judged, "EL3 is not walked");
    space_end(&space);
}

/* Neighbours of which the same is to be said are one finding; what differs is another. */
static void test_neighbours_are_merged(void **state)
{
    struct space space;
    const struct audit_finding *finding;

    (void)state;
    begin(&space);
    /* Frames not in order: one finding all the same. */
    for (uint64_t i = 0; i < 8; i++) {
        space_map(&space, 0x30000000 + i * 0x1000, USER_DATA_PA + (7 - i) * 0x1000, 3, 1,
                  USER_DATA & ~DESC_LEAF_UXN_BIT);
    }
    space_map(&space, 0x30008000, USER_DATA_PA + 0x10000, 3, 1,
              (USER_DATA & ~DESC_LEAF_UXN_BIT & ~DESC_LEAF_NG_BIT));
    space_judge(&space, "wx-mapping");
    assert_int_equal(space_findings(&space, "wx-mapping", -1), 2);
    finding = space_finding(&space, "wx-mapping", 0x30000000);
    assert_int_equal(finding->count, 8);
    assert_true(finding->scattered);
    assert_int_equal(finding->last, 0x30007fff);
    space_end(&space);
}

/* Tables in the byte order of SCTLR_EL1.EE. */
static void test_big_endian_tables(void **state)
{
    struct space space;
    uint64_t *words;

    (void)state;
    begin(&space);
    *space_entry(&space, KERNEL_VA(&space) + 0x8000, 3) &= ~DESC_LEAF_PXN_BIT;
    space.item.snapshot.regs.sctlr |= SCTLR_EL1_EE_BIT;
    words = (uint64_t *)(void *)space.item.snapshot.frames[0].bytes;
    for (uint64_t i = 0; i < space.item.snapshot.frames[0].size / 8; i++) {
        words[i] = __builtin_bswap64(words[i]);
    }
    space_judge(&space, "wx-mapping");
    assert_int_equal(space_findings(&space, NULL, AUDIT_ERROR), 1);
    space_expect(&space, "wx-mapping", AUDIT_ERROR, KERNEL_VA(&space) + 0x8000,
                 "write and execute");
    space_end(&space);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_witnesses_that_agree),
        cmocka_unit_test(test_a_witness_that_differs_ends_the_judgement),
        cmocka_unit_test(test_witnesses_under_pan_and_at_el0),
        cmocka_unit_test(test_known_departures_are_left_out),
        cmocka_unit_test(test_a_missing_table_ends_the_judgement),
        cmocka_unit_test(test_a_full_self_map_is_bounded),
        cmocka_unit_test(test_a_recursive_entry_is_followed),
        cmocka_unit_test(test_a_loop_without_leaves_is_nothing_to_judge),
        cmocka_unit_test(test_nothing_to_judge),
        cmocka_unit_test(test_neighbours_are_merged),
        cmocka_unit_test(test_big_endian_tables),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
