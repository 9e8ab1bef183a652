/*
 * rig_walk_entries: every valid descriptor on each path, in order, each with the path that leads to
 * it; unreadable frames told once; bounded on loops.
 */
#include "runs.h"

#include <string.h>

#define GIB         (UINT64_C(1) << 30)
#define MIB2        (UINT64_C(1) << 21)
#define ENTRIES_MAX 20000

struct list {
    struct rig_walk_entry entry[ENTRIES_MAX];
    size_t count;
    size_t stop_after; /* 0: never */
};

static struct list *list_new(void)
{
    static struct list list;

    list.count = 0;
    list.stop_after = 0;
    return &list;
}

static int collect(void *user, const struct rig_walk_entry *entry)
{
    struct list *list = user;

    assert_in_range(list->count, 0, ENTRIES_MAX - 1);
    list->entry[list->count++] = *entry;
    return list->stop_after != 0 && list->count == list->stop_after;
}

/*
 * The entries of [first, last]; asserts that they come in order, a table before what is below it,
 * that each overlaps the range, that each path is one that the fake memory holds, and that a leaf
 * says what a walk of its first address says.
 */
static struct list *entries_of(struct fake *fake, const struct rig_walk_regs *regs, uint64_t first,
                               uint64_t last)
{
    struct list *list = list_new();

    assert_int_equal(rig_walk_entries(regs, fake_read, fake, first, last, collect, list, 0),
                     RIG_WALK_OK);
    for (size_t i = 0; i < list->count; i++) {
        const struct rig_walk_entry *entry = &list->entry[i];
        const struct rig_walk_result *result = &entry->result;
        struct rig_walk_result walked = fake_walk(fake, regs, result->va);

        assert_true(result->va <= last && entry->last_va >= first);
        assert_int_equal(entry->last_va, result->va + (result->size - 1));
        assert_int_equal(result->step_count, result->level - entry->start_level + 1);
        assert_true(walked.step_count >= result->step_count);
        if (i > 0 && result->status != RIG_WALK_READ_FAILED) {
            const struct rig_walk_result *before = &list->entry[i - 1].result;
            assert_true(before->va < result->va ||
                        (before->va == result->va && before->level < result->level));
        }
        assert_memory_equal(result->steps, walked.steps,
                            result->step_count * sizeof(result->steps[0]));
        if (entry->kind != RIG_WALK_ENTRY_TABLE) {
            assert_memory_equal(result, &walked, sizeof(walked));
        }
    }
    return list;
}

static void assert_entry(const struct list *list, size_t index, enum rig_walk_entry_kind kind,
                         uint64_t va, unsigned level, enum rig_walk_status status)
{
    assert_in_range(index, 0, list->count - 1);
    assert_int_equal(list->entry[index].kind, kind);
    assert_int_equal(list->entry[index].result.va, va);
    assert_int_equal(list->entry[index].result.level, level);
    assert_int_equal(list->entry[index].result.status, status);
}

struct three {
    struct rig_walk_regs regs;
    uint64_t table[3];
};

/* 39-bit space: VA 0 through tables at level 1 and 2 to pages. */
static struct three make_three(struct fake *fake)
{
    struct three three = {.regs = fake_regs(12, 25)};

    for (size_t i = 0; i < 3; i++) {
        three.table[i] = fake_table(fake, 0x1000);
    }
    three.regs.ttbr0 = three.table[0];
    three.regs.ttbr1 = fake_table(fake, 0x1000);
    fake_write(fake, three.table[0], three.table[1] | D_TABLE | UINT64_C(1) << 62);
    fake_write(fake, three.table[1], three.table[2] | D_TABLE);
    return three;
}

static void each_kind_in_order(void **state)
{
    struct three three = make_three(*state);
    struct list *list;

    fake_write(*state, three.table[2] + 8, UINT64_C(0x50001000) | D_PAGE);
    fake_write(*state, three.table[2] + 16, UINT64_C(0x50002000) | 1);      /* reserved */
    fake_write(*state, three.table[2] + 24, UINT64_C(0x50003000) | 3);      /* AF = 0 */
    fake_write(*state, three.table[2] + 32, UINT64_C(0x50004000) | 2);      /* invalid: no entry */
    fake_write(*state, three.table[1] + 8, UINT64_C(0x60000000) | D_BLOCK); /* 2 MiB */
    fake_write(*state, three.table[0] + 8, UINT64_C(1) << 47 | D_TABLE);    /* nothing there */
    fake_write(*state, three.table[0] + 16, UINT64_C(0x80000000) | D_BLOCK);
    fake_write(*state, three.regs.ttbr1 + 4088, UINT64_C(0xc0000000) | D_BLOCK);
    list = entries_of(*state, &three.regs, 0, UINT64_MAX);
    assert_int_equal(list->count, 9);
    assert_entry(list, 0, RIG_WALK_ENTRY_TABLE, 0, 1, RIG_WALK_OK);
    assert_entry(list, 1, RIG_WALK_ENTRY_TABLE, 0, 2, RIG_WALK_OK);
    assert_entry(list, 2, RIG_WALK_ENTRY_LEAF, 0x1000, 3, RIG_WALK_OK);
    assert_entry(list, 3, RIG_WALK_ENTRY_RESERVED, 0x2000, 3, RIG_WALK_FAULT_TRANSLATION);
    assert_entry(list, 4, RIG_WALK_ENTRY_LEAF, 0x3000, 3, RIG_WALK_FAULT_ACCESS_FLAG);
    assert_entry(list, 5, RIG_WALK_ENTRY_LEAF, MIB2, 2, RIG_WALK_OK);
    assert_entry(list, 6, RIG_WALK_ENTRY_TABLE, GIB, 1, RIG_WALK_READ_FAILED);
    assert_entry(list, 7, RIG_WALK_ENTRY_LEAF, 2 * GIB, 1, RIG_WALK_OK);
    assert_entry(list, 8, RIG_WALK_ENTRY_LEAF, -GIB, 1, RIG_WALK_OK);
    assert_int_equal(list->entry[3].result.reason, RIG_WALK_REASON_RESERVED);
    assert_int_equal(list->entry[8].last_va, UINT64_MAX);
    assert_int_equal(list->entry[8].result.upper, 1);
    /* a table's PA is the next table's; its attributes are none */
    assert_int_equal(list->entry[0].result.pa, three.table[1]);
    assert_int_equal(list->entry[0].result.has_pa, 1);
    assert_int_equal(list->entry[0].result.attr.el1_read, 0);
    /* what a table takes away is taken from the leaf */
    assert_int_equal(list->entry[2].result.attr.el1_write, 0);
    assert_int_equal(list->entry[7].result.attr.el1_write, 1);
    assert_int_equal(list->entry[0].granule_bits, 12);
    assert_int_equal(list->entry[0].input_bits, 39);
}

/* A range cuts what it does not overlap, and keeps the whole of what it does. */
static void parts_of_a_space(void **state)
{
    struct three three = make_three(*state);
    struct list *list;

    for (uint64_t i = 0; i < 512; i++) {
        fake_write(*state, three.table[2] + 8 * i, (UINT64_C(0x50000000) + i * 0x1000) | D_PAGE);
    }
    fake_write(*state, three.table[1] + 8, UINT64_C(0x60000000) | D_BLOCK);
    list = entries_of(*state, &three.regs, 0x5800, 0x7000);
    assert_int_equal(list->count, 5);
    assert_entry(list, 0, RIG_WALK_ENTRY_TABLE, 0, 1, RIG_WALK_OK);
    assert_entry(list, 2, RIG_WALK_ENTRY_LEAF, 0x5000, 3, RIG_WALK_OK);
    assert_entry(list, 4, RIG_WALK_ENTRY_LEAF, 0x7000, 3, RIG_WALK_OK);
    list = entries_of(*state, &three.regs, MIB2 + 0x123456, MIB2 + 0x123456);
    assert_int_equal(list->count, 2);
    assert_entry(list, 1, RIG_WALK_ENTRY_LEAF, MIB2, 2, RIG_WALK_OK);
    list = entries_of(*state, &three.regs, 0, UINT64_MAX);
    assert_int_equal(list->count, 2 + 512 + 1);
    list = entries_of(*state, &three.regs, 2 * MIB2, UINT64_MAX);
    assert_int_equal(list->count, 1); /* the level 1 table that leads to nothing more */
    assert_int_equal(rig_walk_entries(&three.regs, fake_read, *state, 5, 4, collect, list_new(), 0),
                     RIG_WALK_OK);
    assert_int_equal(list->count, 0);
}

static void nothing_without_walks(void **state)
{
    struct three three = make_three(*state);
    struct rig_walk_regs regs = three.regs;

    fake_write(*state, three.regs.ttbr1, UINT64_C(0x80000000) | D_BLOCK);
    assert_int_equal(entries_of(*state, &regs, 0, UINT64_MAX)->count, 3);
    regs.tcr |= UINT64_C(1) << 7; /* EPD0 */
    assert_int_equal(entries_of(*state, &regs, 0, UINT64_MAX)->count, 1);
    regs.tcr = three.regs.tcr | UINT64_C(0x3f) << 16; /* T1SZ */
    assert_int_equal(entries_of(*state, &regs, 0, UINT64_MAX)->count, 2);
    regs = three.regs;
    regs.sctlr = 4;
    assert_int_equal(entries_of(*state, &regs, 0, UINT64_MAX)->count, 0);
}

static void addresses_that_do_not_fit(void **state)
{
    struct three three = make_three(*state);
    struct list *list;

    three.regs.tcr &= ~(UINT64_C(7) << 32); /* IPS: 32 bits */
    fake_write(*state, three.table[0] + 8, UINT64_C(1) << 32 | D_TABLE);
    fake_write(*state, three.table[0] + 16, UINT64_C(1) << 33 | D_BLOCK);
    list = entries_of(*state, &three.regs, GIB, 4 * GIB);
    assert_int_equal(list->count, 2);
    assert_entry(list, 0, RIG_WALK_ENTRY_TABLE, GIB, 1, RIG_WALK_FAULT_ADDRESS_SIZE);
    assert_int_equal(list->entry[0].result.reason, RIG_WALK_REASON_TABLE_ADDRESS);
    assert_int_equal(list->entry[0].result.has_pa, 0);
    assert_entry(list, 1, RIG_WALK_ENTRY_LEAF, 2 * GIB, 1, RIG_WALK_FAULT_ADDRESS_SIZE);
    assert_int_equal(list->entry[1].result.reason, RIG_WALK_REASON_OUTPUT_ADDRESS);
}

/* An unreadable frame is one entry, and what comes behind it is still listed. */
static void unreadable_frames(void **state)
{
    struct fake *fake = *state;
    struct three three = make_three(fake);
    struct list *list;

    fake_write(fake, three.table[2], UINT64_C(0x50000000) | D_PAGE);
    fake_write(fake, three.table[2] + 24, UINT64_C(0x50003000) | D_PAGE);
    fake_write(fake, three.table[1] + 8, UINT64_C(0x60000000) | D_BLOCK);
    /* the frame's first word: the table that leads there says it */
    fake->fail_pa = three.table[2];
    fake->fail_outcome = 1;
    list = entries_of(fake, &three.regs, 0, MIB2);
    assert_int_equal(list->count, 3);
    assert_entry(list, 1, RIG_WALK_ENTRY_TABLE, 0, 2, RIG_WALK_READ_FAILED);
    assert_int_equal(list->entry[1].result.pa, three.table[2]);
    assert_entry(list, 2, RIG_WALK_ENTRY_LEAF, MIB2, 2, RIG_WALK_OK);
    /* a later word: what was readable, then the word itself */
    fake->fail_pa = three.table[2] + 8;
    list = entries_of(fake, &three.regs, 0, MIB2);
    assert_int_equal(list->count, 5);
    assert_entry(list, 1, RIG_WALK_ENTRY_TABLE, 0, 2, RIG_WALK_OK);
    assert_entry(list, 2, RIG_WALK_ENTRY_LEAF, 0, 3, RIG_WALK_OK);
    assert_entry(list, 3, RIG_WALK_ENTRY_TABLE, 0x1000, 3, RIG_WALK_READ_FAILED);
    assert_int_equal(list->entry[3].result.steps[2].read, 0);
    assert_entry(list, 4, RIG_WALK_ENTRY_LEAF, MIB2, 2, RIG_WALK_OK);
    /* a root */
    fake->fail_pa = three.table[0];
    fake_write(fake, three.regs.ttbr1, UINT64_C(0x80000000) | D_BLOCK);
    list = entries_of(fake, &three.regs, 0, UINT64_MAX);
    assert_int_equal(list->count, 2);
    assert_entry(list, 0, RIG_WALK_ENTRY_TABLE, 0, 1, RIG_WALK_READ_FAILED);
    assert_entry(list, 1, RIG_WALK_ENTRY_LEAF, UINT64_C(0xffffff8000000000), 1, RIG_WALK_OK);
}

static void stops_and_limits(void **state)
{
    struct fake *fake = *state;
    struct three three = make_three(fake);
    struct list *list = list_new();

    fake_write(fake, three.table[2], UINT64_C(0x50000000) | D_PAGE);
    list->stop_after = 2;
    assert_int_equal(
        rig_walk_entries(&three.regs, fake_read, fake, 0, UINT64_MAX, collect, list, 0),
        RIG_WALK_STOPPED);
    assert_int_equal(list->count, 2);
    list = list_new();
    fake->fail_pa = three.table[2] + 8;
    fake->fail_outcome = -1;
    assert_int_equal(
        rig_walk_entries(&three.regs, fake_read, fake, 0, UINT64_MAX, collect, list, 0),
        RIG_WALK_STOPPED);
    assert_int_equal(list->count, 3);
    fake->fail_outcome = 0;
    fake->fail_pa = 0;
    for (uint64_t reads = 1; reads < 520; reads++) {
        list = list_new();
        fake->reads = 0;
        assert_int_equal(
            rig_walk_entries(&three.regs, fake_read, fake, 0, GIB - 1, collect, list, reads),
            RIG_WALK_LIMIT);
        assert_int_equal(fake->reads, reads);
        assert_true(list->count <= reads);
    }
}

/* A table that points to itself, and tables that point to each other: the walk goes round until
 * level 3, where what was a table is a page. */
static void recursive_maps_are_bounded(void **state)
{
    struct fake *fake = *state;
    struct rig_walk_regs regs = fake_regs(12, 16);
    uint64_t root = fake_table(fake, 0x1000);
    struct list *list;

    regs.ttbr0 = root;
    fake_write(fake, root + 8 * 511, root | D_TABLE | D_AF);
    list = entries_of(fake, &regs, 0, UINT64_C(0xffffffffffff));
    assert_int_equal(list->count, 4);
    for (size_t level = 0; level < 3; level++) {
        assert_int_equal(list->entry[level].kind, RIG_WALK_ENTRY_TABLE);
        assert_int_equal(list->entry[level].result.level, level);
        assert_int_equal(list->entry[level].result.pa, root);
    }
    assert_entry(list, 3, RIG_WALK_ENTRY_LEAF, UINT64_C(0xfffffffff000), 3, RIG_WALK_OK);
    assert_int_equal(list->entry[3].result.pa, root);
    /* every entry a loop: 512^4 paths, and yet the call ends at its limit */
    for (uint64_t i = 0; i < 512; i++) {
        fake_write(fake, root + 8 * i, root | D_TABLE);
    }
    list = list_new();
    fake->reads = 0;
    assert_int_equal(rig_walk_entries(&regs, fake_read, fake, 0, UINT64_MAX, collect, list, 10000),
                     RIG_WALK_LIMIT);
    assert_int_equal(fake->reads, 10000);
    assert_in_range(list->count, 9990, 10000);
}

/* With TBI each tag has the half again. */
static void tags(void **state)
{
    struct three three = make_three(*state);

    fake_write(*state, three.regs.ttbr1, UINT64_C(0x80000000) | D_BLOCK);
    three.regs.tcr |= UINT64_C(1) << 38; /* TBI1 */
    assert_int_equal(entries_of(*state, &three.regs, 0, UINT64_MAX)->count, 2 + 256);
}

static void el2_has_one_range(void **state)
{
    struct three three = make_three(*state);
    struct rig_walk_regs regs = fake_el2_regs(12, 25);
    struct list *list;

    regs.ttbr0 = three.regs.ttbr0;
    regs.ttbr1 = three.regs.ttbr1;
    fake_write(*state, three.regs.ttbr1, UINT64_C(0x80000000) | D_BLOCK);
    fake_write(*state, three.table[2], UINT64_C(0x50000000) | D_PAGE | 1 << 6);
    list = entries_of(*state, &regs, 0, UINT64_MAX);
    assert_int_equal(list->count, 3);
    assert_int_equal(list->entry[2].result.attr.el0_read, 0);
    assert_int_equal(list->entry[2].result.regime, RIG_WALK_REGIME_EL2);
}

/* The other granules, roots that are smaller than a granule. */
static void geometries(void **state)
{
    static const struct {
        unsigned granule_bits;
        unsigned txsz;
        unsigned start_level;
    } rows[] = {{12, 24, 0}, {14, 16, 0}, {14, 27, 1}, {16, 21, 1}, {16, 47, 3}, {14, 39, 3}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct rig_walk_regs regs = fake_regs(rows[i].granule_bits, rows[i].txsz);
        uint64_t granule = UINT64_C(1) << rows[i].granule_bits;
        uint64_t span = UINT64_C(1) << (64 - rows[i].txsz);
        size_t levels = 4 - rows[i].start_level;
        uint64_t table = fake_table(*state, granule);
        struct list *list;

        regs.ttbr0 = table;
        regs.ttbr1 = fake_table(*state, granule);
        for (size_t level = rows[i].start_level; level < 3; level++) {
            uint64_t next = fake_table(*state, granule);
            uint64_t index = level == rows[i].start_level ? 1 : granule / 8 - 1;
            fake_write(*state, table + 8 * index, next | D_TABLE);
            table = next;
        }
        fake_write(*state, table + 8, UINT64_C(0x50000000) | D_PAGE);
        list = entries_of(*state, &regs, 0, span - 1);
        assert_int_equal(list->count, levels);
        assert_int_equal(list->entry[0].start_level, rows[i].start_level);
        assert_int_equal(list->entry[levels - 1].kind, RIG_WALK_ENTRY_LEAF);
        assert_int_equal(list->entry[levels - 1].result.size, granule);
        (*(struct fake **)state)->next_table = FAKE_BASE;
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)
    const struct CMUnitTest tests[] = {
        TEST(each_kind_in_order),         TEST(parts_of_a_space),
        TEST(nothing_without_walks),      TEST(addresses_that_do_not_fit),
        TEST(unreadable_frames),          TEST(stops_and_limits),
        TEST(recursive_maps_are_bounded), TEST(tags),
        TEST(el2_has_one_range),          TEST(geometries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
