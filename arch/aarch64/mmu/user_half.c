/* The user half's tables and TLB: what kernel/mm asks for, done by the named transitions. */
#include <tyrne/hal/mmu.h>

#include <arch/mmu_ops.h>

/* The walker may read an entry at any time, so it is read and written in one piece: an aligned
 * 64-bit access is single-copy atomic (DDI 0487, "Requirements for single-copy atomicity"). */
uint64_t hal_mmu_read_entry(const uint64_t *slot)
{
    return *(const volatile uint64_t *)slot;
}

void hal_mmu_write_entry(uint64_t *slot, uint64_t raw)
{
    *(volatile uint64_t *)slot = raw;
}

void hal_mmu_order_writes(void)
{
    mmu_order_writes();
}

void hal_mmu_publish(void)
{
    mmu_publish();
}

void hal_mmu_flush_va(user_va_t va)
{
    mmu_flush_user_va(va.value);
}

void hal_mmu_flush_all(void)
{
    mmu_flush_user();
}

void hal_mmu_install_user_root(paddr_t root_pa)
{
    /* ASID 0, CnP 0: the register holds the root's address and nothing else. */
    mmu_install_user_root(root_pa.value);
}

void hal_mmu_close_user_half(void)
{
    mmu_close_user_half();
}
