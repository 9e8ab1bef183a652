/* The geometry of each half, from DDI 0487 D8.2. */
#include "fake.h"

#include <string.h>

static struct rig_walk_half half_of(const struct rig_walk_regs *regs, int upper)
{
    struct rig_walk_half half;

    memset(&half, 0xa5, sizeof(half)); /* all of it must be filled */
    rig_walk_half(regs, upper, &half);
    return half;
}

static void geometry_of_both_halves(void **state)
{
    static const struct {
        unsigned granule_bits;
        unsigned txsz;
        unsigned start_level;
        uint64_t root_size;
    } rows[] = {
        {12, 16, 0, 0x1000}, {12, 17, 0, 0x800},   {12, 24, 0, 0x10},    {12, 25, 1, 0x1000},
        {12, 33, 1, 0x10},   {12, 34, 2, 0x1000},  {12, 43, 3, 0x1000},  {12, 48, 3, 0x80},
        {14, 16, 0, 0x10},   {14, 17, 1, 0x4000},  {14, 28, 2, 0x4000},  {14, 39, 3, 0x4000},
        {16, 16, 1, 0x200},  {16, 22, 2, 0x10000}, {16, 35, 3, 0x10000}, {16, 47, 3, 0x10},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct rig_walk_regs regs = fake_regs(rows[i].granule_bits, rows[i].txsz);
        uint64_t span = UINT64_C(1) << (64 - rows[i].txsz);

        regs.ttbr0 = UINT64_C(0x0012000041234560) | 1; /* ASID, CnP: no part of the address */
        regs.ttbr1 = UINT64_C(0x0034000056789ab0);
        for (int upper = 0; upper < 2; upper++) {
            struct rig_walk_half half = half_of(&regs, upper);
            uint64_t base = upper != 0 ? UINT64_C(0x56789ab0) : UINT64_C(0x41234560);

            assert_int_equal(half.status, RIG_WALK_OK);
            assert_int_equal(half.reason, RIG_WALK_REASON_NONE);
            assert_int_equal(half.first_va, upper != 0 ? -span : 0);
            assert_int_equal(half.last_va, upper != 0 ? UINT64_MAX : span - 1);
            assert_int_equal(half.start_level, rows[i].start_level);
            assert_int_equal(half.granule_bits, rows[i].granule_bits);
            assert_int_equal(half.input_bits, 64 - rows[i].txsz);
            assert_int_equal(half.output_bits, 48);
            assert_int_equal(half.root_size, rows[i].root_size);
            assert_int_equal(half.root_pa, base & ~(rows[i].root_size - 1));
            assert_int_equal(half.walk_disabled, 0);
            assert_int_equal(half.tbi, 0);
        }
    }
}

/* Each half has its own EPD and TBI; tags are no part of its range; the MMU may be off. */
static void controls_of_one_half_only(void **state)
{
    struct rig_walk_regs regs = fake_regs(12, 25);

    (void)state;
    regs.sctlr = 0;
    regs.tcr |= UINT64_C(1) << 7 | UINT64_C(1) << 38; /* EPD0, TBI1 */
    assert_int_equal(half_of(&regs, 0).walk_disabled, 1);
    assert_int_equal(half_of(&regs, 0).tbi, 0);
    assert_int_equal(half_of(&regs, 0).last_va, (UINT64_C(1) << 39) - 1);
    assert_int_equal(half_of(&regs, 1).walk_disabled, 0);
    assert_int_equal(half_of(&regs, 1).tbi, 1);
    assert_int_equal(half_of(&regs, 1).first_va, UINT64_C(0xffffff8000000000));
}

static void problems_are_named(void **state)
{
    struct rig_walk_regs regs = fake_regs(12, 25);
    struct rig_walk_half half;

    (void)state;
    regs.tcr |= UINT64_C(0x3f) << 16;
    half = half_of(&regs, 1);
    assert_int_equal(half.status, RIG_WALK_FAULT_TRANSLATION);
    assert_int_equal(half.reason, RIG_WALK_REASON_TXSZ);
    assert_int_equal(half.input_bits, 0);
    assert_int_equal(half.first_va, UINT64_C(0xff80000000000000));
    assert_int_equal(half.last_va, UINT64_MAX);
    assert_int_equal(half_of(&regs, 0).status, RIG_WALK_OK);
    regs.ttbr0 = UINT64_C(1) << 47;
    regs.tcr &= ~(UINT64_C(7) << 32); /* IPS: 32 bits */
    half = half_of(&regs, 0);
    assert_int_equal(half.reason, RIG_WALK_REASON_TTBR_ADDRESS);
    assert_int_equal(half.root_pa, UINT64_C(1) << 47);
    assert_int_equal(half.output_bits, 32);
    regs.tcr |= UINT64_C(3) << 14;
    half = half_of(&regs, 0);
    assert_int_equal(half.reason, RIG_WALK_REASON_GRANULE);
    assert_int_equal(half.granule_bits, 0);
}

static void el2_has_no_upper_half(void **state)
{
    struct rig_walk_regs regs = fake_el2_regs(14, 28);
    struct rig_walk_half none = {.first_va = 1, .walk_disabled = 1};
    struct rig_walk_half half;

    (void)state;
    regs.ttbr0 = UINT64_C(0x40004000);
    regs.ttbr1 = UINT64_C(0x50000000);
    regs.tcr |= UINT64_C(1) << 20; /* TBI */
    half = half_of(&regs, 1);
    assert_memory_equal(&half, &none, sizeof(half));
    half = half_of(&regs, 0);
    assert_int_equal(half.first_va, 0);
    assert_int_equal(half.last_va, (UINT64_C(1) << 36) - 1);
    assert_int_equal(half.root_pa, 0x40004000);
    assert_int_equal(half.start_level, 2);
    assert_int_equal(half.walk_disabled, 0);
    assert_int_equal(half.tbi, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(geometry_of_both_halves),
        cmocka_unit_test(controls_of_one_half_only),
        cmocka_unit_test(problems_are_named),
        cmocka_unit_test(el2_has_no_upper_half),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
