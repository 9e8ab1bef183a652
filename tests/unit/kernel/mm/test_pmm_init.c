/* What pmm_init() accepts and refuses; a refusal leaves `pmm` untouched, byte by byte. */
#include "cmocka_includes.h"

#include <string.h>
#include <tyrne/pmm.h>

#include "fake_ram.h"

#define RAM_START FAKE_RAM_START_PA
#define MIB       0x100000ULL

static struct pmm pmm;

static struct pa_range range(uint64_t start, uint64_t end)
{
    return (struct pa_range){{start}, {end}};
}

static void assert_refused(struct pa_range ram, const struct pa_range *reserved, size_t count,
                           status_t expected)
{
    struct pmm before;

    memset(&pmm, 0x3C, sizeof(pmm));
    memcpy(&before, &pmm, sizeof(pmm));
    assert_int_equal(pmm_init(&pmm, ram, reserved, count), expected);
    assert_memory_equal(&pmm, &before, sizeof(pmm));
}

static void assert_ram_refused(uint64_t start, uint64_t end, status_t expected)
{
    assert_refused(range(start, end), NULL, 0, expected);
}

/* Refused as the only range, and behind a good one. */
static void assert_reserved_refused(uint64_t start, uint64_t end, status_t expected)
{
    struct pa_range ranges[] = {range(RAM_START, RAM_START + PAGE_SIZE), range(start, end)};

    assert_refused(range(RAM_START, RAM_START + MIB), &ranges[1], 1, expected);
    assert_refused(range(RAM_START, RAM_START + MIB), ranges, 2, expected);
}

static void accept(struct pa_range ram, const struct pa_range *reserved, size_t count)
{
    memset(&pmm, 0xFF, sizeof(pmm));
    assert_int_equal(pmm_init(&pmm, ram, reserved, count), STATUS_OK);
}

static void assert_counts(uint32_t free, uint32_t reserved)
{
    assert_int_equal(pmm_free_frames(&pmm), free);
    assert_int_equal(pmm_reserved_frames(&pmm), reserved);
}

static void refuses_ram_bounds_off_a_page(void **state)
{
    (void)state;
    assert_ram_refused(RAM_START + 1, RAM_START + MIB, STATUS_BAD_ALIGNMENT);
    assert_ram_refused(RAM_START + 2048, RAM_START + MIB, STATUS_BAD_ALIGNMENT);
    assert_ram_refused(RAM_START, RAM_START + MIB - 1, STATUS_BAD_ALIGNMENT);
    assert_ram_refused(RAM_START, RAM_START + MIB + 8, STATUS_BAD_ALIGNMENT);
}

static void refuses_ram_that_is_empty_reversed_or_too_large(void **state)
{
    const uint64_t most = (uint64_t)PMM_MAX_FRAMES * PAGE_SIZE;

    (void)state;
    assert_ram_refused(RAM_START, RAM_START, STATUS_OUT_OF_RANGE);
    assert_ram_refused(0, 0, STATUS_OUT_OF_RANGE);
    assert_ram_refused(RAM_START + PAGE_SIZE, RAM_START, STATUS_OUT_OF_RANGE);
    assert_ram_refused(RAM_START, RAM_START + most + PAGE_SIZE, STATUS_OUT_OF_RANGE);
    assert_ram_refused(0, UINT64_MAX - PAGE_SIZE + 1, STATUS_OUT_OF_RANGE);
}

static void refuses_reserved_bounds_off_a_page(void **state)
{
    (void)state;
    assert_reserved_refused(RAM_START + 1, RAM_START + MIB, STATUS_BAD_ALIGNMENT);
    assert_reserved_refused(RAM_START, RAM_START + MIB - 1, STATUS_BAD_ALIGNMENT);
}

static void refuses_reserved_ranges_empty_reversed_or_outside(void **state)
{
    (void)state;
    assert_reserved_refused(RAM_START, RAM_START, STATUS_OUT_OF_RANGE);
    assert_reserved_refused(RAM_START + PAGE_SIZE, RAM_START, STATUS_OUT_OF_RANGE);
    assert_reserved_refused(RAM_START - PAGE_SIZE, RAM_START + PAGE_SIZE, STATUS_OUT_OF_RANGE);
    assert_reserved_refused(RAM_START, RAM_START + MIB + PAGE_SIZE, STATUS_OUT_OF_RANGE);
    assert_reserved_refused(RAM_START - PAGE_SIZE, RAM_START, STATUS_OUT_OF_RANGE);
    assert_reserved_refused(RAM_START + MIB, RAM_START + MIB + PAGE_SIZE, STATUS_OUT_OF_RANGE);
}

static void refuses_too_many_ranges(void **state)
{
    struct pa_range ranges[PMM_MAX_RESERVED + 1];

    (void)state;
    for (size_t i = 0; i <= PMM_MAX_RESERVED; i++) {
        ranges[i] = range(RAM_START, RAM_START + PAGE_SIZE);
    }
    assert_refused(range(RAM_START, RAM_START + MIB), ranges, PMM_MAX_RESERVED + 1,
                   STATUS_TOO_MANY_RANGES);
    /* The number is judged before what the ranges say. */
    assert_refused(range(RAM_START, RAM_START + MIB), NULL, SIZE_MAX, STATUS_TOO_MANY_RANGES);
    accept(range(RAM_START, RAM_START + MIB), ranges, PMM_MAX_RESERVED);
    assert_counts(255, 1);
}

static void overlapping_ranges_count_once(void **state)
{
    const struct pa_range ranges[] = {
        range(RAM_START, RAM_START + 10 * PAGE_SIZE),
        range(RAM_START + 5 * PAGE_SIZE, RAM_START + 12 * PAGE_SIZE),
        range(RAM_START + 5 * PAGE_SIZE, RAM_START + 6 * PAGE_SIZE),
        range(RAM_START + 250 * PAGE_SIZE, RAM_START + 256 * PAGE_SIZE),
    };

    (void)state;
    accept(range(RAM_START, RAM_START + MIB), ranges, 4);
    assert_counts(256 - 18, 18);
}

static void the_whole_ram_can_be_reserved(void **state)
{
    const struct pa_range all = range(RAM_START, RAM_START + MIB);
    paddr_t frame = {1};

    (void)state;
    accept(all, &all, 1);
    assert_counts(0, 256);
    assert_int_equal(pmm_alloc(&pmm, &frame), STATUS_OUT_OF_FRAMES);
    assert_int_equal(frame.value, 1);
}

static uint32_t clear_bits(void)
{
    uint32_t count = 0;

    for (size_t word = 0; word < PMM_MAX_FRAMES / 64U; word++) {
        count += (uint32_t)__builtin_popcountll(~pmm.used[word]);
    }
    return count;
}

/* The bits beyond the extent are in use from the start: also those of a word that it ends in. */
static void the_bitmap_ends_with_the_extent(void **state)
{
    const uint32_t sizes[] = {1, 63, 64, 65, 100, 127, 128, 129, PMM_MAX_FRAMES - 1};

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        accept(range(RAM_START, RAM_START + (uint64_t)sizes[i] * PAGE_SIZE), NULL, 0);
        assert_counts(sizes[i], 0);
        assert_int_equal(clear_bits(), sizes[i]);
        assert_int_equal(pmm.used[sizes[i] / 64U] >> sizes[i] % 64U, UINT64_MAX >> sizes[i] % 64U);
    }
}

static void an_extent_of_the_maximum_is_accepted(void **state)
{
    const struct pa_range last = range(FAKE_RAM_END_PA - PAGE_SIZE, FAKE_RAM_END_PA);

    (void)state;
    assert_int_equal(FAKE_RAM_FRAMES, PMM_MAX_FRAMES);
    accept(range(RAM_START, FAKE_RAM_END_PA), NULL, 0);
    assert_counts(PMM_MAX_FRAMES, 0);
    assert_int_equal(clear_bits(), PMM_MAX_FRAMES);
    accept(range(RAM_START, FAKE_RAM_END_PA), &last, 1);
    assert_counts(PMM_MAX_FRAMES - 1, 1);
    assert_int_equal(pmm.used[PMM_MAX_FRAMES / 64U - 1U], 1ULL << 63U);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_ram_bounds_off_a_page),
        cmocka_unit_test(refuses_ram_that_is_empty_reversed_or_too_large),
        cmocka_unit_test(refuses_reserved_bounds_off_a_page),
        cmocka_unit_test(refuses_reserved_ranges_empty_reversed_or_outside),
        cmocka_unit_test(refuses_too_many_ranges),
        cmocka_unit_test(overlapping_ranges_count_once),
        cmocka_unit_test(the_whole_ram_can_be_reserved),
        cmocka_unit_test(the_bitmap_ends_with_the_extent),
        cmocka_unit_test(an_extent_of_the_maximum_is_accepted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
