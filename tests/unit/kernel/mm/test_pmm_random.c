/*
 * Property: the frame allocator behaves as a plain set of frames. Random allocations, good and bad
 * frees, over extents of random size with random reserved ranges.
 *
 * Arguments: seed, number of steps. The seed is printed on failure.
 */
#include "seeded.h"

#include <string.h>
#include <tyrne/pmm.h>

#include "fake_ram.h"

/* Frames of the largest extent, and steps on one extent. */
#define FRAMES_MAX   400U
#define ROUND_STEPS  4000U
#define STATUS_KINDS 6U

enum state { FREE, TAKEN, RESERVED };

static struct seeded run;
static struct pmm pmm;
static enum state model[FRAMES_MAX];
static uint32_t frames;
static uint32_t first; /* the extent starts at this frame of the RAM */
static uint32_t reached[STATUS_KINDS];

static const status_t outcomes[STATUS_KINDS] = {
    STATUS_OK,           STATUS_OUT_OF_FRAMES,  STATUS_BAD_ALIGNMENT,
    STATUS_OUT_OF_RANGE, STATUS_RESERVED_FRAME, STATUS_NOT_ALLOCATED,
};

static void check(bool holds, const char *what)
{
    seeded_check(&run, holds, what);
}

static void note(status_t status)
{
    for (unsigned i = 0; i < STATUS_KINDS; i++) {
        reached[i] += status == outcomes[i];
    }
}

static uint32_t count(enum state state)
{
    uint32_t found = 0;

    for (uint32_t i = 0; i < frames; i++) {
        found += model[i] == state;
    }
    return found;
}

static struct pa_range random_range(void)
{
    uint32_t start = seeded_below(&run, frames);
    uint32_t length = 1 + seeded_below(&run, frames - start < 20 ? frames - start : 20);

    for (uint32_t i = start; i < start + length; i++) {
        model[i] = RESERVED;
    }
    return (struct pa_range){fake_ram_frame(first + start), fake_ram_frame(first + start + length)};
}

static void new_extent(void)
{
    struct pa_range reserved[PMM_MAX_RESERVED];
    size_t ranges = seeded_below(&run, PMM_MAX_RESERVED + 1);
    struct pa_range ram;

    frames = 1 + seeded_below(&run, FRAMES_MAX);
    first = seeded_below(&run, FAKE_RAM_FRAMES - FRAMES_MAX);
    memset(model, 0, sizeof(model));
    for (size_t i = 0; i < ranges; i++) {
        reserved[i] = random_range();
    }
    fake_ram_open();
    ram = (struct pa_range){fake_ram_frame(first), fake_ram_frame(first + frames)};
    fake_ram_poison(ram);
    memset(&pmm, 0x99, sizeof(pmm));
    check(pmm_init(&pmm, ram, reserved, ranges) == STATUS_OK, "init");
    check(pmm_reserved_frames(&pmm) == count(RESERVED), "reserved frames");
}

/* The lowest free frame, zeroed. */
static void alloc(void)
{
    uint32_t expected = 0;
    paddr_t pa = {1};
    status_t status = pmm_alloc(&pmm, &pa);

    note(status);
    while (expected < frames && model[expected] != FREE) {
        expected++;
    }
    if (expected == frames) {
        check(status == STATUS_OUT_OF_FRAMES && pa.value == 1, "alloc from nothing");
        return;
    }
    check(status == STATUS_OK, "alloc");
    check(pa.value == fake_ram_frame(first + expected).value, "not the lowest free frame");
    check(fake_ram_frame_is(pa, 0), "not zeroed");
    model[expected] = TAKEN;
    if (seeded_chance(&run, 50)) {
        fake_ram_poison((struct pa_range){pa, {pa.value + PAGE_SIZE}});
    }
}

static void release(uint64_t pa)
{
    uint64_t start = fake_ram_frame(first).value;
    uint64_t index = (pa - start) / PAGE_SIZE;
    status_t expected = STATUS_OK;
    status_t status = pmm_free(&pmm, (paddr_t){pa});

    note(status);
    if (pa % PAGE_SIZE != 0) {
        expected = STATUS_BAD_ALIGNMENT;
    } else if (pa < start || index >= frames) {
        expected = STATUS_OUT_OF_RANGE;
    } else if (model[index] == RESERVED) {
        expected = STATUS_RESERVED_FRAME;
    } else if (model[index] == FREE) {
        expected = STATUS_NOT_ALLOCATED;
    } else {
        model[index] = FREE;
    }
    check(status == expected, "free");
}

static uint64_t bad_address(void)
{
    uint64_t start = fake_ram_frame(first).value;

    switch (seeded_below(&run, 4)) {
    case 0:
        return start + seeded_below(&run, frames * PAGE_SIZE);
    case 1:
        return start - PAGE_SIZE * (1ULL + seeded_below(&run, 3));
    case 2:
        return start + PAGE_SIZE * ((uint64_t)frames + seeded_below(&run, 100));
    default:
        return seeded_next(&run) << 8 | seeded_below(&run, 2) * PAGE_SIZE;
    }
}

static void random_step(uint32_t alloc_percent)
{
    if (seeded_chance(&run, 8)) {
        release(bad_address());
    } else if (seeded_chance(&run, alloc_percent)) {
        alloc();
    } else {
        release(fake_ram_frame(first + seeded_below(&run, frames)).value);
    }
    check(pmm_free_frames(&pmm) == count(FREE), "free count");
    check(pmm_reserved_frames(&pmm) == count(RESERVED), "reserved count");
}

static void allocator_is_a_set(void **state)
{
    uint32_t alloc_percent = 50;

    (void)state;
    for (run.step = 0; run.step < run.steps; run.step++) {
        if (run.step % ROUND_STEPS == 0) {
            new_extent();
        }
        if (run.step % 500 == 0) {
            alloc_percent = 20 + 10 * seeded_below(&run, 8); /* full at times, empty at times */
        }
        random_step(alloc_percent);
    }
    for (unsigned i = 0; i < STATUS_KINDS; i++) {
        check(reached[i] > 0, "an outcome was never reached");
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allocator_is_a_set),
    };

    seeded_start(&run, argc, argv, 1000000);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
