/* The regime's register values, pinned to the literals of SYSTEM.md sections 2 and 3. */
#include "cmocka_includes.h"

#include <arch/boot.h>
#include <arch/layout.h>
#include <arch/translation.h>

static void the_two_tcr_values_differ_in_bit_23_alone(void **state)
{
    (void)state;
    assert_int_equal(TCR_EL1_EPD1_BIT, 1ULL << 23);
    assert_int_equal(TCR_EL1_EPD0_BIT, 1ULL << 7);
    assert_int_equal(TCR_EL1_VALUE ^ TCR_EL1_VALUE_HIGH_HALF, 1ULL << 23);
    assert_int_equal(TCR_EL1_VALUE_HIGH_HALF & (1ULL << 23), 0);
    /* T0SZ T1SZ 16, inner and outer WBWA, inner shareable, 4 KiB: TG0 = 0b00, TG1 = 0b10. */
    assert_int_equal(TCR_EL1_VALUE, 0xB5903510ULL);
}

static void ips_follows_parange_up_to_48_bits(void **state)
{
    (void)state;
    for (uint64_t parange = 0; parange < 16; parange++) {
        uint64_t expected = parange < 5 ? parange : 5;

        assert_int_equal(translation_tcr_value(0xFFFFFFFFFFFFFFF0ULL | parange),
                         TCR_EL1_VALUE | expected << 32);
    }
}

static void sctlr_values_are_whole_and_known(void **state)
{
    (void)state;
    assert_int_equal(SCTLR_EL1_MMU_OFF, 0x30D00800);
    assert_int_equal(translation_sctlr_value(0), 0x30D8199D);
    assert_int_equal(translation_sctlr_value(~(0xFULL << 20)), 0x30D8199D);
    assert_int_equal(translation_sctlr_value(1ULL << 20), 0x3058199D);
    assert_int_equal(translation_sctlr_value(3ULL << 20), 0x3058199D);
}

static void mair_holds_the_two_memory_types(void **state)
{
    (void)state;
    assert_int_equal(MAIR_EL1_VALUE, 0xFF00);
    assert_int_equal(MAIR_INDEX_DEVICE, 0);
    assert_int_equal(MAIR_INDEX_NORMAL, 1);
}

static void high_alias_takes_the_low_address_or_its_alias_only(void **state)
{
    const uint64_t low = 0x40080000;
    const uint64_t high = 0xFFFFFFFF40080000ULL;

    (void)state;
    assert_int_equal(boot_high_alias(low), high);
    assert_int_equal(boot_high_alias(high), high);
    assert_int_equal(boot_high_alias(0), KERNEL_HIGH_HALF_OFFSET);
    assert_int_equal(boot_high_alias(KERNEL_IMAGE_PA_MASK), UINT64_MAX);
    expect_assert_failure(boot_high_alias(low | 1ULL << 32));
    expect_assert_failure(boot_high_alias(0x0000FFFF40080000ULL));
    expect_assert_failure(boot_high_alias(0xFFFF000040080000ULL));
    expect_assert_failure(boot_high_alias(0xFFFFFFFE40080000ULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_two_tcr_values_differ_in_bit_23_alone),
        cmocka_unit_test(ips_follows_parange_up_to_48_bits),
        cmocka_unit_test(sctlr_values_are_whole_and_known),
        cmocka_unit_test(mair_holds_the_two_memory_types),
        cmocka_unit_test(high_alias_takes_the_low_address_or_its_alias_only),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
