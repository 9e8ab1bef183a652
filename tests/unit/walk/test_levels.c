/* Granules, start levels, blocks and pages, invalid and reserved descriptors at each level. */
#include "fake.h"

struct shape {
    unsigned granule_bits;
    unsigned txsz;
    unsigned start_level;
};

/* Start levels by hand: DDI 0487 D8.2, lookup level tables for the three granules. */
static const struct shape shapes[] = {
    {12, 16, 0}, {12, 24, 0}, {12, 25, 1}, {12, 33, 1}, {12, 34, 2}, {12, 39, 2},
    {12, 42, 2}, {12, 43, 3}, {12, 48, 3}, {14, 16, 0}, {14, 17, 1}, {14, 27, 1},
    {14, 28, 2}, {14, 38, 2}, {14, 39, 3}, {14, 48, 3}, {16, 16, 1}, {16, 21, 1},
    {16, 22, 2}, {16, 34, 2}, {16, 35, 3}, {16, 47, 3},
};

/* Bytes that one entry of a level covers. */
static uint64_t entry_size(unsigned granule_bits, unsigned level)
{
    static const uint64_t sizes_4k[] = {0x8000000000, 0x40000000, 0x200000, 0x1000};
    static const uint64_t sizes_16k[] = {0x800000000000, 0x1000000000, 0x2000000, 0x4000};
    static const uint64_t sizes_64k[] = {0, 0x40000000000, 0x20000000, 0x10000};

    return granule_bits == 12   ? sizes_4k[level]
           : granule_bits == 14 ? sizes_16k[level]
                                : sizes_64k[level];
}

static bool leaf_possible(unsigned granule_bits, unsigned level)
{
    return level >= 2 || (level == 1 && granule_bits == 12);
}

/* Tables from the root to `level`, entries for va; returns the PA of va's entry at that level. */
static uint64_t chain(struct fake *fake, struct rig_walk_regs *regs, const struct shape *shape,
                      uint64_t va, unsigned level)
{
    uint64_t granule = UINT64_C(1) << shape->granule_bits;
    uint64_t input = va & (~UINT64_C(0) >> shape->txsz);
    uint64_t table = fake_table(fake, granule);
    unsigned at = shape->start_level;

    if ((va >> 55 & 1) != 0) {
        regs->ttbr1 = table | UINT64_C(0x1234) << 48 | 1; /* ASID and CnP do not matter */
    } else {
        regs->ttbr0 = table | UINT64_C(0x1234) << 48 | 1;
    }
    for (;;) {
        uint64_t covered = entry_size(shape->granule_bits, at);

        if (covered == 0) {
            fail_msg("no entry at level %u of this granule", at);
            return 0; /* for readers that do not know that fail_msg() does not return */
        }

        uint64_t index = input / covered % (granule / 8);
        uint64_t entry = table + 8 * index;

        if (at == level) {
            return entry;
        }
        table = fake_table(fake, granule);
        fake_write(fake, entry, table | D_TABLE);
        at++;
    }
}

static uint64_t pattern_va(unsigned txsz, bool upper)
{
    uint64_t ones = txsz == 0 ? 0 : ~(~UINT64_C(0) >> txsz);
    uint64_t va = UINT64_C(0x0000a5c3f1e7b2d9) & (~UINT64_C(0) >> txsz);

    return upper ? va | ones : va;
}

static void check_leaf(struct fake *fake, const struct shape *shape, bool upper, unsigned level)
{
    struct rig_walk_regs regs = fake_regs(shape->granule_bits, shape->txsz);
    uint64_t va = pattern_va(shape->txsz, upper);
    uint64_t size = entry_size(shape->granule_bits, level);
    uint64_t base = UINT64_C(0x00005a0000000000) & ~(size - 1);
    struct rig_walk_result result;
    uint64_t entry;

    fake->next_table = FAKE_BASE;
    entry = chain(fake, &regs, shape, va, level);
    fake_write(fake, entry, base | (level == 3 ? D_PAGE : D_BLOCK) | 1 << 2);
    result = fake_walk(fake, &regs, va);
    assert_int_equal(result.status, RIG_WALK_OK);
    assert_int_equal(result.pa, base + va % size);
    assert_int_equal(result.size, size);
    assert_int_equal(result.level, level);
    assert_int_equal(result.step_count, level - shape->start_level + 1);
    assert_int_equal(result.steps[0].level, shape->start_level);
    assert_int_equal(result.steps[result.step_count - 1].descriptor_pa, entry);
    assert_int_equal(result.steps[result.step_count - 1].descriptor,
                     base | (level == 3 ? D_PAGE : D_BLOCK) | 1 << 2);
    assert_int_equal(result.attr.memory, RIG_WALK_NORMAL);
}

static void check_fault(struct fake *fake, const struct shape *shape, bool upper, unsigned level,
                        uint64_t descriptor, enum rig_walk_reason reason)
{
    struct rig_walk_regs regs = fake_regs(shape->granule_bits, shape->txsz);
    uint64_t va = pattern_va(shape->txsz, upper);
    struct rig_walk_result result;

    fake->next_table = FAKE_BASE;
    fake_write(fake, chain(fake, &regs, shape, va, level), descriptor);
    result = fake_walk(fake, &regs, va);
    assert_int_equal(result.status, RIG_WALK_FAULT_TRANSLATION);
    assert_int_equal(result.reason, reason);
    assert_int_equal(result.level, level);
    assert_int_equal(result.size, entry_size(shape->granule_bits, level));
    assert_int_equal(result.step_count, level - shape->start_level + 1);
}

static void every_level_of_every_shape(void **state)
{
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        for (unsigned level = shapes[i].start_level; level <= 3; level++) {
            for (int upper = 0; upper <= 1; upper++) {
                if (leaf_possible(shapes[i].granule_bits, level)) {
                    check_leaf(*state, &shapes[i], upper != 0, level);
                } else {
                    check_fault(*state, &shapes[i], upper != 0, level, D_BLOCK,
                                RIG_WALK_REASON_RESERVED);
                }
                check_fault(*state, &shapes[i], upper != 0, level, 0, RIG_WALK_REASON_INVALID);
                /* bit 0 clear is invalid whatever the rest says */
                check_fault(*state, &shapes[i], upper != 0, level, ~UINT64_C(1),
                            RIG_WALK_REASON_INVALID);
            }
        }
        /* level 3 without bit 1 */
        check_fault(*state, &shapes[i], false, 3, D_BLOCK, RIG_WALK_REASON_RESERVED);
    }
}

/* A 64 KiB granule CPU with 52-bit PAs has level 1 blocks, also when IPS keeps 48 bits. */
static void level_1_block_of_64k_needs_52_bit_pas(void **state)
{
    struct shape shape = {16, 16, 1};
    struct rig_walk_regs regs = fake_regs(16, 16);
    uint64_t va = pattern_va(16, false);
    struct rig_walk_result result;

    fake_write(*state, chain(*state, &regs, &shape, va, 1), UINT64_C(0x40000000000) | D_BLOCK);
    assert_int_equal(fake_walk(*state, &regs, va).reason, RIG_WALK_REASON_RESERVED);
    regs.id_aa64mmfr0 |= 6;
    regs.id_aa64mmfr0 &= ~UINT64_C(1);
    result = fake_walk(*state, &regs, va);
    assert_int_equal(result.status, RIG_WALK_OK);
    assert_int_equal(result.pa, UINT64_C(0x40000000000) + va % UINT64_C(0x40000000000));
}

/* With the page table pointing to itself the walk still ends after four reads. */
static void self_reference_ends_at_level_3(void **state)
{
    struct rig_walk_regs regs = fake_regs(12, 16);
    uint64_t table = fake_table(*state, 0x1000);
    struct rig_walk_result result;

    regs.ttbr0 = table;
    fake_write(*state, table + 8 * 0x1ff, table | D_PAGE);
    result = fake_walk(*state, &regs, UINT64_C(0x0000fffffffff123));
    assert_int_equal(result.status, RIG_WALK_OK);
    assert_int_equal(result.pa, table | 0x123);
    assert_int_equal(result.step_count, 4);
}

static void unreadable_descriptor_at_each_level(void **state)
{
    struct shape shape = {12, 16, 0};
    struct rig_walk_regs regs = fake_regs(12, 16);
    struct fake *fake = *state;
    uint64_t va = pattern_va(16, true);
    struct rig_walk_result whole;

    fake_write(fake, chain(fake, &regs, &shape, va, 3), UINT64_C(0x48000000) | D_PAGE);
    whole = fake_walk(fake, &regs, va);
    assert_int_equal(whole.status, RIG_WALK_OK);
    for (unsigned level = 0; level <= 3; level++) {
        assert_int_equal(whole.steps[level].read, 1);
    }
    for (unsigned level = 0; level <= 3; level++) {
        struct rig_walk_result result;

        fake->fail_pa = whole.steps[level].descriptor_pa;
        fake->fail_outcome = 1;
        result = fake_walk(fake, &regs, va);
        assert_int_equal(result.status, RIG_WALK_READ_FAILED);
        assert_int_equal(result.level, level);
        assert_int_equal(result.steps[level].read, 0);
        assert_int_equal(result.steps[level].descriptor_pa, fake->fail_pa);
        fake->fail_outcome = -1;
        assert_int_equal(fake_walk(fake, &regs, va).status, RIG_WALK_STOPPED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_level_of_every_shape, fake_setup, fake_teardown),
        cmocka_unit_test_setup_teardown(level_1_block_of_64k_needs_52_bit_pas, fake_setup,
                                        fake_teardown),
        cmocka_unit_test_setup_teardown(self_reference_ends_at_level_3, fake_setup, fake_teardown),
        cmocka_unit_test_setup_teardown(unreadable_descriptor_at_each_level, fake_setup,
                                        fake_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
