/*
 * Address conversion limits, with whichever offset the build chose (HAL_KERNEL_OFFSET): 0 on the
 * host, the real high half in the second build of this file.
 */
#include "cmocka_includes.h"

#include <tyrne/address.h>
#include <tyrne/hal/offset.h>

static const uint64_t last_pa = 0xFFFFFFFFULL;

static void converts_both_ways(void **state)
{
    const uint64_t samples[] = {0, 1, 0x08000000, 0x40080000, 0x47FFFFFF, 0xFFFFF000, 0xFFFFFFFF};

    (void)state;
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        vaddr_t va = phys_to_kernel_va((paddr_t){samples[i]});

        assert_int_equal(va.value, samples[i] + HAL_KERNEL_OFFSET);
        assert_int_equal(kernel_va_to_phys(va).value, samples[i]);
    }
}

static void refuses_physical_addresses_outside_the_window(void **state)
{
    (void)state;
    assert_int_equal(phys_to_kernel_va((paddr_t){last_pa}).value, last_pa + HAL_KERNEL_OFFSET);
    expect_assert_failure(phys_to_kernel_va((paddr_t){last_pa + 1}));
    expect_assert_failure(phys_to_kernel_va((paddr_t){1ULL << 48}));
    expect_assert_failure(phys_to_kernel_va((paddr_t){UINT64_MAX}));
}

static void refuses_virtual_addresses_outside_the_window(void **state)
{
    (void)state;
    assert_int_equal(kernel_va_to_phys((vaddr_t){HAL_KERNEL_OFFSET}).value, 0);
    assert_int_equal(kernel_va_to_phys((vaddr_t){HAL_KERNEL_OFFSET + last_pa}).value, last_pa);
    expect_assert_failure(kernel_va_to_phys((vaddr_t){HAL_KERNEL_OFFSET - 1}));
    expect_assert_failure(kernel_va_to_phys((vaddr_t){HAL_KERNEL_OFFSET + last_pa + 1}));
    expect_assert_failure(kernel_va_to_phys((vaddr_t){HAL_KERNEL_OFFSET + (1ULL << 47)}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(converts_both_ways),
        cmocka_unit_test(refuses_physical_addresses_outside_the_window),
        cmocka_unit_test(refuses_virtual_addresses_outside_the_window),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
