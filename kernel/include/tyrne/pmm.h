/*
 * Physical memory: a bitmap over one RAM extent, frames of 4 KiB (SYSTEM.md section 6).
 */
#ifndef TYRNE_PMM_H
#define TYRNE_PMM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <tyrne/status.h>
#include <tyrne/types.h>

/* The largest extent: 128 MiB. */
#define PMM_MAX_FRAMES   32768U
#define PMM_MAX_RESERVED 8U

/* The layout up to `used` is part of the debugger's interface (pmm.c asserts it). */
struct pmm {
    uint64_t used[PMM_MAX_FRAMES / 64]; /* bit set: reserved, allocated, or beyond the extent */
    paddr_t start_pa;
    uint32_t frames;
    uint32_t free;
    uint32_t hint;     /* word of `used` below which no bit is clear */
    uint32_t reserved; /* frames */
    uint32_t range_count;
    struct pa_range ranges[PMM_MAX_RESERVED]; /* reserved */
};

/*
 * Manage `ram` but for `reserved`. Ranges may overlap each other; each must lie in `ram`.
 * BAD_ALIGNMENT (a bound is no multiple of 4 KiB), OUT_OF_RANGE (`ram` is empty, too large, or a
 * reserved range is empty, reversed or outside), TOO_MANY_RANGES. On an error `pmm` is untouched.
 */
MUST_CHECK status_t pmm_init(struct pmm *pmm, struct pa_range ram, const struct pa_range *reserved,
                             size_t reserved_ranges);

/* A frame filled with zeros through the direct map. OUT_OF_FRAMES. */
MUST_CHECK status_t pmm_alloc(struct pmm *pmm, paddr_t *frame_pa);

/* BAD_ALIGNMENT, OUT_OF_RANGE, RESERVED_FRAME, NOT_ALLOCATED (free already). */
MUST_CHECK status_t pmm_free(struct pmm *pmm, paddr_t frame_pa);

/* True if a byte of `range` lies in a frame that is or can be allocated. */
bool pmm_can_give_out(const struct pmm *pmm, struct pa_range range);

/* Frames that can be allocated now, and frames that never can. */
uint32_t pmm_free_frames(const struct pmm *pmm);
uint32_t pmm_reserved_frames(const struct pmm *pmm);

#endif
