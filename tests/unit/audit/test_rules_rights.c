/* Rules about rights: each broken once, and its nearest look-alike that is sound. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "space_build.h"

static void begin(struct space *space)
{
    space_begin(space, 12);
    space_sound(space);
}

static void test_wx_mapping(void **state)
{
    struct space space;

    (void)state;
    begin(&space);
    /* EL1's data without PXN, a program's data without UXN. */
    *space_entry(&space, KERNEL_VA(&space) + 0x9000, 3) &= ~DESC_LEAF_PXN_BIT;
    *space_entry(&space, USER_DATA_VA, 3) &= ~DESC_LEAF_UXN_BIT;
    space_judge(&space, "wx-mapping");
    assert_int_equal(space_findings(&space, "wx-mapping", -1), 2);
    space_expect(&space, "wx-mapping", AUDIT_ERROR, KERNEL_VA(&space) + 0x9000,
                 "privileged code may write and execute");
    space_expect(&space, "wx-mapping", AUDIT_ERROR, USER_DATA_VA, "EL0 may write and execute");
    assert_int_equal(space.item.code, EXIT_BROKEN);
    space_end(&space);
}

static void test_wxn_makes_it_a_note(void **state)
{
    struct space space;

    (void)state;
    begin(&space);
    space.item.snapshot.regs.sctlr |= SCTLR_EL1_WXN_BIT;
    *space_entry(&space, KERNEL_VA(&space) + 0x9000, 3) &= ~DESC_LEAF_PXN_BIT;
    *space_entry(&space, USER_DATA_VA, 3) &= ~DESC_LEAF_UXN_BIT;
    space_judge(&space, "wx-mapping");
    assert_int_equal(space_findings(&space, "wx-mapping", AUDIT_ERROR), 0);
    space_expect(&space, "wx-mapping", AUDIT_NOTE, KERNEL_VA(&space) + 0x9000, "WXN");
    space_expect(&space, "wx-mapping", AUDIT_NOTE, USER_DATA_VA, "WXN");
    assert_int_equal(space.item.code, EXIT_HELD);
    space_end(&space);
}

/* A leaf that only hardware makes writable: read-only with DBM, dirty state managed. */
static void test_dirty_state_counts_as_writable(void **state)
{
    for (unsigned managed = 0; managed < 2; managed++) {
        struct space space;

        (void)state;
        begin(&space);
        *space_entry(&space, KERNEL_VA(&space), 3) |= DESC_LEAF_DBM_BIT;
        if (managed != 0) {
            space.item.snapshot.regs.tcr |= TCR_EL1_HA_BIT | TCR_EL1_HD_BIT;
            space.item.snapshot.regs.id_aa64mmfr1 |= ID_AA64MMFR1_EL1_HAFDBS_DIRTY;
        }
        space_judge(&space, "wx-mapping");
        if (managed != 0) {
            space_expect(&space, "wx-mapping", AUDIT_ERROR, KERNEL_VA(&space), "write and execute");
        } else {
            space_expect_clean(&space, "wx-mapping");
        }
        space_end(&space);
    }
}

/* The access flag hides nothing: once it is set the rights are there. */
static void test_rights_count_without_access_flag(void **state)
{
    struct space space;

    (void)state;
    begin(&space);
    *space_entry(&space, KERNEL_VA(&space) + 0x9000, 3) &= ~(DESC_LEAF_PXN_BIT | DESC_LEAF_AF_BIT);
    space_judge(&space, "wx-mapping");
    space_expect(&space, "wx-mapping", AUDIT_ERROR, KERNEL_VA(&space) + 0x9000,
                 "write and execute");
    space_end(&space);
}

static void test_wx_alias_through_pages_and_blocks(void **state)
{
    struct space space;
    const struct audit_finding *finding;

    (void)state;
    begin(&space);
    /* The linear map's page of the second page of text stays writable. */
    *space_entry(&space, LINEAR_VA(&space) + 0x201000, 3) &= ~DESC_LEAF_AP_EL1_RO;
    space_judge(&space, "wx-alias");
    assert_int_equal(space_findings(&space, "wx-alias", AUDIT_ERROR), 1);
    space_expect(&space, "wx-alias", AUDIT_ERROR, KERNEL_VA(&space) + 0x1000,
                 "can be written elsewhere");
    finding = space_finding(&space, "wx-alias", KERNEL_VA(&space) + 0x1000);
    assert_int_equal(finding->first, KERNEL_VA(&space) + 0x1000);
    assert_int_equal(finding->last, KERNEL_VA(&space) + 0x1fff);
    assert_int_equal(finding->pa, KERNEL_PA + 0x1000);
    assert_int_equal(finding->other, LINEAR_VA(&space) + 0x201000);
    assert_int_equal(finding->count, 1);
    space_end(&space);

    /* A block of the linear map over all of the image. */
    begin(&space);
    *space_entry(&space, LINEAR_VA(&space) + 0x200000, 2) = 0;
    space_map(&space, LINEAR_VA(&space) + 0x200000, KERNEL_PA, 2, 1, KERNEL_DATA);
    space_judge(&space, "wx-alias");
    finding = space_finding(&space, "wx-alias", KERNEL_VA(&space));
    assert_non_null(finding);
    assert_int_equal(finding->level, AUDIT_ERROR);
    assert_int_equal(finding->last, KERNEL_VA(&space) + 0x3fff);
    assert_int_equal(finding->count, 4);
    space_end(&space);
}

static void test_wx_alias_of_programs(void **state)
{
    struct space space;

    (void)state;
    begin(&space);
    /* EL0 can write its own text at another address; a second read-only mapping is sound. */
    space_map(&space, 0x30000000, USER_TEXT_PA, 3, 1, USER_DATA);
    space_map(&space, 0x30001000, USER_TEXT_PA + 0x1000, 3, 1, USER_RO);
    space_judge(&space, "wx-alias");
    space_expect(&space, "wx-alias", AUDIT_ERROR, USER_TEXT_VA, "EL0 executes here what EL0 can");
    space_expect(&space, "wx-alias", AUDIT_NOTE, USER_TEXT_VA + 0x1000,
                 "privileged code can write");
    assert_int_equal(space_findings(&space, "wx-alias", AUDIT_ERROR), 1);
    space_end(&space);
}

/* What EL0 writes counts as an alias of the kernel's text, too. */
static void test_wx_alias_from_el0(void **state)
{
    struct space space;

    (void)state;
    begin(&space);
    space_map(&space, 0x30000000, KERNEL_PA, 3, 1, USER_DATA);
    space_judge(&space, NULL);
    space_expect(&space, "wx-alias", AUDIT_ERROR, KERNEL_VA(&space), "can be written elsewhere");
    space_expect(&space, "user-pxn", AUDIT_ERROR, KERNEL_VA(&space), "EL0 can write elsewhere");
    space_end(&space);
}

static void test_kernel_no_el0(void **state)
{
    static struct audit_region regions[] = {
        {.range = {KERNEL_PA, KERNEL_PA + 0xbfff}, .physical = true, .kernel = true, .name = "k"},
        {.range = {USER_TEXT_PA, USER_TEXT_PA + 0x1fff}, .physical = true, .name = "program"},
    };
    struct space space;
    uint64_t table;

    (void)state;
    begin(&space);
    space.spec.regions = regions;
    space.spec.region_count = 2;
    *space_entry(&space, KERNEL_VA(&space) + 0x8000, 3) |= DESC_LEAF_AP_ALL_RW;
    space_map(&space, 0x30000000, KERNEL_PA + 0x4000, 3, 1, USER_RO);
    table = space_table(&space, USER_TEXT_VA, 3);
    space_map(&space, 0x30010000, table, 3, 1, USER_RO);
    space_judge(&space, "kernel-no-el0");
    space_expect(&space, "kernel-no-el0", AUDIT_ERROR, KERNEL_VA(&space) + 0x8000, "upper half");
    space_expect(&space, "kernel-no-el0", AUDIT_ERROR, 0x30000000, "the kernel's image");
    space_expect(&space, "kernel-no-el0", AUDIT_ERROR, 0x30010000, "a translation table");
    assert_int_equal(space_findings(&space, "kernel-no-el0", -1), 3);
    space_end(&space);

    begin(&space);
    space.spec.regions = regions;
    space.spec.region_count = 2;
    space_judge(&space, "kernel-no-el0");
    space_expect_clean(&space, "kernel-no-el0");
    space_end(&space);
}

/* A virtual region names the frames that are mapped there, wherever else they appear. */
static void test_kernel_region_by_virtual_address(void **state)
{
    struct audit_region region = {.kernel = true, .name = "data"};
    struct space space;

    (void)state;
    begin(&space);
    region.range = (struct audit_range){KERNEL_VA(&space) + 0x8000, KERNEL_VA(&space) + 0xbfff};
    space.spec.regions = &region;
    space.spec.region_count = 1;
    space_map(&space, 0x30000000, KERNEL_PA + 0x7000, 3, 2, USER_RO);
    space_judge(&space, "kernel-no-el0");
    assert_int_equal(space_findings(&space, "kernel-no-el0", -1), 1);
    assert_null(space_finding(&space, "kernel-no-el0", 0x30000000));
    space_expect(&space, "kernel-no-el0", AUDIT_ERROR, 0x30001000, "the kernel's image");
    space_end(&space);
}

static void test_kernel_uxn(void **state)
{
    struct space space;

    (void)state;
    begin(&space);
    *space_entry(&space, KERNEL_VA(&space), 3) &= ~DESC_LEAF_UXN_BIT;
    /* Identity-mapped kernel text in the lower half, UXN forgotten; a program's execute-only page.
     */
    space_map(&space, 0x30000000, KERNEL_PA, 3, 1, KERNEL_TEXT & ~DESC_LEAF_UXN_BIT);
    space_map(&space, 0x30001000, USER_TEXT_PA, 3, 1,
              NORMAL | DESC_LEAF_AP_EL1_RO | DESC_LEAF_PXN_BIT | DESC_LEAF_NG_BIT);
    space_judge(&space, "kernel-uxn");
    space_expect(&space, "kernel-uxn", AUDIT_ERROR, KERNEL_VA(&space), "in the upper half");
    space_expect(&space, "kernel-uxn", AUDIT_ERROR, 0x30000000, "neither read nor write");
    space_expect(&space, "kernel-uxn", AUDIT_NOTE, 0x30001000, "execute-only");
    assert_int_equal(space_findings(&space, "kernel-uxn", -1), 3);
    space_end(&space);
}

/* E0PD keeps EL0 out of the half today; the descriptor is wrong all the same. */
static void test_kernel_uxn_counts_under_e0pd(void **state)
{
    struct space space;

    (void)state;
    begin(&space);
    space.item.snapshot.regs.tcr |= TCR_EL1_E0PD1_BIT;
    space.item.snapshot.regs.id_aa64mmfr2 |= UINT64_C(1) << ID_AA64MMFR2_EL1_E0PD_SHIFT;
    *space_entry(&space, KERNEL_VA(&space), 3) &= ~DESC_LEAF_UXN_BIT;
    space_judge(&space, "kernel-uxn");
    space_expect(&space, "kernel-uxn", AUDIT_ERROR, KERNEL_VA(&space), "in the upper half");
    space_end(&space);
}

static void test_user_pxn(void **state)
{
    static struct audit_region region = {.range = {KERNEL_PA, KERNEL_PA + 0xbfff},
                                         .physical = true,
                                         .kernel = true,
                                         .name = "kernel"};
    struct space space;

    (void)state;
    begin(&space);
    *space_entry(&space, USER_TEXT_VA, 3) &= ~DESC_LEAF_PXN_BIT;
    *space_entry(&space, USER_DATA_VA, 3) &= ~DESC_LEAF_PXN_BIT;
    space_map(&space, 0x30000000, KERNEL_PA + 0x1000, 3, 1, USER_RO);
    space_judge(&space, "user-pxn");
    space_expect(&space, "user-pxn", AUDIT_ERROR, USER_TEXT_VA, "EL1 may execute a page that EL0");
    space_expect(&space, "user-pxn", AUDIT_NOTE, USER_DATA_VA, "PXN is clear");
    space_expect(&space, "user-pxn", AUDIT_ERROR, KERNEL_VA(&space) + 0x1000, "EL0 can access");
    assert_int_equal(space_findings(&space, "user-pxn", -1), 3);
    space_end(&space);

    /* Readable frames of the kernel's image are kernel-no-el0's to tell. */
    begin(&space);
    space.spec.regions = &region;
    space.spec.region_count = 1;
    space_map(&space, 0x30000000, KERNEL_PA + 0x1000, 3, 1, USER_RO);
    space_judge(&space, NULL);
    space_expect_clean(&space, "user-pxn");
    space_expect(&space, "kernel-no-el0", AUDIT_ERROR, 0x30000000, "the kernel's image");
    space_end(&space);
}

static void test_table_writable(void **state)
{
    struct space space;
    uint64_t table;
    uint64_t linear;

    (void)state;
    begin(&space);
    table = space_table(&space, USER_TEXT_VA, 3);
    space_map(&space, 0x30000000, table, 3, 1, USER_DATA);
    linear = LINEAR_VA(&space) + (TABLES_PA - RAM_PA) / 0x200000 * 0x200000;
    *space_entry(&space, linear, 2) &= ~DESC_LEAF_PXN_BIT;
    space_judge(&space, "table-writable");
    space_expect(&space, "table-writable", AUDIT_ERROR, 0x30000000, "EL0 may write");
    space_expect(&space, "table-writable", AUDIT_ERROR, linear, "may be executed");
    space_end(&space);

    begin(&space);
    space_judge(&space, "table-writable");
    space_expect_clean(&space, "table-writable");
    space_end(&space);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wx_mapping),
        cmocka_unit_test(test_wxn_makes_it_a_note),
        cmocka_unit_test(test_dirty_state_counts_as_writable),
        cmocka_unit_test(test_rights_count_without_access_flag),
        cmocka_unit_test(test_wx_alias_through_pages_and_blocks),
        cmocka_unit_test(test_wx_alias_of_programs),
        cmocka_unit_test(test_wx_alias_from_el0),
        cmocka_unit_test(test_kernel_no_el0),
        cmocka_unit_test(test_kernel_region_by_virtual_address),
        cmocka_unit_test(test_kernel_uxn),
        cmocka_unit_test(test_kernel_uxn_counts_under_e0pd),
        cmocka_unit_test(test_user_pxn),
        cmocka_unit_test(test_table_writable),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
