/*
 * Building translation tables at boot, from frames that the image reserves.
 *
 * The builder knows the architecture; the board says what to map (bsp/<board>/boot_map.c). It runs
 * in the low half, where a pointer to a table is its physical address. A mistake (frames used up,
 * an address mapped twice, bad alignment) stops the boot: there is no half-built map.
 */
#ifndef ARCH_BOOT_MAP_H
#define ARCH_BOOT_MAP_H

#include <arch/descriptor.h>
#include <stdint.h>

/* The rights that kernel mappings have. EL0 has none, UXN = 1, AF = 1, nG = 0 in all of them. */
enum kernel_rights {
    KERNEL_TEXT,      /* normal memory, read-only, executable at EL1 */
    KERNEL_READ_ONLY, /* normal memory, read-only, never executable */
    KERNEL_DATA,      /* normal memory, read-write, never executable */
    KERNEL_DEVICE,    /* device-nGnRnE, read-write, never executable */
};

/* The leaf descriptor for `output_pa` with `rights` (output_pa is copied, not judged). */
struct leaf_descriptor kernel_leaf(uint64_t output_pa, enum kernel_rights rights);

/* One translation table. */
typedef uint64_t translation_table[TABLE_ENTRIES] __attribute__((aligned(4096)));

/* A set of tables under construction. The first frame is the root (level 0). */
struct boot_map {
    translation_table *frames;
    unsigned frame_count;
    unsigned used;
};

/* Start a map in `frame_count` (at least 1) frames at `frames`; the root is emptied. */
void boot_map_init(struct boot_map *map, translation_table *frames, unsigned frame_count);

/*
 * Map `size` bytes from `va` to `pa` with `rights`: 2 MiB blocks where both are aligned and enough
 * is left, 4 KiB pages elsewhere. All three are multiples of 4 KiB; nothing in the range may be
 * mapped.
 */
void boot_map_range(struct boot_map *map, uint64_t va, uint64_t pa, uint64_t size,
                    enum kernel_rights rights);

/* Finish: every reserved frame must have been used. Returns the root's physical address. */
uint64_t boot_map_finish(const struct boot_map *map);

#endif
