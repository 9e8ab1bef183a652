/* Sound address spaces: no rule says anything of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "space_build.h"

static void expect_sound(struct space *space)
{
    space_judge(space, NULL);
    if (space->item.code != EXIT_HELD || space_findings(space, NULL, AUDIT_ERROR) != 0) {
        audit_report_text(&space->item, stderr, false);
    }
    assert_int_equal(space_findings(space, NULL, AUDIT_ERROR), 0);
    assert_string_equal(space->item.not_judged, "");
    assert_int_equal(space->item.code, EXIT_HELD);
}

/* A kernel with programs: the one note is that the kernel can write a program's text. */
static void test_sound_kernel_is_clean(void **state)
{
    struct space space;

    (void)state;
    space_begin(&space, 12);
    space_sound(&space);
    expect_sound(&space);
    assert_int_equal(space_findings(&space, NULL, AUDIT_NOTE), 1);
    space_expect(&space, "wx-alias", AUDIT_NOTE, USER_TEXT_VA, "privileged code can write");
    assert_int_equal(space.item.leaves, 4 + 4 + 4 + 1 + 8 + 504 + 62 + 1 + 2 + 2);
    space_end(&space);
}

/* What Linux does on arm64, kind by kind. */
static void test_what_linux_does_is_clean(void **state)
{
    struct space space;
    uint64_t module;

    (void)state;
    space_begin(&space, 12);
    space_sound(&space);
    module = KERNEL_VA(&space) + 0x10000000;
    /* A module: its own text frames, read-only in the linear map; DBM is software's "writable". */
    space_map(&space, module, KERNEL_PA, 3, 1, KERNEL_TEXT);
    space_map(&space, module + 0x1000, RAM_PA + 0x100000, 3, 1, KERNEL_DATA | DESC_LEAF_DBM_BIT);
    /* Contiguous groups of pages and of blocks, user pages with software bits, old pages. */
    space_map(&space, 0x10000000, RAM_PA + 0x800000, 3, 16,
              USER_DATA | DESC_LEAF_CONTIGUOUS_BIT | DESC_LEAF_DBM_BIT);
    *space_entry(&space, 0x10003000, 3) |= UINT64_C(1) << 55;
    space_map(&space, 0x12000000, RAM_PA + 0x2000000, 2, 16, USER_DATA | DESC_LEAF_CONTIGUOUS_BIT);
    /* The vDSO and its data page, read-only to all. */
    space_map(&space, 0x20000000, KERNEL_PA + 0x4000, 3, 1, USER_TEXT);
    space_map(&space, 0x20001000, KERNEL_PA + 0x8000, 3, 1, USER_RO);
    /* fw_cfg fills 24 bytes of its page; the fixmap maps the UART once more. */
    space_map(&space, DEVICE_VA(&space) + 0x10000, 0x0b000000, 3, 1, DEVICE);
    space_map(&space, DEVICE_VA(&space) + 0x20000, DEVICE_PA, 3, 1, DEVICE);
    /* PXNTable on programs' tables and UXNTable on the kernel's take nothing away. */
    *space_entry(&space, USER_TEXT_VA, 2) |= DESC_TABLE_PXNTABLE_BIT;
    *space_entry(&space, KERNEL_VA(&space), 2) |= DESC_TABLE_UXNTABLE_BIT;
    expect_sound(&space);
    assert_int_equal(space_findings(&space, NULL, AUDIT_NOTE),
                     space_findings(&space, "wx-alias", AUDIT_NOTE));
    space_end(&space);
}

static void test_sound_el2_is_clean_and_has_no_el0(void **state)
{
    static const char *const about_el0[] = {"kernel-no-el0", "kernel-uxn", "user-pxn"};
    struct space space;

    (void)state;
    space_begin_el2(&space);
    space_map(&space, KERNEL_PA, KERNEL_PA, 3, 4, EL2_TEXT);
    space_map(&space, KERNEL_PA + 0x4000, KERNEL_PA + 0x4000, 3, 4, EL2_DATA);
    space_map(&space, DEVICE_PA, DEVICE_PA, 3, 1,
              LEAF(INDEX_DEVICE) | DESC_LEAF_AP_ALL_RW | DESC_LEAF_UXN_BIT);
    expect_sound(&space);
    assert_int_equal(space_findings(&space, NULL, -1), 0);
    for (size_t i = 0; i < 3; i++) {
        const struct audit_rule_result *rule =
            &space.item.result.rules[audit_rule_index(about_el0[i])];

        assert_false(rule->judged);
        assert_false(rule->blocks);
        assert_string_equal(rule->why_not, "the EL2 regime has no EL0");
    }
    space_end(&space);
}

static void test_sound_16k_and_64k_are_clean(void **state)
{
    static const unsigned granules[] = {14, 16};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        uint64_t page = UINT64_C(1) << granules[i];
        struct space space;

        space_begin(&space, granules[i]);
        space_map(&space, space_upper(&space), RAM_PA, 3, 2, KERNEL_TEXT);
        space_map(&space, space_upper(&space) + 2 * page, RAM_PA + 2 * page, 3, 2, KERNEL_DATA);
        space_map(&space, USER_DATA_VA, RAM_PA + 8 * page, 3, 1, USER_DATA);
        space_map(&space, space_upper(&space) + 8 * page, DEVICE_PA, 3, 1, DEVICE);
        expect_sound(&space);
        assert_int_equal(space_findings(&space, NULL, -1), 0);
        space_end(&space);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sound_kernel_is_clean),
        cmocka_unit_test(test_what_linux_does_is_clean),
        cmocka_unit_test(test_sound_el2_is_clean_and_has_no_el0),
        cmocka_unit_test(test_sound_16k_and_64k_are_clean),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
