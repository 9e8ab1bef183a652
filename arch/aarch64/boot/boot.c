#include <arch/boot.h>

#include <arch/layout.h>
#include <tyrne/panic.h>

struct boot_status boot_status;

uint64_t boot_high_alias(uint64_t resolved)
{
    uint64_t pa = resolved & KERNEL_IMAGE_PA_MASK;
    uint64_t high = pa | KERNEL_HIGH_HALF_OFFSET;

    KASSERT(resolved == pa || resolved == high);
    return high;
}
