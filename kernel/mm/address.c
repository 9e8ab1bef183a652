#include <tyrne/address.h>
#include <tyrne/hal/offset.h>
#include <tyrne/panic.h>

vaddr_t phys_to_kernel_va(paddr_t pa)
{
    KASSERT(pa.value < KERNEL_PA_WINDOW_END);
    return (vaddr_t){pa.value + HAL_KERNEL_OFFSET};
}

paddr_t kernel_va_to_phys(vaddr_t va)
{
    uint64_t pa = va.value - HAL_KERNEL_OFFSET;

    /* An address below the offset wraps to a huge value, so one comparison judges both ends. */
    KASSERT(pa < KERNEL_PA_WINDOW_END);
    return (paddr_t){pa};
}
