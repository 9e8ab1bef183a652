#include <tyrne/pmm.h>

#include <stdbool.h>
#include <tyrne/address.h>
#include <tyrne/hal/memory.h>

#define WORD_BITS 64U
#define WORDS     (PMM_MAX_FRAMES / WORD_BITS)

_Static_assert(offsetof(struct pmm, used) == 0, "read by debuggers and rule packs");
_Static_assert(offsetof(struct pmm, free) == PMM_MAX_FRAMES / 8U + 12U,
               "read by debuggers and rule packs");

static bool aligned(paddr_t pa)
{
    return pa.value % PAGE_SIZE == 0;
}

/* A range that is not empty and lies on page bounds. */
static status_t check_range(struct pa_range range)
{
    if (!aligned(range.start_pa) || !aligned(range.end_pa)) {
        return STATUS_BAD_ALIGNMENT;
    }
    return range.start_pa.value < range.end_pa.value ? STATUS_OK : STATUS_OUT_OF_RANGE;
}

static status_t check_layout(struct pa_range ram, const struct pa_range *reserved, size_t count)
{
    status_t status = check_range(ram);

    if (status != STATUS_OK) {
        return status;
    }
    if ((ram.end_pa.value - ram.start_pa.value) / PAGE_SIZE > PMM_MAX_FRAMES) {
        return STATUS_OUT_OF_RANGE;
    }
    if (count > PMM_MAX_RESERVED) {
        return STATUS_TOO_MANY_RANGES;
    }
    for (size_t i = 0; i < count; i++) {
        status = check_range(reserved[i]);
        if (status != STATUS_OK) {
            return status;
        }
        if (reserved[i].start_pa.value < ram.start_pa.value ||
            reserved[i].end_pa.value > ram.end_pa.value) {
            return STATUS_OUT_OF_RANGE;
        }
    }
    return STATUS_OK;
}

static uint32_t frame_of(const struct pmm *pmm, paddr_t pa)
{
    return (uint32_t)((pa.value - pmm->start_pa.value) / PAGE_SIZE);
}

static bool is_used(const struct pmm *pmm, uint32_t frame)
{
    return (pmm->used[frame / WORD_BITS] >> (frame % WORD_BITS) & 1U) != 0;
}

/* Words of `used` with the frames of the extent free and what lies beyond it used. */
static void clear_extent(struct pmm *pmm)
{
    for (uint32_t word = 0; word < WORDS; word++) {
        uint32_t first = word * WORD_BITS;

        if (first + WORD_BITS <= pmm->frames) {
            pmm->used[word] = 0;
        } else {
            pmm->used[word] =
                first >= pmm->frames ? UINT64_MAX : UINT64_MAX << (pmm->frames - first);
        }
    }
}

static void reserve(struct pmm *pmm, struct pa_range range)
{
    uint32_t end = frame_of(pmm, range.end_pa);

    for (uint32_t frame = frame_of(pmm, range.start_pa); frame < end; frame++) {
        if (!is_used(pmm, frame)) { /* ranges may overlap */
            pmm->used[frame / WORD_BITS] |= 1ULL << (frame % WORD_BITS);
            pmm->reserved++;
            pmm->free--;
        }
    }
    pmm->ranges[pmm->range_count] = range;
    pmm->range_count++;
}

status_t pmm_init(struct pmm *pmm, struct pa_range ram, const struct pa_range *reserved,
                  size_t reserved_ranges)
{
    status_t status = check_layout(ram, reserved, reserved_ranges);

    if (status != STATUS_OK) {
        return status;
    }
    pmm->start_pa = ram.start_pa;
    pmm->frames = (uint32_t)((ram.end_pa.value - ram.start_pa.value) / PAGE_SIZE);
    pmm->free = pmm->frames;
    pmm->hint = 0;
    pmm->reserved = 0;
    pmm->range_count = 0;
    clear_extent(pmm);
    for (size_t i = 0; i < reserved_ranges; i++) {
        reserve(pmm, reserved[i]);
    }
    return STATUS_OK;
}

status_t pmm_alloc(struct pmm *pmm, paddr_t *frame_pa)
{
    uint32_t word = pmm->hint;
    uint32_t frame;

    if (pmm->free == 0) {
        return STATUS_OUT_OF_FRAMES;
    }
    while (pmm->used[word] == UINT64_MAX) {
        word++;
    }
    frame = word * WORD_BITS + (uint32_t)__builtin_ctzll(~pmm->used[word]);
    pmm->used[word] |= 1ULL << (frame % WORD_BITS);
    pmm->hint = word;
    pmm->free--;
    *frame_pa = (paddr_t){pmm->start_pa.value + (uint64_t)frame * PAGE_SIZE};
    hal_zero_page((void *)(uintptr_t)phys_to_kernel_va(*frame_pa).value);
    return STATUS_OK;
}

static bool is_reserved(const struct pmm *pmm, paddr_t pa)
{
    for (uint32_t i = 0; i < pmm->range_count; i++) {
        if (pa.value >= pmm->ranges[i].start_pa.value && pa.value < pmm->ranges[i].end_pa.value) {
            return true;
        }
    }
    return false;
}

bool pmm_can_give_out(const struct pmm *pmm, struct pa_range range)
{
    uint64_t start = range.start_pa.value & ~(uint64_t)(PAGE_SIZE - 1U);

    for (uint64_t pa = start; pa < range.end_pa.value; pa += PAGE_SIZE) {
        bool in_extent = pa - pmm->start_pa.value < (uint64_t)pmm->frames * PAGE_SIZE;

        if (in_extent && !is_reserved(pmm, (paddr_t){pa})) {
            return true;
        }
    }
    return false;
}

status_t pmm_free(struct pmm *pmm, paddr_t frame_pa)
{
    uint64_t offset = frame_pa.value - pmm->start_pa.value;
    uint32_t frame;

    if (!aligned(frame_pa)) {
        return STATUS_BAD_ALIGNMENT;
    }
    /* An address below the extent wraps to a huge offset. */
    if (offset / PAGE_SIZE >= pmm->frames) {
        return STATUS_OUT_OF_RANGE;
    }
    if (is_reserved(pmm, frame_pa)) {
        return STATUS_RESERVED_FRAME;
    }
    frame = (uint32_t)(offset / PAGE_SIZE);
    if (!is_used(pmm, frame)) {
        return STATUS_NOT_ALLOCATED;
    }
    pmm->used[frame / WORD_BITS] &= ~(1ULL << (frame % WORD_BITS));
    pmm->free++;
    if (frame / WORD_BITS < pmm->hint) {
        pmm->hint = frame / WORD_BITS;
    }
    return STATUS_OK;
}

uint32_t pmm_free_frames(const struct pmm *pmm)
{
    return pmm->free;
}

uint32_t pmm_reserved_frames(const struct pmm *pmm)
{
    return pmm->reserved;
}
