/* TCR_EL1, TTBRn_EL1 and SCTLR_EL1: halves, hole, EPD, TBI, sizes, MMU off, byte order. */
#include "fake.h"

enum { T0SZ = 0, T1SZ = 16 };

/* Both halves start at the root of one level 1 table whose first and last GiB are mapped. */
static struct rig_walk_regs two_halves(struct fake *fake)
{
    struct rig_walk_regs regs = fake_regs(12, 25);
    uint64_t root = fake_table(fake, 0x1000);

    fake_write(fake, root, UINT64_C(0x80000000) | D_BLOCK);
    fake_write(fake, root + 8 * 511, UINT64_C(0xc0000000) | D_BLOCK);
    regs.ttbr0 = root;
    regs.ttbr1 = root;
    return regs;
}

static void assert_walk(struct fake *fake, const struct rig_walk_regs *regs, uint64_t va,
                        enum rig_walk_status status, enum rig_walk_reason reason)
{
    struct rig_walk_result result = fake_walk(fake, regs, va);

    assert_int_equal(result.status, status);
    assert_int_equal(result.reason, reason);
    if (status != RIG_WALK_OK) {
        assert_int_equal(result.attr.el1_read | result.attr.el1_exec | result.attr.el0_read, 0);
    }
}

static void hole_begins_where_the_halves_end(void **state)
{
    struct rig_walk_regs regs = two_halves(*state);
    static const uint64_t inside[] = {0, 0x0000007fffffffff, 0xffffff8000000000, UINT64_MAX};
    static const uint64_t outside[] = {0x0000008000000000, 0xffffff7fffffffff, 0x0080000000000000,
                                       0x0100000000000000, 0xff7fffffffffffff, 0x7fffffffffffffff,
                                       0x00ffffffffffffff};

    for (size_t i = 0; i < sizeof(inside) / sizeof(inside[0]); i++) {
        assert_walk(*state, &regs, inside[i], RIG_WALK_OK, RIG_WALK_REASON_NONE);
    }
    for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++) {
        assert_walk(*state, &regs, outside[i], RIG_WALK_FAULT_HOLE, RIG_WALK_REASON_NONE);
        assert_int_equal(((struct fake *)*state)->reads, 0);
    }
}

static void epd_disables_one_half_only(void **state)
{
    struct rig_walk_regs regs = two_halves(*state);
    uint64_t tcr = regs.tcr;

    regs.tcr = tcr | UINT64_C(1) << 7;
    assert_walk(*state, &regs, 0, RIG_WALK_FAULT_WALK_DISABLED, RIG_WALK_REASON_NONE);
    assert_int_equal(((struct fake *)*state)->reads, 0);
    assert_walk(*state, &regs, UINT64_MAX, RIG_WALK_OK, RIG_WALK_REASON_NONE);
    assert_walk(*state, &regs, UINT64_C(1) << 39, RIG_WALK_FAULT_HOLE, RIG_WALK_REASON_NONE);
    regs.tcr = tcr | UINT64_C(1) << 23;
    assert_walk(*state, &regs, 0, RIG_WALK_OK, RIG_WALK_REASON_NONE);
    assert_walk(*state, &regs, UINT64_MAX, RIG_WALK_FAULT_WALK_DISABLED, RIG_WALK_REASON_NONE);
}

/* A half that is off may hold anything in its TnSZ, TGn and TTBRn. */
static void epd_outranks_bad_geometry(void **state)
{
    struct rig_walk_regs regs = two_halves(*state);

    regs.tcr &= ~(UINT64_C(0x3f) << T1SZ | UINT64_C(3) << 30); /* T1SZ = 0, TG1 reserved */
    assert_walk(*state, &regs, UINT64_MAX, RIG_WALK_UNSUPPORTED, RIG_WALK_REASON_GRANULE);
    regs.tcr |= UINT64_C(1) << 23;
    assert_walk(*state, &regs, UINT64_MAX, RIG_WALK_FAULT_WALK_DISABLED, RIG_WALK_REASON_NONE);
    assert_walk(*state, &regs, 0, RIG_WALK_OK, RIG_WALK_REASON_NONE);
}

static void tbi_drops_the_tag_of_its_half(void **state)
{
    struct rig_walk_regs regs = two_halves(*state);
    uint64_t tcr = regs.tcr;
    uint64_t low = UINT64_C(0xab00000000001234);
    uint64_t high = UINT64_C(0x5affffffc0001234);

    assert_walk(*state, &regs, low, RIG_WALK_FAULT_HOLE, RIG_WALK_REASON_NONE);
    regs.tcr = tcr | UINT64_C(1) << 37;
    assert_walk(*state, &regs, low, RIG_WALK_OK, RIG_WALK_REASON_NONE);
    assert_int_equal(fake_walk(*state, &regs, low).pa, 0x80001234);
    assert_walk(*state, &regs, high, RIG_WALK_FAULT_HOLE, RIG_WALK_REASON_NONE);
    assert_walk(*state, &regs, low | UINT64_C(1) << 39, RIG_WALK_FAULT_HOLE, RIG_WALK_REASON_NONE);
    regs.tcr = tcr | UINT64_C(1) << 38;
    assert_walk(*state, &regs, low, RIG_WALK_FAULT_HOLE, RIG_WALK_REASON_NONE);
    assert_int_equal(fake_walk(*state, &regs, high).pa, 0xc0001234);
}

static void set_t0sz(struct rig_walk_regs *regs, uint64_t txsz)
{
    regs->tcr = (regs->tcr & ~UINT64_C(0x3f)) | txsz;
}

static void txsz_ranges_by_granule_and_feature(void **state)
{
    static const struct {
        unsigned granule_bits;
        bool ttst;
        unsigned last;
    } rows[] = {{12, false, 39}, {14, false, 39}, {16, false, 39},
                {12, true, 48},  {14, true, 48},  {16, true, 47}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct rig_walk_regs regs = fake_regs(rows[i].granule_bits, 16);

        regs.ttbr0 = FAKE_BASE; /* nothing is mapped: a good TnSZ reads an invalid descriptor */
        regs.id_aa64mmfr2 = rows[i].ttst ? 0x10000000 : 0;
        for (unsigned txsz = 0; txsz < 64; txsz++) {
            bool good = txsz >= 16 && txsz <= rows[i].last;

            set_t0sz(&regs, txsz);
            assert_walk(*state, &regs, 0, RIG_WALK_FAULT_TRANSLATION,
                        good ? RIG_WALK_REASON_INVALID : RIG_WALK_REASON_TXSZ);
            assert_true(good || fake_walk(*state, &regs, 0).level == 0);
        }
    }
}

/* Where the halves end is unknown then, so no address of the half is called a hole. */
static void assert_whole_half(struct fake *fake, const struct rig_walk_regs *regs,
                              enum rig_walk_status status, enum rig_walk_reason reason)
{
    assert_walk(fake, regs, 0, status, reason);
    assert_walk(fake, regs, UINT64_C(1) << 54, status, reason);
}

static void unsupported_is_named(void **state)
{
    struct rig_walk_regs regs = fake_regs(16, 16);

    regs.ttbr0 = FAKE_BASE;
    regs.tcr |= UINT64_C(1) << 59;
    assert_whole_half(*state, &regs, RIG_WALK_UNSUPPORTED, RIG_WALK_REASON_TCR_DS);
    regs.tcr &= ~(UINT64_C(1) << 59);
    regs.tcr = (regs.tcr & ~(UINT64_C(7) << 32)) | UINT64_C(6) << 32;
    assert_walk(*state, &regs, 0, RIG_WALK_FAULT_TRANSLATION, RIG_WALK_REASON_INVALID);
    regs.id_aa64mmfr0 = 0x100006;
    assert_whole_half(*state, &regs, RIG_WALK_UNSUPPORTED, RIG_WALK_REASON_OA52);
    regs = fake_regs(16, 12);
    assert_walk(*state, &regs, 0, RIG_WALK_FAULT_TRANSLATION, RIG_WALK_REASON_TXSZ);
    regs.id_aa64mmfr2 |= 0x10000;
    assert_whole_half(*state, &regs, RIG_WALK_UNSUPPORTED, RIG_WALK_REASON_VA52);
    set_t0sz(&regs, 11);
    assert_whole_half(*state, &regs, RIG_WALK_FAULT_TRANSLATION, RIG_WALK_REASON_TXSZ);
    set_t0sz(&regs, 16);
    regs.ttbr0 = FAKE_BASE;
    assert_walk(*state, &regs, 0, RIG_WALK_FAULT_TRANSLATION, RIG_WALK_REASON_INVALID);
    /* 52-bit PAs with a 4 KiB granule and DS = 0 work as 48 bits. */
    regs = fake_regs(12, 16);
    regs.ttbr0 = FAKE_BASE;
    regs.id_aa64mmfr0 = 0x100006;
    regs.tcr |= UINT64_C(6) << 32;
    assert_walk(*state, &regs, 0, RIG_WALK_FAULT_TRANSLATION, RIG_WALK_REASON_INVALID);
}

static void granules_the_cpu_lacks(void **state)
{
    static const struct {
        unsigned granule_bits;
        uint64_t mmfr0;
    } rows[] = {{12, 0xf0100005}, {14, 0x00000005}, {16, 0x0f100005}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct rig_walk_regs regs = fake_regs(rows[i].granule_bits, 16);

        regs.ttbr0 = FAKE_BASE;
        regs.ttbr1 = FAKE_BASE;
        assert_walk(*state, &regs, 0, RIG_WALK_FAULT_TRANSLATION, RIG_WALK_REASON_INVALID);
        regs.id_aa64mmfr0 = rows[i].mmfr0;
        assert_whole_half(*state, &regs, RIG_WALK_UNSUPPORTED, RIG_WALK_REASON_GRANULE);
        assert_walk(*state, &regs, UINT64_MAX, RIG_WALK_UNSUPPORTED, RIG_WALK_REASON_GRANULE);
    }
}

/* For each size: the address bit below it is fine, the one at it faults, in leaf, table, TTBR. */
static void output_size_is_checked_everywhere(void **state)
{
    static const unsigned bits[] = {32, 36, 40, 42, 44};
    struct fake *fake = *state;
    uint64_t root = fake_table(fake, 0x1000);

    for (unsigned size = 0; size < 5; size++) {
        for (int by_parange = 0; by_parange <= 1; by_parange++) {
            struct rig_walk_regs regs = fake_regs(12, 25);
            uint64_t below = UINT64_C(1) << (bits[size] - 1);
            uint64_t above = UINT64_C(1) << bits[size];
            struct rig_walk_result result;

            regs.ttbr0 = root;
            if (by_parange != 0) {
                regs.id_aa64mmfr0 = 0x100000 | size;
            } else {
                regs.tcr = (regs.tcr & ~(UINT64_C(7) << 32)) | (uint64_t)size << 32;
            }
            fake_write(fake, root, below | D_BLOCK);
            assert_walk(fake, &regs, 0, RIG_WALK_OK, RIG_WALK_REASON_NONE);
            fake_write(fake, root, above | D_BLOCK);
            assert_walk(fake, &regs, 0, RIG_WALK_FAULT_ADDRESS_SIZE,
                        RIG_WALK_REASON_OUTPUT_ADDRESS);
            fake_write(fake, root, (above | D_BLOCK) & ~D_AF); /* before the access flag */
            result = fake_walk(fake, &regs, 0);
            assert_int_equal(result.status, RIG_WALK_FAULT_ADDRESS_SIZE);
            assert_int_equal(result.level, 1);
            fake_write(fake, root, above | D_TABLE);
            assert_walk(fake, &regs, 0, RIG_WALK_FAULT_ADDRESS_SIZE, RIG_WALK_REASON_TABLE_ADDRESS);
            regs.ttbr0 = root | above;
            assert_walk(fake, &regs, 0, RIG_WALK_FAULT_ADDRESS_SIZE, RIG_WALK_REASON_TTBR_ADDRESS);
            regs.ttbr0 = root | below;
            assert_int_not_equal(fake_walk(fake, &regs, 0).status, RIG_WALK_FAULT_ADDRESS_SIZE);
        }
    }
}

static void bits_51_48_of_a_64k_descriptor(void **state)
{
    struct rig_walk_regs regs = fake_regs(16, 35);
    uint64_t root = fake_table(*state, 0x10000);

    regs.ttbr0 = root;
    fake_write(*state, root, UINT64_C(0x50000000) | UINT64_C(1) << 12 | D_PAGE);
    assert_int_equal(fake_walk(*state, &regs, 0x42).pa, 0x50000042); /* RES0 here */
    regs.id_aa64mmfr0 = 0x100006;
    assert_walk(*state, &regs, 0, RIG_WALK_FAULT_ADDRESS_SIZE, RIG_WALK_REASON_OUTPUT_ADDRESS);
}

static void mmu_off_is_the_identity(void **state)
{
    struct rig_walk_regs regs = two_halves(*state);
    struct rig_walk_result result;

    regs.sctlr = UINT64_C(1) << 19; /* WXN does nothing with the MMU off */
    regs.id_aa64mmfr0 = 0x100004;   /* 44 bits */
    regs.tcr |= UINT64_C(1) << 7;   /* nor does EPD0 */
    result = fake_walk(*state, &regs, UINT64_C(0x00000fffffffffff));
    assert_int_equal(result.status, RIG_WALK_OK);
    assert_int_equal(result.pa, UINT64_C(0x00000fffffffffff));
    assert_int_equal(result.step_count, 0);
    assert_int_equal(result.attr.flat, 1);
    assert_int_equal(result.attr.af, 1);
    assert_int_equal(result.attr.sh, 2);
    assert_int_equal(result.attr.shareability, 2);
    assert_int_equal(result.attr.data_cache_off, 1);
    assert_int_equal(result.size, UINT64_C(1) << 44);
    assert_int_equal(result.attr.memory, RIG_WALK_DEVICE_NGNRNE);
    assert_int_equal(result.attr.el1_read & result.attr.el1_write & result.attr.el1_exec, 1);
    assert_int_equal(result.attr.el0_read & result.attr.el0_write & result.attr.el0_exec, 1);
    assert_walk(*state, &regs, UINT64_C(1) << 44, RIG_WALK_FAULT_ADDRESS_SIZE,
                RIG_WALK_REASON_FLAT_ADDRESS);
    assert_walk(*state, &regs, UINT64_MAX, RIG_WALK_FAULT_ADDRESS_SIZE,
                RIG_WALK_REASON_FLAT_ADDRESS);
    assert_walk(*state, &regs, UINT64_C(0x1200000000001000), RIG_WALK_FAULT_ADDRESS_SIZE,
                RIG_WALK_REASON_FLAT_ADDRESS);
    regs.tcr |= UINT64_C(1) << 37; /* TBI0 */
    assert_int_equal(fake_walk(*state, &regs, UINT64_C(0xff00000000001001)).pa, 0x1001);
    regs.sctlr |= 4;
    assert_int_equal(fake_walk(*state, &regs, 0).attr.data_cache_off, 0);
}

static void big_endian_tables(void **state)
{
    struct rig_walk_regs regs = fake_regs(12, 25);
    uint64_t root = fake_table(*state, 0x1000);

    regs.ttbr0 = root;
    regs.sctlr |= UINT64_C(1) << 25;
    fake_write(*state, root, UINT64_C(0x0104008000000000)); /* 0x80000401, bytes reversed */
    assert_int_equal(fake_walk(*state, &regs, 0x77).pa, 0x80000077);
    assert_int_equal(fake_walk(*state, &regs, 0x77).steps[0].descriptor, 0x80000401);
}

/* BADDR bits below the root's own size do not count. */
static void small_roots_are_aligned_to_their_size(void **state)
{
    struct rig_walk_regs regs = fake_regs(12, 16);
    uint64_t root = fake_table(*state, 0x1000) + 0x40;

    set_t0sz(&regs, 32); /* 4 GiB: a root of four level 1 entries, 32 bytes */
    fake_write(*state, root + 24, UINT64_C(0xc0000000) | D_BLOCK);
    regs.ttbr0 = root | 0x1e;
    assert_int_equal(fake_walk(*state, &regs, 0xc0000123).pa, 0xc0000123);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(hole_begins_where_the_halves_end, fake_setup,
                                        fake_teardown),
        cmocka_unit_test_setup_teardown(epd_disables_one_half_only, fake_setup, fake_teardown),
        cmocka_unit_test_setup_teardown(epd_outranks_bad_geometry, fake_setup, fake_teardown),
        cmocka_unit_test_setup_teardown(tbi_drops_the_tag_of_its_half, fake_setup, fake_teardown),
        cmocka_unit_test_setup_teardown(txsz_ranges_by_granule_and_feature, fake_setup,
                                        fake_teardown),
        cmocka_unit_test_setup_teardown(unsupported_is_named, fake_setup, fake_teardown),
        cmocka_unit_test_setup_teardown(granules_the_cpu_lacks, fake_setup, fake_teardown),
        cmocka_unit_test_setup_teardown(output_size_is_checked_everywhere, fake_setup,
                                        fake_teardown),
        cmocka_unit_test_setup_teardown(bits_51_48_of_a_64k_descriptor, fake_setup, fake_teardown),
        cmocka_unit_test_setup_teardown(mmu_off_is_the_identity, fake_setup, fake_teardown),
        cmocka_unit_test_setup_teardown(big_endian_tables, fake_setup, fake_teardown),
        cmocka_unit_test_setup_teardown(small_roots_are_aligned_to_their_size, fake_setup,
                                        fake_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
