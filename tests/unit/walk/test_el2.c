/* The EL2 regime: what differs from EL1&0, bit by bit, from DDI 0487 D8 and TCR_EL2. */
#include "runs.h"

#include <string.h>

#define XN     (UINT64_C(1) << 54)
#define PXN    (UINT64_C(1) << 53)
#define NG     (UINT64_C(1) << 11)
#define DBM    (UINT64_C(1) << 51)
#define AP1    (UINT64_C(1) << 6)
#define AP2    (UINT64_C(1) << 7)
#define PS(n)  ((uint64_t)(n) << 16)
#define PS_MAX PS(7)

struct row {
    uint64_t leaf;
    unsigned wxn;
    const char *rights;
};

/* One bit against execution, one against writing, and WXN: eight cases, twice with bits that say
 * nothing at EL2. */
static const struct row truth[] = {
    {0, 0, "rwx"},         {0, 1, "rw-"},         {XN, 0, "rw-"},        {XN, 1, "rw-"},
    {AP2, 0, "r-x"},       {AP2, 1, "r-x"},       {AP2 | XN, 0, "r--"},  {AP2 | XN, 1, "r--"},
    {AP1 | PXN, 0, "rwx"}, {AP1 | PXN, 1, "rw-"}, {AP1 | NG, 0, "rwx"},  {AP1 | XN, 0, "rw-"},
    {AP1 | AP2, 0, "r-x"}, {AP1 | AP2, 1, "r-x"}, {PXN | AP2, 1, "r-x"},
};

static void assert_el2(const struct rig_walk_result *result, const char *rights)
{
    char el2[4];
    char el0[4];

    assert_int_equal(result->status, RIG_WALK_OK);
    rights_text(&result->attr, el2, el0);
    assert_string_equal(el2, rights);
    assert_string_equal(el0, "---");
    assert_int_equal(result->attr.pan_blocks_el1, 0);
    assert_int_equal(result->attr.ng, 0);
}

static void rights_of_a_page(void **state)
{
    struct rig_walk_regs regs = fake_el2_regs(12, 43); /* one level */

    regs.ttbr0 = fake_table(*state, 0x1000);
    regs.pstate = UINT64_C(1) << 22; /* PAN is nothing to EL2 */
    for (size_t i = 0; i < sizeof(truth) / sizeof(truth[0]); i++) {
        struct rig_walk_result result;

        regs.sctlr = 5 | (uint64_t)truth[i].wxn << 19;
        fake_write(*state, regs.ttbr0, UINT64_C(0x50000000) | D_PAGE | truth[i].leaf);
        result = fake_walk(*state, &regs, 0x123);
        assert_int_equal(result.pa, 0x50000123);
        assert_el2(&result, truth[i].rights);
    }
}

/* XNTable (60) and APTable[1] (62) reach down; APTable[0] (61) and PXNTable (59) do not. */
static void table_bits_reach_down(void **state)
{
    static const char *const rights[] = {"rwx", "rwx", "rw-", "rw-", "rwx", "rwx", "rw-", "rw-",
                                         "r-x", "r-x", "r--", "r--", "r-x", "r-x", "r--", "r--"};
    uint64_t tables[3];
    struct rig_walk_regs regs = fake_el2_regs(12, 25);

    for (size_t i = 0; i < 3; i++) {
        tables[i] = fake_table(*state, 0x1000);
    }
    regs.ttbr0 = tables[0];
    fake_write(*state, tables[2], UINT64_C(0x50000000) | D_PAGE);
    for (size_t level = 0; level < 2; level++) {
        for (uint64_t bits = 0; bits < 16; bits++) {
            struct rig_walk_result result;

            fake_write(*state, tables[0], tables[1] | D_TABLE | (level == 0 ? bits << 59 : 0));
            fake_write(*state, tables[1], tables[2] | D_TABLE | (level == 1 ? bits << 59 : 0));
            result = fake_walk(*state, &regs, 0);
            assert_el2(&result, rights[bits]);
            regs.tcr |= UINT64_C(1) << 24; /* HPD, with FEAT_HPDS */
            result = fake_walk(*state, &regs, 0);
            assert_el2(&result, "rwx");
            regs.tcr &= ~(UINT64_C(1) << 24);
        }
    }
}

/* HA and HD are bits 21 and 22 here, and need ID_AA64MMFR1_EL1.HAFDBS. */
static void hardware_access_flag_and_dirty_state(void **state)
{
    struct rig_walk_regs regs = fake_el2_regs(12, 43);
    struct rig_walk_result result;

    regs.ttbr0 = fake_table(*state, 0x1000);
    fake_write(*state, regs.ttbr0, UINT64_C(0x50000000) | 3 | AP2 | XN | DBM);
    assert_int_equal(fake_walk(*state, &regs, 0).status, RIG_WALK_FAULT_ACCESS_FLAG);
    regs.tcr |= UINT64_C(3) << 21;
    assert_int_equal(fake_walk(*state, &regs, 0).status, RIG_WALK_FAULT_ACCESS_FLAG);
    regs.id_aa64mmfr1 |= 1;
    result = fake_walk(*state, &regs, 0);
    assert_el2(&result, "r--");
    regs.id_aa64mmfr1 = (regs.id_aa64mmfr1 & ~UINT64_C(0xf)) | 2;
    result = fake_walk(*state, &regs, 0);
    assert_el2(&result, "rw-");
    regs.tcr &= ~(UINT64_C(1) << 22);
    result = fake_walk(*state, &regs, 0);
    assert_el2(&result, "r--");
}

/* One range from 0: every address bit above it must be 0, bit 55 too; TBI drops 63:56. */
static void one_range(void **state)
{
    static const struct {
        uint64_t va;
        bool tbi;
        bool inside;
    } rows[] = {
        {0, false, true},
        {(UINT64_C(1) << 39) - 1, false, true},
        {UINT64_C(1) << 39, false, false},
        {UINT64_C(1) << 55, false, false},
        {UINT64_C(1) << 55, true, false},
        {UINT64_C(1) << 54, true, false},
        {UINT64_C(1) << 56, false, false},
        {UINT64_C(1) << 56, true, true},
        {UINT64_C(0xff) << 56, true, true},
        {UINT64_C(0xff) << 56 | UINT64_C(1) << 39, true, false},
        {~UINT64_C(0), false, false},
        {~UINT64_C(0), true, false},
        {UINT64_C(0xffffff8000000000), false, false}, /* where EL1's upper half would begin */
        {UINT64_C(0xffffff8000000000), true, false},
    };
    struct rig_walk_regs regs = fake_el2_regs(12, 25);

    regs.ttbr0 = fake_table(*state, 0x1000);
    regs.ttbr1 = regs.ttbr0;
    for (uint64_t index = 0; index < 512; index++) {
        fake_write(*state, regs.ttbr0 + 8 * index, index << 30 | D_BLOCK);
    }
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct rig_walk_result result;

        regs.tcr = (regs.tcr & ~(UINT64_C(1) << 20)) | (uint64_t)rows[i].tbi << 20;
        result = fake_walk(*state, &regs, rows[i].va);
        assert_int_equal(result.status, rows[i].inside ? RIG_WALK_OK : RIG_WALK_FAULT_HOLE);
        if (rows[i].inside) {
            assert_int_equal(result.pa, rows[i].va & ((UINT64_C(1) << 39) - 1));
        }
    }
}

/* A range over all addresses is the range and a hole; TTBR1 is never read. */
static void ranges(void **state)
{
    struct rig_walk_regs regs = fake_el2_regs(12, 25);
    struct runs *runs;

    regs.ttbr0 = fake_table(*state, 0x1000);
    regs.ttbr1 = UINT64_C(0xdead0000);
    fake_write(*state, regs.ttbr0 + 8, UINT64_C(0x40000000) | D_BLOCK);
    runs = runs_of(*state, &regs, 0, UINT64_MAX);
    assert_int_equal(runs->count, 4);
    assert_int_equal(runs->run[1].status, RIG_WALK_OK);
    assert_int_equal(runs->run[1].first_va, 0x40000000);
    assert_int_equal(runs->run[3].status, RIG_WALK_FAULT_HOLE);
    assert_int_equal(runs->run[3].first_va, UINT64_C(1) << 39);
    assert_int_equal(runs->run[3].last_va, UINT64_MAX);
}

/* TG0 and T0SZ give start level and root as for EL1. */
static void granules(void **state)
{
    static const struct {
        unsigned granule_bits;
        unsigned t0sz;
        unsigned level;
        uint64_t size;
    } rows[] = {
        {12, 16, 0, UINT64_C(1) << 39}, {12, 25, 1, UINT64_C(1) << 30}, {12, 34, 2, 1 << 21},
        {12, 39, 2, 1 << 21},           {12, 43, 3, 1 << 12},           {14, 17, 1, 0},
        {14, 28, 2, 1 << 25},           {14, 39, 3, 1 << 14},           {16, 22, 2, 1 << 29},
        {16, 35, 3, 1 << 16},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct rig_walk_regs regs = fake_el2_regs(rows[i].granule_bits, rows[i].t0sz);
        struct rig_walk_result result;
        bool leaf = rows[i].level != 0 && rows[i].size != 0;

        regs.ttbr0 = fake_table(*state, UINT64_C(1) << rows[i].granule_bits);
        fake_write(*state, regs.ttbr0, rows[i].level == 3 ? D_PAGE : D_BLOCK);
        result = fake_walk(*state, &regs, 0);
        assert_int_equal(result.level, rows[i].level);
        assert_int_equal(result.status, leaf ? RIG_WALK_OK : RIG_WALK_FAULT_TRANSLATION);
        if (leaf) {
            assert_int_equal(result.size, rows[i].size);
        }
        assert_int_equal(result.steps[0].descriptor_pa, regs.ttbr0);
    }
}

/* TCR_EL2.PS is bits 18:16, and PARange limits it. */
static void output_size(void **state)
{
    struct rig_walk_regs regs = fake_el2_regs(12, 25);

    regs.ttbr0 = fake_table(*state, 0x1000);
    fake_write(*state, regs.ttbr0, UINT64_C(1) << 32 | D_BLOCK);
    fake_write(*state, regs.ttbr0 + 8, UINT64_C(1) << 36 | D_TABLE);
    regs.tcr = (regs.tcr & ~PS_MAX) | UINT64_C(7) << 32; /* EL1's IPS field is not looked at */
    regs.tcr &= ~(UINT64_C(1) << 32);                    /* but DS would be */
    assert_int_equal(fake_walk(*state, &regs, 0).status, RIG_WALK_FAULT_ADDRESS_SIZE);
    regs.tcr |= PS(1);
    assert_int_equal(fake_walk(*state, &regs, 0).status, RIG_WALK_OK);
    assert_int_equal(fake_walk(*state, &regs, 1 << 30).reason, RIG_WALK_REASON_TABLE_ADDRESS);
    regs.tcr = (regs.tcr & ~PS_MAX) | PS(5);
    assert_int_equal(fake_walk(*state, &regs, 1 << 30).status, RIG_WALK_READ_FAILED);
    regs.id_aa64mmfr0 = (regs.id_aa64mmfr0 & ~UINT64_C(0xf)) | 0;
    assert_int_equal(fake_walk(*state, &regs, 0).reason, RIG_WALK_REASON_OUTPUT_ADDRESS);
    regs.ttbr0 |= UINT64_C(1) << 32;
    assert_int_equal(fake_walk(*state, &regs, 0).reason, RIG_WALK_REASON_TTBR_ADDRESS);
}

/* What cannot be judged, told before anything is read; the bits of EL1's layout mean nothing. */
static void unusable_controls(void **state)
{
    struct rig_walk_regs regs = fake_el2_regs(12, 25);
    const uint64_t good = regs.tcr;

    regs.ttbr0 = fake_table(*state, 0x1000);
    fake_write(*state, regs.ttbr0, D_BLOCK);
    regs.tcr = good | UINT64_C(1) << 32;
    assert_int_equal(fake_walk(*state, &regs, 0).reason, RIG_WALK_REASON_TCR_DS);
    regs.tcr = good | UINT64_C(3) << 14;
    assert_int_equal(fake_walk(*state, &regs, 0).reason, RIG_WALK_REASON_GRANULE);
    regs.tcr = good | 0x3f;
    assert_int_equal(fake_walk(*state, &regs, 0).reason, RIG_WALK_REASON_TXSZ);
    regs.tcr = good | UINT64_C(1) << 7 | UINT64_C(1) << 59 | UINT64_C(3) << 55; /* EPD0, DS, E0PD */
    regs.id_aa64mmfr2 |= UINT64_C(1) << 60;
    assert_int_equal(fake_walk(*state, &regs, 0).status, RIG_WALK_OK);
}

/* With the MMU off EL0 has no rights, as it is not in this regime. */
static void mmu_off(void **state)
{
    struct rig_walk_regs regs = fake_el2_regs(12, 25);
    struct rig_walk_result result;

    regs.sctlr = 0;
    result = fake_walk(*state, &regs, 0x40080000);
    assert_int_equal(result.pa, 0x40080000);
    assert_int_equal(result.attr.flat, 1);
    assert_el2(&result, "rwx");
    assert_int_equal(fake_walk(*state, &regs, UINT64_C(1) << 48).status,
                     RIG_WALK_FAULT_ADDRESS_SIZE);
    regs.tcr |= UINT64_C(1) << 20;
    assert_int_equal(fake_walk(*state, &regs, UINT64_C(0xab) << 56 | 8).pa, 8);
}

/* SCTLR_EL2.EE: the tables are big-endian. */
static void big_endian_tables(void **state)
{
    struct rig_walk_regs regs = fake_el2_regs(12, 43);
    struct rig_walk_result result;

    regs.ttbr0 = fake_table(*state, 0x1000);
    regs.sctlr |= UINT64_C(1) << 25;
    fake_write(*state, regs.ttbr0, __builtin_bswap64(UINT64_C(0x50000000) | D_PAGE | XN));
    result = fake_walk(*state, &regs, 0);
    assert_int_equal(result.pa, 0x50000000);
    assert_el2(&result, "rw-");
}

static int count_table(void *user, const struct rig_walk_table *table)
{
    unsigned *count = user;

    assert_int_equal(table->upper, 0);
    (*count)++;
    return 0;
}

static void tables_of_one_root(void **state)
{
    struct rig_walk_regs regs = fake_el2_regs(12, 34);
    uint64_t next = fake_table(*state, 0x1000);
    unsigned count = 0;

    regs.ttbr0 = fake_table(*state, 0x1000);
    regs.ttbr1 = UINT64_C(0xdead000);
    fake_write(*state, regs.ttbr0, next | D_TABLE);
    assert_int_equal(rig_walk_tables(&regs, fake_read, *state, 1, count_table, &count),
                     RIG_WALK_OK);
    assert_int_equal(count, 2);
}

static void assert_sentence(struct fake *fake, const struct rig_walk_regs *regs, uint64_t va,
                            const char *sentence)
{
    struct rig_walk_result result = fake_walk(fake, regs, va);
    char text[512];

    (void)rig_walk_describe(&result, text, sizeof(text));
    assert_string_equal(text, sentence);
}

static void sentences_name_el2(void **state)
{
    struct rig_walk_regs regs = fake_el2_regs(12, 25);

    regs.ttbr0 = fake_table(*state, 0x1000);
    regs.sctlr = 1;
    fake_write(*state, regs.ttbr0, D_BLOCK | 1 << 2 | 3 << 8 | AP1 | NG);
    assert_sentence(*state, &regs, 0x10,
                    "0x10 is PA 0x10 through a 1 GiB block at level 1: EL2 may read, write and "
                    "execute; Normal, Write-Back, read/write-allocate, inner shareable; data is "
                    "not cached (SCTLR_EL2.C = 0).");
    assert_sentence(*state, &regs, UINT64_C(1) << 55,
                    "0x80000000000000 does not translate: it lies above the range (TCR_EL2.T0SZ = "
                    "25).");
    regs.tcr |= 0x3f;
    assert_sentence(*state, &regs, 0,
                    "0x0 does not translate: level 0 translation fault, TCR_EL2.T0SZ = 63 is out "
                    "of range.");
    regs = fake_el2_regs(12, 25);
    regs.ttbr0 = UINT64_C(1) << 44;
    regs.tcr &= ~PS_MAX;
    assert_sentence(*state, &regs, 0,
                    "0x0 does not translate: level 0 address size fault, the table address in "
                    "TTBR0_EL2 exceeds the physical address size.");
    regs.tcr |= UINT64_C(1) << 32;
    assert_sentence(*state, &regs, 0,
                    "0x0 could not be judged: TCR_EL2.DS = 1 (52-bit descriptors) is not supported "
                    "by this walker.");
    regs.sctlr = 0;
    assert_sentence(*state, &regs, 0,
                    "0x0 is PA 0x0 because the MMU is off (SCTLR_EL2.M = 0): EL2 may read, write "
                    "and execute, data is Device-nGnRnE, fetches are Normal memory.");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)
    const struct CMUnitTest tests[] = {
        TEST(rights_of_a_page),
        TEST(table_bits_reach_down),
        TEST(hardware_access_flag_and_dirty_state),
        TEST(one_range),
        TEST(ranges),
        TEST(granules),
        TEST(output_size),
        TEST(unusable_controls),
        TEST(mmu_off),
        TEST(big_endian_tables),
        TEST(tables_of_one_root),
        TEST(sentences_name_el2),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
