/* The map of an address space: its lines, its halves, its words. */
#include "space_map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "map_case.h"
#include "map_report.h"
#include "space_build.h"

#define SIZE_OF(table) (sizeof(table) / sizeof((table)[0]))
#define MIB(count)     ((uint64_t)(count) << 20)
#define PAGE           UINT64_C(0x1000)

static void expect_entry(const struct space_entry *entry, uint64_t first, uint64_t size,
                         uint64_t pa, const char *words, const char *name)
{
    char text[128];

    map_entry_words(entry, text, sizeof(text));
    assert_true(entry->run.first_va == first);
    assert_true(entry->run.last_va == first + size - 1);
    assert_true(entry->run.has_pa == 0 || entry->run.pa == pa);
    assert_string_equal(text, words);
    assert_string_equal(entry->name, name);
}

/* --- lines ----------------------------------------------------------------------------------- */

static void test_a_sound_kernel(void **state)
{
    struct space space;
    struct space_map map;
    const struct space_entry *entry;

    (void)state;
    space_begin(&space, 12);
    space_sound(&space);
    map = map_of(&space);
    assert_false(map.flat);
    assert_int_equal(map.half_count, 2);
    assert_true(map.halves[0].used && map.halves[1].used);
    assert_int_equal(map.halves[0].granule, 4096);
    assert_true(map.halves[1].root_pa == space.item.snapshot.regs.ttbr1);
    assert_true(map.halves[1].range.first == space_upper(&space));
    assert_true(map.halves[1].range.last == UINT64_MAX);
    assert_int_equal(map.entry_count, 9);
    entry = map.entries;
    expect_entry(entry++, USER_TEXT_VA, 2 * PAGE, USER_TEXT_PA,
                 "r-- r-x Normal WB     inner nG 4K   ", "RAM");
    expect_entry(entry++, USER_DATA_VA, 2 * PAGE, USER_DATA_PA,
                 "rw- rw- Normal WB     inner nG 4K   ", "RAM");
    expect_entry(entry++, KERNEL_VA(&space), 4 * PAGE, KERNEL_PA,
                 "r-x --- Normal WB     inner G  4K   ", "RAM");
    expect_entry(entry++, KERNEL_VA(&space) + 4 * PAGE, 4 * PAGE, KERNEL_PA + 4 * PAGE,
                 "r-- --- Normal WB     inner G  4K   ", "RAM");
    expect_entry(entry++, KERNEL_VA(&space) + 8 * PAGE, 4 * PAGE, KERNEL_PA + 8 * PAGE,
                 "rw- --- Normal WB     inner G  4K   ", "RAM");
    expect_entry(entry++, LINEAR_VA(&space), MIB(2), RAM_PA, "rw- --- Normal WB     inner G  2M   ",
                 "RAM");
    expect_entry(entry++, LINEAR_VA(&space) + MIB(2), 8 * PAGE, KERNEL_PA,
                 "r-- --- Normal WB     inner G  4K   ", "RAM");
    expect_entry(entry++, LINEAR_VA(&space) + MIB(2) + 8 * PAGE, MIB(126) - 8 * PAGE,
                 KERNEL_PA + 8 * PAGE, "rw- --- Normal WB     inner G  4K-2M", "RAM");
    expect_entry(entry++, DEVICE_VA(&space), PAGE, DEVICE_PA,
                 "rw- --- Device-nGnRnE -     G  4K   ", "devices");
    space_map_free(&map);
    space_end(&space);
}

static void test_the_other_granules(void **state)
{
    static const struct {
        unsigned bits;
        const char *words;
    } cases[] = {
        {14, "r-x --- Normal WB     inner G  16K  "},
        {16, "r-x --- Normal WB     inner G  64K  "},
    };

    (void)state;
    for (size_t i = 0; i < SIZE_OF(cases); i++) {
        struct space space;
        struct space_map map;
        uint64_t size = UINT64_C(1) << cases[i].bits;

        space_begin(&space, cases[i].bits);
        space_map(&space, space_upper(&space), KERNEL_PA, 3, 3, KERNEL_TEXT);
        map = map_of(&space);
        assert_int_equal(map.halves[1].granule, size);
        assert_int_equal(map.entry_count, 1);
        expect_entry(&map.entries[0], space_upper(&space), 3 * size, KERNEL_PA, cases[i].words,
                     "RAM");
        space_map_free(&map);
        space_end(&space);
    }
}

static void test_el2_has_one_half(void **state)
{
    struct space space;
    struct space_map map;
    struct map_filter filter = {.half = -1, .el = -1};
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    (void)state;
    assert_non_null(out);
    space_begin_el2(&space);
    json_object_set_new(space.item.snapshot.header, "regime", json_string("EL2"));
    space_map(&space, 0x40000000, KERNEL_PA, 3, 1, EL2_TEXT);
    space_map(&space, 0x40001000, KERNEL_PA + PAGE, 3, 1, EL2_DATA);
    map = map_of(&space);
    assert_int_equal(map.half_count, 1);
    assert_int_equal(map.entry_count, 2);
    expect_entry(&map.entries[0], 0x40000000, PAGE, KERNEL_PA,
                 "r-x --- Normal WB     inner G  4K   ", "RAM");
    expect_entry(&map.entries[1], 0x40001000, PAGE, KERNEL_PA + PAGE,
                 "rw- --- Normal WB     inner G  4K   ", "RAM");
    map_report_text(&map, &space.item.snapshot, &filter, out, false);
    fclose(out);
    assert_non_null(strstr(text, "the EL2 regime"));
    assert_non_null(strstr(text, "(TTBR0_EL2)"));
    assert_null(strstr(text, "high half"));
    assert_null(strstr(text, "EL1"));
    free(text);
    space_map_free(&map);
    space_end(&space);
}

static void test_what_is_mapped_and_faults(void **state)
{
    struct space space;
    struct space_map map;
    uint64_t va;

    (void)state;
    space_begin(&space, 12);
    va = space_upper(&space);
    space_map(&space, va, KERNEL_PA, 3, 1, KERNEL_DATA & ~DESC_LEAF_AF_BIT);
    /* Above the output size of 40 bits. */
    space_map(&space, va + 2 * PAGE, UINT64_C(1) << 41, 3, 1, KERNEL_DATA);
    /* A table where there is nothing. */
    *space_entry(&space, va + MIB(4), 2) = UINT64_C(0x70000000) | 3;
    map = map_of(&space);
    assert_int_equal(map.entry_count, 3);
    expect_entry(&map.entries[0], va, PAGE, KERNEL_PA, "--- --- Normal WB     inner G  4K    AF=0",
                 "RAM");
    expect_entry(&map.entries[1], va + 2 * PAGE, PAGE, 0, "address size fault",
                 "leads above the output address size");
    expect_entry(&map.entries[2], va + MIB(4), MIB(2), 0, "table not readable",
                 "its table cannot be read");
    space_map_free(&map);
    space_end(&space);
}

static void test_bits_that_part_a_range(void **state)
{
    struct space space;
    struct space_map map;
    uint64_t va;

    (void)state;
    space_begin(&space, 12);
    va = space_upper(&space);
    space_map(&space, va, KERNEL_PA, 3, 16, KERNEL_DATA | DESC_LEAF_CONTIGUOUS_BIT);
    space_map(&space, va + 16 * PAGE, KERNEL_PA + 16 * PAGE, 3, 1, KERNEL_DATA);
    space_map(&space, va + 17 * PAGE, KERNEL_PA + 17 * PAGE, 3, 1, KERNEL_DATA | DESC_LEAF_NG_BIT);
    space_map(&space, va + 18 * PAGE, KERNEL_PA + 18 * PAGE, 3, 1, KERNEL_DATA | DESC_LEAF_GP_BIT);
    map = map_of(&space);
    assert_int_equal(map.entry_count, 4);
    expect_entry(&map.entries[0], va, 16 * PAGE, KERNEL_PA,
                 "rw- --- Normal WB     inner G  4K    contiguous", "RAM");
    expect_entry(&map.entries[1], va + 16 * PAGE, PAGE, KERNEL_PA + 16 * PAGE,
                 "rw- --- Normal WB     inner G  4K   ", "RAM");
    expect_entry(&map.entries[2], va + 17 * PAGE, PAGE, KERNEL_PA + 17 * PAGE,
                 "rw- --- Normal WB     inner nG 4K   ", "RAM");
    expect_entry(&map.entries[3], va + 18 * PAGE, PAGE, KERNEL_PA + 18 * PAGE,
                 "rw- --- Normal WB     inner G  4K    guarded", "RAM");
    space_map_free(&map);
    space_end(&space);
}

/* --- halves ---------------------------------------------------------------------------------- */

static void test_halves_out_of_use(void **state)
{
    static const struct {
        uint64_t clear; /* bits of TCR_EL1 */
        uint64_t set;
        enum rig_walk_status problem;
        enum rig_walk_reason reason;
    } cases[] = {
        {0, TCR_EL1_EPD1_BIT, RIG_WALK_FAULT_WALK_DISABLED, RIG_WALK_REASON_NONE},
        {TCR_EL1_T1SZ_MASK, UINT64_C(60) << TCR_EL1_T1SZ_SHIFT, RIG_WALK_FAULT_TRANSLATION,
         RIG_WALK_REASON_TXSZ},
        {TCR_EL1_TG1_MASK, 0, RIG_WALK_UNSUPPORTED, RIG_WALK_REASON_GRANULE},
    };

    (void)state;
    for (size_t i = 0; i < SIZE_OF(cases); i++) {
        struct space space;
        struct space_map map;

        space_begin(&space, 12);
        space_sound(&space);
        space.item.snapshot.regs.tcr &= ~cases[i].clear;
        space.item.snapshot.regs.tcr |= cases[i].set;
        map = map_of(&space);
        assert_true(map.halves[0].used);
        assert_false(map.halves[1].used);
        assert_int_equal(map.halves[1].problem, cases[i].problem);
        assert_int_equal(map.halves[1].reason, cases[i].reason);
        assert_int_equal(map.entry_count, 2); /* the lower half's */
        space_map_free(&map);
        space_end(&space);
    }
}

static void test_the_mmu_is_off(void **state)
{
    struct space space;
    struct space_map map;

    (void)state;
    space_begin(&space, 12);
    space_sound(&space);
    space.item.snapshot.regs.sctlr &= ~(uint64_t)SCTLR_EL1_M_BIT;
    map = map_of(&space);
    assert_true(map.flat);
    assert_false(map.halves[0].used || map.halves[1].used);
    assert_int_equal(map.entry_count, 0);
    space_map_free(&map);
    space_end(&space);
}

/* Every entry of the upper levels leads to one table with every other page mapped. */
static void test_a_map_without_end(void **state)
{
    struct space space;
    struct space_map map;
    uint64_t va;

    (void)state;
    space_begin(&space, 12);
    va = space_upper(&space);
    for (uint64_t i = 0; i < 512; i += 2) {
        space_map(&space, va + i * PAGE, KERNEL_PA, 3, 1, KERNEL_DATA);
    }
    for (unsigned level = 1; level <= 2; level++) {
        uint64_t first = *space_entry(&space, va, level);

        for (uint64_t i = 1; i < 512; i++) {
            *space_entry(&space, va + (i << space_shift(&space, level)), level) = first;
        }
    }
    assert_int_equal(map_case_build(&space, &map), RIG_WALK_LIMIT);
    assert_int_equal(map.entry_count, SPACE_MAP_ENTRIES);
    space_map_free(&map);
    space_end(&space);
}

/* --- words ----------------------------------------------------------------------------------- */

static void test_names(void **state)
{
    enum { ELSEWHERE = 0x10000000 };
    static struct audit_region regions[] = {
        {{KERNEL_PA, KERNEL_PA + 0x1fff}, true, true, ".text"},
        {{KERNEL_PA + 0x2000, KERNEL_PA + 0x27ff}, true, true, ".rodata"},
        {{0x5000, 0x5fff}, false, false, "stack"},
        {{0x20000, 0x20fff}, false, false, "a"},
        {{0x21000, 0x21fff}, false, false, "b"},
        {{0x22000, 0x22fff}, false, false, "b"},
        {{0x23000, 0x23fff}, false, false, "c"},
        {{0x24000, 0x24fff}, false, false, "d"},
        {{0x25000, 0x25fff}, false, false, "e"},
    };
    static const struct {
        uint64_t va;
        uint64_t pa;
        uint64_t size;
        const char *name;
    } cases[] = {
        {ELSEWHERE, KERNEL_PA, PAGE, ".text"},
        {ELSEWHERE, KERNEL_PA, 3 * PAGE, ".text, .rodata"},
        {ELSEWHERE, KERNEL_PA, 16 * PAGE, ".text, .rodata, RAM"},
        {0x5000, RAM_PA, PAGE, "stack"},
        {0x6000, RAM_PA, PAGE, "RAM"},
        {0x20000, RAM_PA, 6 * PAGE, "a, b, c and 2 more"},
        {ELSEWHERE, RAM_PA, RAM_SIZE, ".text, .rodata, RAM"},
        {ELSEWHERE, RAM_PA + RAM_SIZE - PAGE, 2 * PAGE, "RAM, beyond RAM"},
        {ELSEWHERE, DEVICE_PA, PAGE, "devices"},
        {ELSEWHERE, 0x0b000000, PAGE, "fw_cfg"}, /* fills a part of its page */
        {ELSEWHERE, 0x0aff0000, MIB(1), "devices, fw_cfg"},
        {ELSEWHERE, ROM_PA, PAGE, "flash"},
        {ELSEWHERE, 0x70000000, PAGE, "nothing is there"},
        {ELSEWHERE, UINT64_MAX - (PAGE - 1), PAGE, "nothing is there"},
    };
    struct space space;
    char name[160];

    (void)state;
    space_begin(&space, 12);
    space.spec.regions = regions;
    space.spec.region_count = SIZE_OF(regions);
    for (size_t i = 0; i < SIZE_OF(cases); i++) {
        space_map_name(&space.item.snapshot, &space.spec, cases[i].va, cases[i].pa, cases[i].size,
                       name, sizeof(name));
        assert_string_equal(name, cases[i].name);
    }
    space_map_name(&space.item.snapshot, NULL, 0x5000, KERNEL_PA, PAGE, name, sizeof(name));
    assert_string_equal(name, "RAM");
    space_map_name(&space.item.snapshot, &space.spec, 0, KERNEL_PA, 3 * PAGE, name, 8);
    assert_string_equal(name, ".text, ");
    space.item.snapshot.memory_count = 0;
    space_map_name(&space.item.snapshot, NULL, 0, KERNEL_PA, PAGE, name, sizeof(name));
    assert_string_equal(name, "memory");
    space.spec.regions = NULL;
    space.spec.region_count = 0;
    space_end(&space);
}

/* Each of the 256 attributes has a name of its own, as far as it is a memory type of its own. */
static void test_memory_words(void **state)
{
    static const struct {
        uint8_t attr;
        const char *words;
    } usual[] = {
        {0x00, "Device-nGnRnE"}, {0x04, "Device-nGnRE"}, {0x08, "Device-nGRE"},
        {0x0c, "Device-GRE"},    {0x44, "Normal NC"},    {0xbb, "Normal WT"},
        {0xff, "Normal WB"},
    };
    static char all[256][128];

    (void)state;
    for (size_t i = 0; i < SIZE_OF(usual); i++) {
        char words[64];

        assert_string_equal(space_map_memory_words(usual[i].attr, words, sizeof(words)),
                            usual[i].words);
    }
    for (unsigned attr = 0; attr < 256; attr++) {
        space_map_memory_words((uint8_t)attr, all[attr], sizeof(all[attr]));
        for (unsigned other = 0; other < attr; other++) {
            assert_string_not_equal(all[attr], all[other]);
        }
    }
}

static void test_size_words(void **state)
{
    static const struct {
        uint64_t size;
        const char *words;
    } cases[] = {
        {8, "8 B"},
        {4096, "4 KiB"},
        {36864, "36 KiB"},
        {MIB(2), "2 MiB"},
        {MIB(2) + 0x10000, "2.0 MiB"},
        {MIB(127) + 0x80000, "127 MiB"},
        {MIB(99) + 0x80000, "99.5 MiB"},
        {MIB(512), "512 MiB"},
        {UINT64_C(1) << 39, "512 GiB"},
        {UINT64_C(1) << 63, "8 EiB"},
    };

    (void)state;
    for (size_t i = 0; i < SIZE_OF(cases); i++) {
        char words[32];

        assert_string_equal(map_size_words(cases[i].size, words, sizeof(words)), cases[i].words);
    }
}

static void test_filters(void **state)
{
    static const struct {
        struct map_filter filter;
        size_t count; /* of the nine lines of a sound kernel */
    } cases[] = {
        {{.half = -1, .el = -1}, 9},
        {{.half = 0, .el = -1}, 2},
        {{.half = 1, .el = -1}, 7},
        {{.half = -1, .el = 0}, 2},
        {{.half = -1, .el = 1}, 9},
        {{.half = -1, .el = -1, .write = true}, 5},
        {{.half = -1, .el = 0, .write = true}, 1},
        {{.half = -1, .el = -1, .execute = true}, 2},
        {{.half = -1, .el = 0, .execute = true}, 1},
        {{.half = -1, .el = 1, .execute = true}, 1},
        {{.half = -1, .el = -1, .write = true, .execute = true}, 0},
        {{.half = -1, .el = -1, .device = true}, 1},
        {{.half = -1, .el = -1, .user = true}, 2},
        {{.half = 1, .el = -1, .user = true}, 0},
    };
    struct space space;
    struct space_map map;

    (void)state;
    space_begin(&space, 12);
    space_sound(&space);
    map = map_of(&space);
    for (size_t i = 0; i < SIZE_OF(cases); i++) {
        size_t count = 0;

        for (size_t k = 0; k < map.entry_count; k++) {
            count += map_filter_takes(&cases[i].filter, &map.entries[k]);
        }
        assert_int_equal(count, cases[i].count);
    }
    space_map_free(&map);
    space_end(&space);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_sound_kernel),
        cmocka_unit_test(test_the_other_granules),
        cmocka_unit_test(test_el2_has_one_half),
        cmocka_unit_test(test_what_is_mapped_and_faults),
        cmocka_unit_test(test_bits_that_part_a_range),
        cmocka_unit_test(test_halves_out_of_use),
        cmocka_unit_test(test_the_mmu_is_off),
        cmocka_unit_test(test_a_map_without_end),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_memory_words),
        cmocka_unit_test(test_size_words),
        cmocka_unit_test(test_filters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
