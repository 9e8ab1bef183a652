#include "fake_mmu.h"

#include "fake_ram.h"
#include "fake_tlb.h"

#include <assert.h>
#include <string.h>

static struct fake_mmu_event events[FAKE_MMU_EVENTS];
static size_t event_count;
static unsigned counts[FAKE_MMU_EVENT_KINDS];

static void record(enum fake_mmu_event_kind kind, uint64_t address, uint64_t raw)
{
    counts[kind]++;
    if (event_count < FAKE_MMU_EVENTS) {
        events[event_count] = (struct fake_mmu_event){kind, address, raw};
        event_count++;
    }
}

void fake_mmu_reset(const struct pmm *pmm)
{
    fake_tlb_reset(pmm);
    fake_ram_on_zero(fake_tlb_zeroed);
    fake_mmu_forget_events();
}

void fake_mmu_forget_events(void)
{
    memset(counts, 0, sizeof(counts));
    event_count = 0;
}

unsigned fake_mmu_count(enum fake_mmu_event_kind kind)
{
    return counts[kind];
}

size_t fake_mmu_events(const struct fake_mmu_event **list)
{
    *list = events;
    return event_count;
}

uint64_t hal_mmu_read_entry(const uint64_t *slot)
{
    assert((uintptr_t)slot % sizeof(*slot) == 0);
    fake_tlb_read((uintptr_t)slot);
    return *slot;
}

void hal_mmu_write_entry(uint64_t *slot, uint64_t raw)
{
    assert((uintptr_t)slot % sizeof(*slot) == 0);
    fake_tlb_write((uintptr_t)slot, *slot, raw);
    *slot = raw;
    record(FAKE_MMU_WRITE, (uintptr_t)slot, raw);
}

void hal_mmu_order_writes(void)
{
    fake_tlb_order();
    record(FAKE_MMU_ORDER, 0, 0);
}

void hal_mmu_publish(void)
{
    fake_tlb_publish();
    record(FAKE_MMU_PUBLISH, 0, 0);
}

void hal_mmu_flush_va(user_va_t va)
{
    fake_tlb_forget_va(va);
    record(FAKE_MMU_FLUSH_VA, va.value, 0);
}

void hal_mmu_flush_all(void)
{
    fake_tlb_forget_all();
    record(FAKE_MMU_FLUSH_ALL, 0, 0);
}

void hal_mmu_install_user_root(paddr_t root_pa)
{
    assert(root_pa.value != 0);
    fake_tlb_root(root_pa.value);
    record(FAKE_MMU_INSTALL, root_pa.value, 0);
}

void hal_mmu_close_user_half(void)
{
    fake_tlb_root(0);
    record(FAKE_MMU_CLOSE, 0, 0);
}
