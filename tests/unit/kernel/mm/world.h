/* What the tests of kernel/mm share: a frame allocator and an arena over a small fake RAM. */
#ifndef TESTS_MM_WORLD_H
#define TESTS_MM_WORLD_H

#include "cmocka_includes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <tyrne/address_space.h>
#include <tyrne/pmm.h>

#include "fake_mmu.h"
#include "fake_ram.h"

struct world {
    struct pmm pmm;
    struct address_space_arena arena;
};

/* Frames of the world that world_setup() makes; all bits fit one word of the bitmap. */
#define WORLD_FRAMES 48U

/* Any frame that can be mapped; it need not exist. */
#define SOME_FRAME ((paddr_t){0x123456789000ULL})

/* A page with another index at each level, and how far its neighbour at each level is. */
#define HOME (1ULL << 39 | 2ULL << 30 | 3ULL << 21 | 4ULL << 12)
static const uint64_t neighbour[MMU_LEVELS] = {1ULL << 39, 1ULL << 30, 1ULL << 21, 1ULL << 12};

static inline user_va_t user_va(uint64_t value)
{
    return (user_va_t){value};
}

/* A fresh world of `frames` poisoned frames, none reserved. */
struct world *world_start(uint32_t frames);

/* cmocka's: *state is a world of WORLD_FRAMES; the end asserts that no rule of the CPU was broken.
 */
int world_setup(void **state);
int world_teardown(void **state);

struct object_ref make_space(struct world *world);

/* Do it, assert that it succeeds, spend the token at once. */
void map_now(struct world *world, struct object_ref ref, uint64_t va, paddr_t frame_pa,
             enum user_rights rights);
void unmap_now(struct world *world, struct object_ref ref, uint64_t va);
void activate_now(struct world *world, struct object_ref ref);

/* Map or unmap, assert that it succeeds, keep the token. */
struct flush_token map_kept(struct world *world, struct object_ref ref, uint64_t va);
struct flush_token unmap_kept(struct world *world, struct object_ref ref, uint64_t va);

void assert_translates(const struct world *world, struct object_ref ref, uint64_t va, uint64_t pa,
                       enum user_rights rights);
void assert_no_page(const struct world *world, struct object_ref ref, uint64_t va,
                    status_t expected);

/* The entry of `level` for `va`, which must exist. */
uint64_t *entry_of(const struct world *world, struct object_ref ref, uint64_t va, unsigned level);

/* Entries of the tables on the way to `va` that the entry of `level` says are in use. */
uint32_t live_of(const struct world *world, struct object_ref ref, uint64_t va, unsigned level);

/*
 * Remember the world and the content of every frame in use; later assert that both are the same,
 * byte by byte, and that nothing was asked of the MMU in between but to read.
 */
void snapshot_take(const struct world *world);
void assert_untouched(const struct world *world);

#endif
