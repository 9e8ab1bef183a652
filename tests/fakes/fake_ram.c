#include "fake_ram.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <tyrne/hal/memory.h>

static bool mapped;
static unsigned zeroed;
static void (*zero_hook)(paddr_t frame_pa);
static void (*sync_hook)(paddr_t start_pa, size_t length);

static void *host(uint64_t pa)
{
    return (void *)(uintptr_t)pa;
}

void fake_ram_open(void)
{
    const size_t bytes = FAKE_RAM_END_PA - FAKE_RAM_START_PA;
    const int protection = PROT_READ | PROT_WRITE;
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;

    if (mapped) {
        int emptied = madvise(host(FAKE_RAM_START_PA), bytes, MADV_DONTNEED);

        assert(emptied == 0);
        (void)emptied;
    } else {
        void *at =
            mmap(host(FAKE_RAM_START_PA), bytes, protection, flags | MAP_FIXED_NOREPLACE, -1, 0);

        assert(at == host(FAKE_RAM_START_PA));
        mapped = at != MAP_FAILED;
    }
    zeroed = 0;
    zero_hook = NULL;
    sync_hook = NULL;
}

paddr_t fake_ram_frame(uint32_t index)
{
    assert(index < FAKE_RAM_FRAMES);
    return (paddr_t){FAKE_RAM_START_PA + (uint64_t)index * PAGE_SIZE};
}

bool fake_ram_holds(uint64_t pa)
{
    return pa >= FAKE_RAM_START_PA && pa < FAKE_RAM_END_PA;
}

void fake_ram_poison(struct pa_range range)
{
    assert(range.start_pa.value >= FAKE_RAM_START_PA && range.end_pa.value <= FAKE_RAM_END_PA);
    assert(range.start_pa.value <= range.end_pa.value);
    memset(host(range.start_pa.value), FAKE_RAM_POISON, range.end_pa.value - range.start_pa.value);
}

bool fake_ram_frame_is(paddr_t frame_pa, uint8_t byte)
{
    const uint8_t *bytes = host(frame_pa.value);

    assert(fake_ram_holds(frame_pa.value) && frame_pa.value % PAGE_SIZE == 0);
    /* Each byte equals its neighbour, and the first is the one. */
    return bytes[0] == byte && memcmp(bytes, bytes + 1, PAGE_SIZE - 1U) == 0;
}

void fake_ram_on_zero(void (*hook)(paddr_t frame_pa))
{
    zero_hook = hook;
}

unsigned fake_ram_zeroed(void)
{
    return zeroed;
}

void hal_zero_page(void *page)
{
    uint64_t pa = (uintptr_t)page;

    assert(mapped && fake_ram_holds(pa) && pa % PAGE_SIZE == 0);
    memset(page, 0, PAGE_SIZE);
    zeroed++;
    if (zero_hook != NULL) {
        zero_hook((paddr_t){pa});
    }
}

void fake_ram_on_sync(void (*hook)(paddr_t start_pa, size_t length))
{
    sync_hook = hook;
}

void hal_sync_code(const void *start, size_t length)
{
    uint64_t pa = (uintptr_t)start;

    assert(mapped && length != 0 && fake_ram_holds(pa) && fake_ram_holds(pa + length - 1U));
    if (sync_hook != NULL) {
        sync_hook((paddr_t){pa}, length);
    }
}
