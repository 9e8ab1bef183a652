/* Rules about what the pack says: guards, the linear map, the expected map; and waivers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "space_build.h"
#include "space_map.h"

static void begin(struct space *space)
{
    space_begin(space, 12);
    space_sound(space);
}

static void test_guard_page(void **state)
{
    for (unsigned broken = 0; broken < 2; broken++) {
        struct audit_guard guard = {.name = "below the boot stack", .why = "overruns fault"};
        struct space space;

        (void)state;
        begin(&space);
        guard.range = (struct audit_range){KERNEL_VA(&space) + 0xc000, KERNEL_VA(&space) + 0xcfff};
        space.spec.guards = &guard;
        space.spec.guard_count = 1;
        if (broken != 0) {
            space_map(&space, guard.range.first, RAM_PA + 0x700000, 3, 1, KERNEL_DATA);
        }
        space_judge(&space, "guard-page");
        if (broken != 0) {
            space_expect(&space, "guard-page", AUDIT_ERROR, guard.range.first,
                         "below the boot stack");
        } else {
            space_expect_clean(&space, "guard-page");
        }
        space_end(&space);
    }
}

static void set_offset(struct space *space)
{
    space->spec.has_offset = true;
    space->spec.offset = LINEAR_VA(space) - RAM_PA;
    space->spec.offset_range =
        (struct audit_range){LINEAR_VA(space), LINEAR_VA(space) + RAM_SIZE - 1};
}

static void test_linear_offset(void **state)
{
    struct space space;

    (void)state;
    begin(&space);
    set_offset(&space);
    space_judge(&space, "linear-offset");
    space_expect_clean(&space, "linear-offset");
    space_end(&space);

    /* Two blocks have changed places. */
    begin(&space);
    set_offset(&space);
    space_map(&space, LINEAR_VA(&space) + 0x1000000, RAM_PA + 0x1200000, 2, 1, KERNEL_DATA);
    space_map(&space, LINEAR_VA(&space) + 0x1200000, RAM_PA + 0x1000000, 2, 1, KERNEL_DATA);
    space_judge(&space, "linear-offset");
    space_expect(&space, "linear-offset", AUDIT_ERROR, LINEAR_VA(&space) + 0x1000000, "belongs at");
    space_expect(&space, "linear-offset", AUDIT_ERROR, LINEAR_VA(&space) + 0x1200000, "belongs at");
    assert_int_equal(space_finding(&space, "linear-offset", LINEAR_VA(&space) + 0x1000000)->count,
                     2);
    space_end(&space);
}

enum { LINES = 10 };

/* The map of space_sound(), line by line. */
static void set_map(struct space *space, struct audit_map_line *lines, const char *normal,
                    const char *device)
{
    const struct audit_map_line all[LINES] = {
        {.range = {USER_TEXT_VA, USER_TEXT_VA + 0x1fff},
         .pa_kind = AUDIT_PA_ANY_RAM,
         .el1 = "r--",
         .el0 = "r-x",
         .name = "program text"},
        {.range = {USER_DATA_VA, USER_DATA_VA + 0x1fff},
         .pa = USER_DATA_PA,
         .el1 = "rw-",
         .el0 = "rw-",
         .name = "program data"},
        {.range = {KERNEL_VA(space), KERNEL_VA(space) + 0x3fff},
         .pa = KERNEL_PA,
         .el1 = "r-x",
         .el0 = "---",
         .name = "kernel text"},
        {.range = {KERNEL_VA(space) + 0x4000, KERNEL_VA(space) + 0x7fff},
         .pa = KERNEL_PA + 0x4000,
         .el1 = "r--",
         .el0 = "---",
         .name = "kernel rodata"},
        {.range = {KERNEL_VA(space) + 0x8000, KERNEL_VA(space) + 0xbfff},
         .pa = KERNEL_PA + 0x8000,
         .el1 = "rw-",
         .el0 = "---",
         .name = "kernel data"},
        {.range = {LINEAR_VA(space), LINEAR_VA(space) + 0x1fffff},
         .pa = RAM_PA,
         .el1 = "rw-",
         .el0 = "---",
         .name = "linear map below the kernel"},
        {.range = {LINEAR_VA(space) + 0x200000, LINEAR_VA(space) + 0x207fff},
         .pa = KERNEL_PA,
         .el1 = "r--",
         .el0 = "---",
         .name = "linear map of the kernel"},
        {.range = {LINEAR_VA(space) + 0x208000, LINEAR_VA(space) + RAM_SIZE - 1},
         .pa = KERNEL_PA + 0x8000,
         .el1 = "rw-",
         .el0 = "---",
         .name = "linear map above"},
        {.range = {DEVICE_VA(space), DEVICE_VA(space) + 0xfff},
         .pa = DEVICE_PA,
         .el1 = "rw-",
         .el0 = "---",
         .name = "UART"},
    };

    memcpy(lines, all, sizeof(all));
    for (size_t i = 0; i < LINES - 1; i++) {
        lines[i].memory = lines[i].pa == DEVICE_PA ? device : normal;
        lines[i].shareability = lines[i].pa == DEVICE_PA ? NULL : "inner";
        lines[i].global = i >= 2;
    }
    space->spec.has_map = true;
    space->spec.map = lines;
    space->spec.map_count = LINES - 1;
}

struct mapped {
    struct space space;
    struct audit_map_line lines[LINES];
    char normal[AUDIT_MEMORY_WORDS];
    char device[AUDIT_MEMORY_WORDS];
};

static void begin_mapped(struct mapped *mapped)
{
    begin(&mapped->space);
    space_map_memory_words(0xff, mapped->normal, sizeof(mapped->normal));
    space_map_memory_words(0x00, mapped->device, sizeof(mapped->device));
    set_map(&mapped->space, mapped->lines, mapped->normal, mapped->device);
}

static void test_expected_map_holds(void **state)
{
    struct mapped mapped;

    (void)state;
    begin_mapped(&mapped);
    space_judge(&mapped.space, "expected-map");
    space_expect_clean(&mapped.space, "expected-map");
    assert_int_equal(mapped.space.item.result.rules[audit_rule_index("expected-map")].subjects,
                     LINES - 1);
    space_end(&mapped.space);
}

/* Each way to differ is told with what was expected and what is there. */
static void test_expected_map_differs(void **state)
{
    static const struct {
        uint64_t flip;
        const char *words;
    } flips[] = {
        {DESC_LEAF_AP_EL1_RO, "EL1 rw- expected, r-- is there"},
        {DESC_LEAF_UXN_BIT, "EL0 --- expected, --x is there"},
        {LEAF(INDEX_DEVICE) & DESC_LEAF_ATTRINDX_MASK, "memory "},
        {UINT64_C(1) << 8, "shareability inner expected, outer is there"},
        {DESC_LEAF_NG_BIT, "global expected, not global is there"},
        {UINT64_C(0x1000000), "physical address 0x40208000 expected, 0x41208000 is there"},
        {DESC_LEAF_AF_BIT, "EL1 rw- expected, --- is there"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(flips) / sizeof(flips[0]); i++) {
        struct mapped mapped;
        uint64_t va;

        begin_mapped(&mapped);
        va = KERNEL_VA(&mapped.space) + 0x8000;
        *space_entry(&mapped.space, va, 3) ^= flips[i].flip;
        space_judge(&mapped.space, "expected-map");
        assert_int_equal(space_findings(&mapped.space, "expected-map", -1), 1);
        space_expect(&mapped.space, "expected-map", AUDIT_ERROR, va, flips[i].words);
        space_expect(&mapped.space, "expected-map", AUDIT_ERROR, va, "(kernel data)");
        assert_int_equal(space_finding(&mapped.space, "expected-map", va)->last, va + 0xfff);
        space_end(&mapped.space);
    }
}

static void test_expected_map_gaps(void **state)
{
    struct mapped mapped;
    uint64_t va;

    (void)state;
    begin_mapped(&mapped);
    va = KERNEL_VA(&mapped.space);
    *space_entry(&mapped.space, va + 0x1000, 3) = 0;
    space_map(&mapped.space, va + 0xc000, RAM_PA + 0x700000, 3, 1, KERNEL_DATA);
    space_judge(&mapped.space, "expected-map");
    assert_int_equal(space_findings(&mapped.space, "expected-map", -1), 2);
    space_expect(&mapped.space, "expected-map", AUDIT_ERROR, va + 0x1000, "and is not");
    space_expect(&mapped.space, "expected-map", AUDIT_ERROR, va + 0x1000, "(kernel text)");
    space_expect(&mapped.space, "expected-map", AUDIT_ERROR, va + 0xc000,
                 "not in the expected map");
    space_end(&mapped.space);
}

/* "any": another frame of RAM is as good, a device is not. */
static void test_expected_map_any_frame(void **state)
{
    struct mapped mapped;

    (void)state;
    begin_mapped(&mapped);
    space_map(&mapped.space, USER_TEXT_VA, RAM_PA + 0x3000000, 3, 1, USER_TEXT);
    space_judge(&mapped.space, "expected-map");
    space_expect_clean(&mapped.space, "expected-map");
    space_end(&mapped.space);

    begin_mapped(&mapped);
    space_map(&mapped.space, USER_TEXT_VA, DEVICE_PA, 3, 1, USER_TEXT);
    space_judge(&mapped.space, "expected-map");
    space_expect(&mapped.space, "expected-map", AUDIT_ERROR, USER_TEXT_VA, "any RAM expected");
    space_end(&mapped.space);
}

/* An empty map says that nothing is mapped. */
static void test_expected_map_may_be_empty(void **state)
{
    for (unsigned mapped = 0; mapped < 2; mapped++) {
        struct space space;

        (void)state;
        space_begin(&space, 12);
        space.spec.has_map = true;
        if (mapped != 0) {
            space_map(&space, USER_DATA_VA, USER_DATA_PA, 3, 1, USER_DATA);
        }
        space_judge(&space, NULL);
        assert_int_equal(space_findings(&space, "expected-map", AUDIT_ERROR), mapped);
        assert_int_equal(space.item.code, mapped != 0 ? EXIT_BROKEN : EXIT_HELD);
        space_end(&space);
    }
}

static void test_expected_map_with_the_mmu_off(void **state)
{
    struct mapped mapped;

    (void)state;
    begin_mapped(&mapped);
    mapped.space.item.snapshot.regs.sctlr &= ~SCTLR_EL1_M_BIT;
    space_judge(&mapped.space, NULL);
    space_expect(&mapped.space, "expected-map", AUDIT_ERROR, 0, "the MMU is off");
    assert_int_equal(mapped.space.item.code, EXIT_BROKEN);
    space_end(&mapped.space);
}

/* A waiver covers what lies inside of it, and the rest of the finding stays. */
static void test_waivers_split_findings(void **state)
{
    struct audit_waiver waiver = {.rule = "wx-mapping", .why = "a trampoline", .text = "t"};
    struct space space;
    uint64_t va;

    (void)state;
    begin(&space);
    va = KERNEL_VA(&space) + 0x8000;
    space_map(&space, va, KERNEL_PA + 0x8000, 3, 4, KERNEL_DATA & ~DESC_LEAF_PXN_BIT);
    waiver.range = (struct audit_range){va + 0x1000, va + 0x2fff};
    space.spec.waivers = &waiver;
    space.spec.waiver_count = 1;
    space_judge(&space, "wx-mapping");
    assert_int_equal(space_findings(&space, "wx-mapping", -1), 3);
    assert_int_equal(space.item.total.errors, 2);
    assert_int_equal(space.item.total.waived, 1);
    assert_int_equal(space_finding(&space, "wx-mapping", va + 0x1000)->waiver, 1);
    assert_int_equal(space_finding(&space, "wx-mapping", va + 0x1000)->count, 2);
    assert_int_equal(space_finding(&space, "wx-mapping", va)->waiver, 0);
    assert_int_equal(space.item.code, EXIT_BROKEN);
    space_end(&space);

    /* All of it covered. */
    begin(&space);
    space_map(&space, va, KERNEL_PA + 0x8000, 3, 4, KERNEL_DATA & ~DESC_LEAF_PXN_BIT);
    waiver.range = (struct audit_range){va, va + 0x3fff};
    space.spec.waivers = &waiver;
    space.spec.waiver_count = 1;
    space_judge(&space, "wx-mapping");
    assert_int_equal(space.item.total.waived, 1);
    assert_int_equal(space.item.code, EXIT_HELD);
    space_end(&space);
}

static void test_unused_waivers_are_red(void **state)
{
    struct audit_waiver waiver = {.rule = "wx-mapping", .why = "nothing", .range = {0, UINT64_MAX}};
    struct space space;

    (void)state;
    begin(&space);
    space.spec.waivers = &waiver;
    space.spec.waiver_count = 1;
    space_judge(&space, NULL);
    assert_int_equal(space.item.waivers_unused, 1);
    assert_int_equal(space.item.code, EXIT_BROKEN);
    space_end(&space);

    /* Of a rule that does not judge nothing can be said. */
    begin(&space);
    space.spec.waivers = &waiver;
    space.spec.waiver_count = 1;
    space_judge(&space, "wx-alias");
    assert_int_equal(space.item.waivers_unused, 0);
    assert_int_equal(space.item.code, EXIT_HELD);
    space_end(&space);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_guard_page),
        cmocka_unit_test(test_linear_offset),
        cmocka_unit_test(test_expected_map_holds),
        cmocka_unit_test(test_expected_map_differs),
        cmocka_unit_test(test_expected_map_gaps),
        cmocka_unit_test(test_expected_map_any_frame),
        cmocka_unit_test(test_expected_map_may_be_empty),
        cmocka_unit_test(test_expected_map_with_the_mmu_off),
        cmocka_unit_test(test_waivers_split_findings),
        cmocka_unit_test(test_unused_waivers_are_red),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
