#include <arch/boot_map.h>

#include <arch/translation.h>
#include <tyrne/panic.h>
#include <tyrne/types.h>

#define LEVEL_BLOCK 2U

struct leaf_descriptor kernel_leaf(uint64_t output_pa, enum kernel_rights rights)
{
    bool device = rights == KERNEL_DEVICE;
    bool writable = device || rights == KERNEL_DATA;

    return (struct leaf_descriptor){
        .output_pa = output_pa,
        .attr_index = device ? MAIR_INDEX_DEVICE : MAIR_INDEX_NORMAL,
        .ap =
            (uint8_t)((writable ? DESC_LEAF_AP_EL1_RW : DESC_LEAF_AP_EL1_RO) >> DESC_LEAF_AP_SHIFT),
        /* Shareability has no effect on device memory; it stays 0 there. */
        .sh = (uint8_t)((device ? DESC_LEAF_SH_NONE : DESC_LEAF_SH_INNER) >> DESC_LEAF_SH_SHIFT),
        .af = true,
        .pxn = rights != KERNEL_TEXT,
        .uxn = true,
    };
}

static uint64_t *take_frame(struct boot_map *map)
{
    uint64_t *table;

    KASSERT(map->used < map->frame_count);
    table = map->frames[map->used];
    map->used++;
    for (unsigned i = 0; i < TABLE_ENTRIES; i++) {
        table[i] = 0;
    }
    return table;
}

void boot_map_init(struct boot_map *map, translation_table *frames, unsigned frame_count)
{
    *map = (struct boot_map){frames, frame_count, 0};
    (void)take_frame(map);
}

/* The slot for `va` at `level`, with the tables above it made on the way. */
static uint64_t *slot_for(struct boot_map *map, uint64_t va, unsigned level)
{
    uint64_t *table = map->frames[0];

    for (unsigned at = LEVEL_ROOT; at < level; at++) {
        uint64_t *slot = &table[level_index(at, va)];
        enum descriptor_kind kind = descriptor_kind(*slot, at);

        if (kind == DESCRIPTOR_INVALID) {
            table = take_frame(map);
            KASSERT(table_descriptor_encode((uint64_t)(uintptr_t)table, slot));
        } else {
            KASSERT(kind == DESCRIPTOR_TABLE);
            table = (uint64_t *)(uintptr_t)table_descriptor_next(*slot);
        }
    }
    return &table[level_index(level, va)];
}

void boot_map_range(struct boot_map *map, uint64_t va, uint64_t pa, uint64_t size,
                    enum kernel_rights rights)
{
    KASSERT((va | pa | size) % PAGE_SIZE == 0);
    while (size != 0) {
        uint64_t block = level_size(LEVEL_BLOCK);
        unsigned level = ((va | pa) % block == 0 && size >= block) ? LEVEL_BLOCK : LEVEL_PAGE;
        struct leaf_descriptor leaf = kernel_leaf(pa, rights);
        uint64_t *slot = slot_for(map, va, level);

        KASSERT(descriptor_kind(*slot, level) == DESCRIPTOR_INVALID);
        KASSERT(leaf_descriptor_encode(&leaf, level, slot));
        va += level_size(level);
        pa += level_size(level);
        size -= level_size(level);
    }
}

uint64_t boot_map_finish(const struct boot_map *map)
{
    KASSERT(map->used == map->frame_count);
    return (uint64_t)(uintptr_t)map->frames[0];
}
