/* The user half's descriptors, as kernel/mm sees them (SYSTEM.md section 2, "User leaves"). */
#include <tyrne/hal/mmu.h>

#include <arch/descriptor.h>
#include <arch/translation.h>
#include <sysregs.h>

_Static_assert(MMU_TABLE_ENTRIES == TABLE_ENTRIES && MMU_LEVELS == LEVEL_PAGE + 1U,
               "the portable core and the CPU mean the same tables");

#define PAGE_TYPE (DESC_VALID_BIT | DESC_TYPE_BIT)
/* EL1 never executes a user page; it belongs to one space; AF = 1, so no access flag fault. */
#define USER_LEAF                                                                                  \
    (PAGE_TYPE | ((uint64_t)MAIR_INDEX_NORMAL << DESC_LEAF_ATTRINDX_SHIFT) | DESC_LEAF_SH_INNER |  \
     DESC_LEAF_AF_BIT | DESC_LEAF_NG_BIT | DESC_LEAF_PXN_BIT)

/* All bits of a user page's descriptor but its address; a host test holds them against
 * leaf_descriptor_encode(). */
static const uint64_t user_leaf_bits[USER_RIGHTS_COUNT] = {
    [USER_READ_ONLY] = USER_LEAF | DESC_LEAF_AP_ALL_RO | DESC_LEAF_UXN_BIT,
    [USER_READ_WRITE] = USER_LEAF | DESC_LEAF_AP_ALL_RW | DESC_LEAF_UXN_BIT,
    [USER_READ_EXECUTE] = USER_LEAF | DESC_LEAF_AP_ALL_RO,
};

static struct mmu_entry decode_page(uint64_t raw)
{
    uint64_t bits = raw & ~DESC_LEAF_OA_MASK;

    for (unsigned rights = 0; rights < USER_RIGHTS_COUNT; rights++) {
        if (bits == user_leaf_bits[rights]) {
            return (struct mmu_entry){
                .kind = MMU_ENTRY_PAGE,
                .pa = {raw & DESC_LEAF_OA_MASK},
                .rights = (enum user_rights)rights,
            };
        }
    }
    return (struct mmu_entry){.kind = MMU_ENTRY_BLOCK};
}

struct mmu_entry hal_mmu_decode(uint64_t raw, unsigned level)
{
    uint64_t next_pa;
    unsigned live;

    if ((raw & DESC_VALID_BIT) == 0) {
        return (struct mmu_entry){.kind = MMU_ENTRY_EMPTY};
    }
    if (level == LEVEL_PAGE) {
        return decode_page(raw);
    }
    if (level < LEVEL_PAGE && counted_table_descriptor_decode(raw, &next_pa, &live)) {
        return (struct mmu_entry){.kind = MMU_ENTRY_TABLE, .pa = {next_pa}, .live = live};
    }
    return (struct mmu_entry){.kind = MMU_ENTRY_BLOCK};
}

bool hal_mmu_encode_page(paddr_t pa, enum user_rights rights, uint64_t *raw)
{
    if ((pa.value & ~DESC_LEAF_OA_MASK) != 0 || (unsigned)rights >= USER_RIGHTS_COUNT) {
        return false;
    }
    *raw = pa.value | user_leaf_bits[rights];
    return true;
}

bool hal_mmu_encode_table(paddr_t pa, uint32_t live, uint64_t *raw)
{
    return counted_table_descriptor_encode(pa.value, live, raw);
}

unsigned hal_mmu_index(unsigned level, user_va_t va)
{
    return level_index(level, va.value);
}
