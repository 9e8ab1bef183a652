/*
 * A descriptor format unlike any port's: kind in bits 1:0, rights in bits 3:2, live entries in bits
 * 13:4, frame number in bits 63:28, thus addresses below 2^48.
 */
#include "fake_mmu.h"

#include <assert.h>

#define KIND_MASK   3ULL
#define KIND_TABLE  2ULL
#define KIND_PAGE   3ULL
#define RIGHTS_BIT  2U
#define LIVE_BIT    4U
#define LIVE_MASK   0x3FFULL
#define FRAME_BIT   28U
#define PA_END      (1ULL << 48)
#define FRAME_FIELD (~0ULL << FRAME_BIT)
#define TABLE_FIELD (FRAME_FIELD | LIVE_MASK << LIVE_BIT | KIND_MASK)
#define PAGE_FIELD  (FRAME_FIELD | 3ULL << RIGHTS_BIT | KIND_MASK)

struct mmu_entry hal_mmu_decode(uint64_t raw, unsigned level)
{
    struct mmu_entry entry = {.kind = MMU_ENTRY_BLOCK, .pa = {(raw >> FRAME_BIT) * PAGE_SIZE}};

    assert(level < MMU_LEVELS);
    if (raw == 0) {
        return (struct mmu_entry){.kind = MMU_ENTRY_EMPTY};
    }
    if (level < MMU_LEVELS - 1U && (raw & KIND_MASK) == KIND_TABLE && (raw & ~TABLE_FIELD) == 0) {
        entry.kind = MMU_ENTRY_TABLE;
        entry.live = (uint32_t)(raw >> LIVE_BIT & LIVE_MASK);
        assert(entry.live <= MMU_TABLE_ENTRIES);
    } else if (level == MMU_LEVELS - 1U && (raw & KIND_MASK) == KIND_PAGE &&
               (raw & ~PAGE_FIELD) == 0) {
        entry.kind = MMU_ENTRY_PAGE;
        entry.rights = (enum user_rights)(raw >> RIGHTS_BIT & 3U);
    }
    return entry;
}

static bool encode(paddr_t pa, uint64_t low, uint64_t *raw)
{
    if (pa.value % PAGE_SIZE != 0 || pa.value >= PA_END) {
        return false;
    }
    *raw = pa.value / PAGE_SIZE << FRAME_BIT | low;
    return true;
}

bool hal_mmu_encode_page(paddr_t pa, enum user_rights rights, uint64_t *raw)
{
    return (unsigned)rights < USER_RIGHTS_COUNT &&
           encode(pa, (uint64_t)rights << RIGHTS_BIT | KIND_PAGE, raw);
}

bool hal_mmu_encode_table(paddr_t pa, uint32_t live, uint64_t *raw)
{
    return live <= MMU_TABLE_ENTRIES && encode(pa, (uint64_t)live << LIVE_BIT | KIND_TABLE, raw);
}

unsigned hal_mmu_index(unsigned level, user_va_t va)
{
    assert(level < MMU_LEVELS && va.value < USER_VA_END);
    return (unsigned)(va.value >> (12U + 9U * (MMU_LEVELS - 1U - level))) % MMU_TABLE_ENTRIES;
}
