/* Rules about what is where and with which attributes: broken once, and the sound look-alike. */
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

static void test_device_executable(void **state)
{
    static struct audit_range declared = {UINT64_C(0x20000000), UINT64_C(0x20000fff)};
    struct space space;
    uint64_t at;

    (void)state;
    begin(&space);
    at = DEVICE_VA(&space) + 0x100000;
    space.spec.devices = &declared;
    space.spec.device_count = 1;
    /* Device memory without PXN; without UXN; a device as Normal memory; one that the spec knows.
     */
    space_map(&space, at, DEVICE_PA, 3, 1, LEAF(INDEX_DEVICE) | DESC_LEAF_UXN_BIT);
    space_map(&space, at + 0x1000, DEVICE_PA, 3, 1, LEAF(INDEX_DEVICE) | DESC_LEAF_PXN_BIT);
    space_map(&space, at + 0x2000, DEVICE_PA, 3, 1, KERNEL_TEXT);
    space_map(&space, at + 0x3000, declared.first, 3, 1, KERNEL_TEXT);
    space_judge(&space, "device-executable");
    space_expect(&space, "device-executable", AUDIT_ERROR, at, "Device memory may be executed");
    space_expect(&space, "device-executable", AUDIT_ERROR, at + 0x1000, "Device memory may be");
    space_expect(&space, "device-executable", AUDIT_ERROR, at + 0x2000, "a device's addresses");
    space_expect(&space, "device-executable", AUDIT_ERROR, at + 0x3000, "a device's addresses");
    assert_null(space_finding(&space, "device-executable", DEVICE_VA(&space)));
    space_end(&space);

    begin(&space);
    space_judge(&space, "device-executable");
    space_expect_clean(&space, "device-executable");
    space_end(&space);
}

static void test_device_type(void **state)
{
    struct space space;
    uint64_t at;

    (void)state;
    begin(&space);
    at = DEVICE_VA(&space) + 0x100000;
    space_map(&space, at, DEVICE_PA, 3, 1, KERNEL_DATA);
    space_map(&space, at + 0x1000, DEVICE_PA, 3, 1, LEAF(INDEX_NC) | NO_EXEC);
    space_map(&space, at + 0x2000, RAM_PA, 3, 1, DEVICE);
    space_judge(&space, "device-type");
    space_expect(&space, "device-type", AUDIT_ERROR, at, "cacheable Normal memory");
    space_expect(&space, "device-type", AUDIT_NOTE, at + 0x1000, "Non-cacheable");
    space_expect(&space, "device-type", AUDIT_NOTE, at + 0x2000, "RAM is mapped as Device");
    assert_int_equal(space_findings(&space, "device-type", -1), 3);
    space_end(&space);

    begin(&space);
    space_map(&space, DEVICE_VA(&space) + 0x100000, ROM_PA, 3, 4, KERNEL_RO);
    space_judge(&space, "device-type");
    space_expect_clean(&space, "device-type");
    space_end(&space);
}

/* Caches off do not make a cacheable mapping of a device right. */
static void test_device_type_with_caches_off(void **state)
{
    struct space space;

    (void)state;
    begin(&space);
    space.item.snapshot.regs.sctlr &= ~SCTLR_EL1_C_BIT;
    *space_entry(&space, DEVICE_VA(&space), 3) |= LEAF(INDEX_NORMAL);
    *space_entry(&space, DEVICE_VA(&space), 3) &= ~(LEAF(7) & DESC_LEAF_ATTRINDX_MASK);
    space_judge(&space, "device-type");
    space_expect(&space, "device-type", AUDIT_ERROR, DEVICE_VA(&space), "cacheable Normal memory");
    space_end(&space);
}

static void test_outside_memory(void **state)
{
    struct space space;
    const struct audit_finding *finding;
    uint64_t at;

    (void)state;
    begin(&space);
    at = LINEAR_VA(&space) + RAM_SIZE;
    /* The linear map goes on for a block behind RAM; a window of devices with holes. */
    space_map(&space, at, RAM_PA + RAM_SIZE, 2, 1, KERNEL_DATA);
    space_map(&space, DEVICE_VA(&space) + 0x1000000, 0x0b000000, 3, 2, DEVICE);
    space_map(&space, DEVICE_VA(&space) + 0x1010000, 0x0b002000, 3, 1,
              LEAF(INDEX_DEVICE) | DESC_LEAF_UXN_BIT);
    space_judge(&space, "outside-memory");
    space_expect(&space, "outside-memory", AUDIT_ERROR, at, "Normal memory is mapped where");
    space_expect(&space, "outside-memory", AUDIT_NOTE, DEVICE_VA(&space) + 0x1001000,
                 "Device memory is mapped where");
    space_expect(&space, "outside-memory", AUDIT_ERROR, DEVICE_VA(&space) + 0x1010000,
                 "may be executed");
    assert_null(space_finding(&space, "outside-memory", DEVICE_VA(&space) + 0x1000000));
    space_end(&space);

    /* One block of 1 GiB over 128 MiB: only the part without RAM is told. */
    begin(&space);
    *space_entry(&space, LINEAR_VA(&space), 1) = 0;
    space_map(&space, LINEAR_VA(&space), RAM_PA, 1, 1, KERNEL_DATA);
    space_judge(&space, "outside-memory");
    finding = space_finding(&space, "outside-memory", LINEAR_VA(&space) + RAM_SIZE);
    assert_non_null(finding);
    assert_int_equal(finding->first, LINEAR_VA(&space) + RAM_SIZE);
    assert_int_equal(finding->last, LINEAR_VA(&space) + 0x3fffffff);
    assert_int_equal(space_findings(&space, "outside-memory", -1), 1);
    space_end(&space);
}

static void test_declared_devices_are_inside(void **state)
{
    static struct audit_range declared = {UINT64_C(0x20000000), UINT64_C(0x200007ff)};
    struct space space;

    (void)state;
    begin(&space);
    space.spec.devices = &declared;
    space.spec.device_count = 1;
    space_map(&space, DEVICE_VA(&space) + 0x100000, declared.first, 3, 1, DEVICE);
    space_judge(&space, "outside-memory");
    space_expect_clean(&space, "outside-memory");
    space_end(&space);
}

static void test_unknown_memory_is_not_judged(void **state)
{
    struct space space;

    (void)state;
    begin(&space);
    space.item.snapshot.memory_count = 0;
    space_judge(&space, "outside-memory");
    assert_int_equal(space.item.code, EXIT_NOT_JUDGED);
    assert_string_equal(space.item.not_judged,
                        "outside-memory: the snapshot does not tell what memory the machine has");
    space_end(&space);
}

static void test_access_flag(void **state)
{
    struct space space;

    (void)state;
    begin(&space);
    *space_entry(&space, KERNEL_VA(&space) + 0x8000, 3) &= ~DESC_LEAF_AF_BIT;
    *space_entry(&space, USER_DATA_VA, 3) &= ~DESC_LEAF_AF_BIT;
    space_judge(&space, "access-flag");
    space_expect(&space, "access-flag", AUDIT_ERROR, KERNEL_VA(&space) + 0x8000, "a kernel's");
    space_expect(&space, "access-flag", AUDIT_NOTE, USER_DATA_VA, "the access flag is clear");
    assert_int_equal(space_findings(&space, "access-flag", -1), 2);
    space_end(&space);
}

static void test_access_flag_by_hardware(void **state)
{
    struct space space;

    (void)state;
    begin(&space);
    *space_entry(&space, KERNEL_VA(&space) + 0x8000, 3) &= ~DESC_LEAF_AF_BIT;
    space.item.snapshot.regs.tcr |= TCR_EL1_HA_BIT;
    space.item.snapshot.regs.id_aa64mmfr1 |= ID_AA64MMFR1_EL1_HAFDBS_ACCESS_FLAG;
    space_judge(&space, "access-flag");
    space_expect_clean(&space, "access-flag");
    space_end(&space);
}

static void test_alias_attributes(void **state)
{
    static const struct {
        uint64_t bits;
        const char *words;
    } others[] = {
        {LEAF(INDEX_NC) | NO_EXEC, "another cacheability"},
        {LEAF(INDEX_WT) | DESC_LEAF_SH_INNER | NO_EXEC, "another cacheability"},
        {LEAF(INDEX_DEVICE) | NO_EXEC, "another memory type"},
        {LEAF(INDEX_NORMAL) | DESC_LEAF_SH_OUTER | NO_EXEC, "another shareability"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        struct space space;
        uint64_t at;

        begin(&space);
        at = KERNEL_VA(&space) + 0x10000000;
        space_map(&space, at, RAM_PA + 0x1000000, 3, 2, others[i].bits);
        space_judge(&space, "alias-attributes");
        space_expect(&space, "alias-attributes", AUDIT_ERROR, at, others[i].words);
        /* Told at the small mapping, not at the linear map; both pages in one. */
        assert_int_equal(space_findings(&space, "alias-attributes", -1), 1);
        assert_int_equal(space_finding(&space, "alias-attributes", at)->other,
                         LINEAR_VA(&space) + 0x1000000);
        assert_int_equal(space_finding(&space, "alias-attributes", at)->count, 2);
        space_end(&space);
    }
}

static void test_alias_attributes_between_uncached_types(void **state)
{
    struct space space;

    (void)state;
    begin(&space);
    space_map(&space, DEVICE_VA(&space) + 0x100000, DEVICE_PA, 3, 1,
              LEAF(INDEX_DEVICE_NGNRE) | NO_EXEC);
    space_judge(&space, "alias-attributes");
    assert_int_equal(space_findings(&space, "alias-attributes", AUDIT_ERROR), 1);
    space_expect(&space, "alias-attributes", AUDIT_ERROR, DEVICE_VA(&space) + 0x100000,
                 "another uncached type");
    space_end(&space);
}

/* SH does not count where it has no effect, allocation hints never; with caches off all is alike.
 */
static void test_alias_attributes_look_alikes(void **state)
{
    struct space space;
    uint64_t at;

    (void)state;
    begin(&space);
    at = KERNEL_VA(&space) + 0x10000000;
    space.item.snapshot.regs.mair |= UINT64_C(0x77) << 56; /* Write-Back, transient */
    space_map(&space, at, RAM_PA + 0x1000000, 3, 1, LEAF(7) | DESC_LEAF_SH_INNER | NO_EXEC);
    space_map(&space, DEVICE_VA(&space) + 0x100000, DEVICE_PA, 3, 1, DEVICE | DESC_LEAF_SH_INNER);
    space_judge(&space, "alias-attributes");
    space_expect_clean(&space, "alias-attributes");
    space_end(&space);

    begin(&space);
    space.item.snapshot.regs.sctlr &= ~SCTLR_EL1_C_BIT;
    space_map(&space, KERNEL_VA(&space) + 0x10000000, RAM_PA + 0x1000000, 3, 1,
              LEAF(INDEX_NC) | NO_EXEC);
    space_judge(&space, "alias-attributes");
    space_expect_clean(&space, "alias-attributes");
    space_end(&space);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_device_executable),
        cmocka_unit_test(test_device_type),
        cmocka_unit_test(test_device_type_with_caches_off),
        cmocka_unit_test(test_outside_memory),
        cmocka_unit_test(test_declared_devices_are_inside),
        cmocka_unit_test(test_unknown_memory_is_not_judged),
        cmocka_unit_test(test_access_flag),
        cmocka_unit_test(test_access_flag_by_hardware),
        cmocka_unit_test(test_alias_attributes),
        cmocka_unit_test(test_alias_attributes_between_uncached_types),
        cmocka_unit_test(test_alias_attributes_look_alikes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
