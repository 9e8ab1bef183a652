/*
 * The boot's table builder on host memory, where a pointer is its own physical address. What it
 * built is read back by a walk written here from the manual, not by the builder's own code.
 */
#include "cmocka_includes.h"

#include <arch/boot_map.h>
#include <stdbool.h>
#include <string.h>

#define FRAMES    8U
#define KERNEL_VA 0xFFFFFFFF00000000ULL

static translation_table frames[FRAMES];

static void fill_with_garbage(void)
{
    memset(frames, 0xA5, sizeof(frames));
}

/* Walk `va` from `root`: the leaf's raw value and level, or false. */
static bool walk(const uint64_t *root, uint64_t va, uint64_t *leaf, unsigned *level)
{
    const uint64_t *table = root;

    for (*level = 0; *level < 4; (*level)++) {
        uint64_t raw = table[va >> (39 - 9 * *level) & 511];

        if ((raw & 1) == 0) {
            return false;
        }
        if (*level == 3 || (raw & 2) == 0) {
            *leaf = raw;
            return true;
        }
        table = (const uint64_t *)(raw & 0x0000FFFFFFFFF000ULL);
    }
    return false;
}

static void assert_maps(const uint64_t *root, uint64_t va, uint64_t pa, unsigned level,
                        uint64_t bits)
{
    uint64_t leaf = 0;
    unsigned at = 0;

    assert_true(walk(root, va, &leaf, &at));
    assert_int_equal(at, level);
    assert_int_equal(leaf, pa | bits);
}

static void rights_are_those_of_the_contract(void **state)
{
    /* From SYSTEM.md section 2 by bit: type, AttrIndx << 2, AP << 6, SH << 8, AF, PXN 53, UXN 54.
     */
    const uint64_t normal = 3ULL | 1ULL << 2 | 3ULL << 8 | 1ULL << 10 | 1ULL << 54;
    const uint64_t read_only = 2ULL << 6;
    const uint64_t no_execute = 1ULL << 53;
    const uint64_t *root = frames[0];
    struct boot_map map;

    (void)state;
    fill_with_garbage();
    boot_map_init(&map, frames, 4);
    boot_map_range(&map, KERNEL_VA + 0x1000, 0x1000, 0x1000, KERNEL_TEXT);
    boot_map_range(&map, KERNEL_VA + 0x2000, 0x2000, 0x1000, KERNEL_READ_ONLY);
    boot_map_range(&map, KERNEL_VA + 0x3000, 0x3000, 0x1000, KERNEL_DATA);
    boot_map_range(&map, KERNEL_VA + 0x4000, 0x4000, 0x1000, KERNEL_DEVICE);
    assert_int_equal(boot_map_finish(&map), (uintptr_t)root);
    assert_int_equal(frames[4][0], 0xA5A5A5A5A5A5A5A5); /* not its own */
    assert_maps(root, KERNEL_VA + 0x1000, 0x1000, 3, normal | read_only);
    assert_maps(root, KERNEL_VA + 0x2000, 0x2000, 3, normal | read_only | no_execute);
    assert_maps(root, KERNEL_VA + 0x3000, 0x3000, 3, normal | no_execute);
    assert_maps(root, KERNEL_VA + 0x4000, 0x4000, 3, 3ULL | 1ULL << 10 | no_execute | 1ULL << 54);
}

static void uses_blocks_where_it_can_and_pages_elsewhere(void **state)
{
    const uint64_t data_page = 3ULL | 1ULL << 2 | 3ULL << 8 | 1ULL << 10 | 3ULL << 53;
    const uint64_t data_block = data_page & ~2ULL;
    const uint64_t *root = frames[0];
    const uint64_t start = 0x1FF000;
    const uint64_t end = 0x601000;
    struct boot_map map;
    uint64_t leaf = 0;
    unsigned level = 0;

    (void)state;
    fill_with_garbage();
    boot_map_init(&map, frames, 5);
    boot_map_range(&map, KERNEL_VA + start, start, end - start, KERNEL_DATA);
    (void)boot_map_finish(&map);
    assert_false(walk(root, KERNEL_VA + start - 1, &leaf, &level));
    assert_maps(root, KERNEL_VA + start, start, 3, data_page);
    assert_maps(root, KERNEL_VA + 0x200000, 0x200000, 2, data_block);
    assert_maps(root, KERNEL_VA + 0x5FFFFF, 0x400000, 2, data_block);
    assert_maps(root, KERNEL_VA + 0x600000, 0x600000, 3, data_page);
    assert_false(walk(root, KERNEL_VA + end, &leaf, &level));
    assert_false(walk(root, start, &leaf, &level));
}

/* Of exactly one block, and where only one of the two addresses could begin one. */
static void a_block_needs_both_addresses(void **state)
{
    const uint64_t *root = frames[0];
    struct boot_map map;
    uint64_t leaf = 0;
    unsigned level = 0;

    (void)state;
    fill_with_garbage();
    boot_map_init(&map, frames, 6);
    boot_map_range(&map, 0x200000, 0x600000, 0x200000, KERNEL_DATA);
    boot_map_range(&map, 0x400000, 0x801000, 0x200000, KERNEL_DATA);
    boot_map_range(&map, 0x801000, 0xA00000, 0x200000, KERNEL_DATA);
    (void)boot_map_finish(&map);
    assert_true(walk(root, 0x3FFFFF, &leaf, &level));
    assert_int_equal(level, 2);
    assert_true(walk(root, 0x400000, &leaf, &level));
    assert_int_equal(level, 3);
    assert_int_equal(leaf & 0x0000FFFFFFFFF000ULL, 0x801000);
    assert_false(walk(root, 0x800FFF, &leaf, &level));
    assert_true(walk(root, 0xA00FFF, &leaf, &level));
    assert_int_equal(level, 3);
    assert_int_equal(leaf & 0x0000FFFFFFFFF000ULL, 0xBFF000);
}

/* A range off a page's bound changes nothing before it is refused. */
static void a_range_off_a_page_makes_no_table(void **state)
{
    const uint64_t *root = frames[0];
    struct boot_map map;
    uint64_t leaf = 0;
    unsigned level = 0;

    (void)state;
    boot_map_init(&map, frames, FRAMES);
    expect_assert_failure(boot_map_range(&map, 0x2800, 0x2000, 0x1000, KERNEL_DATA));
    expect_assert_failure(boot_map_range(&map, 0x2000, 0x2800, 0x1000, KERNEL_DATA));
    expect_assert_failure(boot_map_range(&map, 0x2000, 0x2000, 0x800, KERNEL_DATA));
    assert_int_equal(map.used, 1);
    assert_false(walk(root, 0x2000, &leaf, &level));
}

static void stops_at_a_mistake(void **state)
{
    struct boot_map map;

    (void)state;
    boot_map_init(&map, frames, 4);
    boot_map_range(&map, 0x1000, 0x1000, 0x1000, KERNEL_DATA);
    expect_assert_failure(boot_map_range(&map, 0x1000, 0x1000, 0x1000, KERNEL_DATA));
    expect_assert_failure(boot_map_range(&map, 0x2800, 0x2000, 0x1000, KERNEL_DATA));
    expect_assert_failure(boot_map_range(&map, 0x2000, 0x2800, 0x1000, KERNEL_DATA));
    expect_assert_failure(boot_map_range(&map, 0x2000, 0x2000, 0x800, KERNEL_DATA));
    /* A fifth frame would be needed. */
    expect_assert_failure(boot_map_range(&map, 0x200000, 0x1000, 0x1000, KERNEL_DATA));
    /* A block over the existing table. */
    expect_assert_failure(boot_map_range(&map, 0, 0, 0x200000, KERNEL_DATA));
    /* A page inside an existing block. */
    boot_map_range(&map, 0x200000, 0x200000, 0x200000, KERNEL_DATA);
    expect_assert_failure(boot_map_range(&map, 0x201000, 0x201000, 0x1000, KERNEL_DATA));
    /* An output address beyond 48 bits. */
    expect_assert_failure(boot_map_range(&map, 0x3000, 1ULL << 48, 0x1000, KERNEL_DATA));
}

static void every_reserved_frame_must_be_used(void **state)
{
    struct boot_map map;

    (void)state;
    boot_map_init(&map, frames, 5);
    boot_map_range(&map, 0x1000, 0x1000, 0x1000, KERNEL_DATA);
    expect_assert_failure(boot_map_finish(&map));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rights_are_those_of_the_contract),
        cmocka_unit_test(uses_blocks_where_it_can_and_pages_elsewhere),
        cmocka_unit_test(a_block_needs_both_addresses),
        cmocka_unit_test(a_range_off_a_page_makes_no_table),
        cmocka_unit_test(stops_at_a_mistake),
        cmocka_unit_test(every_reserved_frame_must_be_used),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
