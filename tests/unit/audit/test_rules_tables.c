/* Rules about descriptors and tables: broken once, and the sound look-alike. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "space_build.h"

#define CONTIGUOUS DESC_LEAF_CONTIGUOUS_BIT

static void begin(struct space *space)
{
    space_begin(space, 12);
    space_sound(space);
}

/* Groups of each granule and level: whole they are clean. */
static void test_contiguous_groups_of_every_size(void **state)
{
    static const struct {
        unsigned granule;
        unsigned level;
        uint64_t entries;
    } groups[] = {{12, 3, 16}, {12, 2, 16}, {14, 3, 128}, {14, 2, 32}, {16, 3, 32}};

    (void)state;
    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
        for (unsigned broken = 0; broken < 2; broken++) {
            struct space space;
            uint64_t size;

            space_begin(&space, groups[i].granule);
            size = UINT64_C(1) << space_shift(&space, groups[i].level);
            space_map(&space, groups[i].entries * size, UINT64_C(0x40000000), groups[i].level,
                      groups[i].entries, KERNEL_DATA | CONTIGUOUS);
            if (broken != 0) {
                *space_entry(&space, (groups[i].entries + 5) * size, groups[i].level) &=
                    ~CONTIGUOUS;
            }
            space_judge(&space, "contiguous");
            if (broken != 0) {
                space_expect(&space, "contiguous", AUDIT_ERROR, groups[i].entries * size,
                             "lacks the contiguous bit");
            } else {
                space_expect_clean(&space, "contiguous");
            }
            space_end(&space);
        }
    }
}

static void test_contiguous_misprogrammed(void **state)
{
    static const struct {
        uint64_t page; /* of the group */
        uint64_t flip;
        bool clear;
        const char *words;
    } breaks[] = {
        {3, DESC_LEAF_AP_EL1_RO, false, "has other attributes"},
        {0, DESC_LEAF_UXN_BIT, false, "has other attributes"},
        {15, UINT64_C(0x1000000), false, "leads elsewhere"},
        {7, 0, true, "is invalid"},
        {3, CONTIGUOUS, false, "lacks the contiguous bit"},
        {9, UINT64_C(0x2000), false, "not aligned"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(breaks) / sizeof(breaks[0]); i++) {
        struct space space;
        uint64_t *entry;

        begin(&space);
        space_map(&space, 0x10000000, RAM_PA + 0x800000, 3, 16, USER_DATA | CONTIGUOUS);
        entry = space_entry(&space, 0x10000000 + breaks[i].page * 0x1000, 3);
        *entry = breaks[i].clear ? 0 : *entry ^ breaks[i].flip;
        space_judge(&space, "contiguous");
        assert_true(space_findings(&space, "contiguous", AUDIT_ERROR) >= 1);
        space_expect(&space, "contiguous", AUDIT_ERROR,
                     0x10000000 + (breaks[i].clear || (breaks[i].flip & CONTIGUOUS) != 0
                                       ? 0
                                       : breaks[i].page * 0x1000),
                     breaks[i].words);
        space_end(&space);
    }
}

/* Half a group; a group whose physical side is not aligned; one group beside whole ones. */
static void test_contiguous_half_and_unaligned(void **state)
{
    struct space space;

    (void)state;
    begin(&space);
    space_map(&space, 0x10000000, RAM_PA + 0x800000, 3, 40, USER_DATA | CONTIGUOUS);
    space_map(&space, 0x10100000, RAM_PA + 0x808000, 3, 16, USER_DATA | CONTIGUOUS);
    space_judge(&space, "contiguous");
    assert_int_equal(space_findings(&space, "contiguous", -1), 2);
    space_expect(&space, "contiguous", AUDIT_ERROR, 0x10020000, "is invalid");
    assert_null(space_finding(&space, "contiguous", 0x1001f000));
    space_expect(&space, "contiguous", AUDIT_ERROR, 0x10100000, "not aligned");
    space_end(&space);
}

/* Hardware may mark some of a group as used or dirty. */
static void test_contiguous_with_hardware_updates(void **state)
{
    for (unsigned managed = 0; managed < 2; managed++) {
        struct space space;

        (void)state;
        begin(&space);
        if (managed != 0) {
            space.item.snapshot.regs.tcr |= TCR_EL1_HA_BIT | TCR_EL1_HD_BIT;
            space.item.snapshot.regs.id_aa64mmfr1 |= ID_AA64MMFR1_EL1_HAFDBS_DIRTY;
        }
        space_map(&space, 0x10000000, RAM_PA + 0x800000, 3, 16,
                  USER_DATA | DESC_LEAF_AP_EL1_RO | DESC_LEAF_DBM_BIT | CONTIGUOUS);
        *space_entry(&space, 0x10003000, 3) &= ~DESC_LEAF_AP_EL1_RO;
        *space_entry(&space, 0x10004000, 3) &= ~DESC_LEAF_AF_BIT;
        space_judge(&space, "contiguous");
        if (managed != 0) {
            space_expect_clean(&space, "contiguous");
        } else {
            space_expect(&space, "contiguous", AUDIT_ERROR, 0x10000000, "other attributes");
        }
        space_end(&space);
    }
}

/* A range of 2^28 bytes has no room for a group of 16 blocks of 32 MiB and more. */
static void test_contiguous_group_beyond_the_range(void **state)
{
    struct space space;

    (void)state;
    space_begin(&space, 12);
    space.item.snapshot.regs.tcr &= ~TCR_EL1_T0SZ_MASK;
    space.item.snapshot.regs.tcr |= UINT64_C(40) << TCR_EL1_T0SZ_SHIFT;
    space.item.snapshot.regs.id_aa64mmfr2 = UINT64_C(1) << ID_AA64MMFR2_EL1_ST_SHIFT;
    space_map(&space, 0, RAM_PA, 2, 8, KERNEL_DATA | CONTIGUOUS);
    space_judge(&space, "contiguous");
    space_expect(&space, "contiguous", AUDIT_ERROR, 0, "beyond the address range");
    space_end(&space);
}

static void test_reserved_bits_of_leaves(void **state)
{
    static const struct {
        uint64_t bit;
        enum audit_level level;
        const char *words;
    } bits[] = {
        {UINT64_C(1) << 48, AUDIT_ERROR, "bit 48"},
        {UINT64_C(1) << 49, AUDIT_ERROR, "bit 49"},
        {DESC_LEAF_NS_BIT, AUDIT_NOTE, "bit 5"},
        {UINT64_C(1) << 45, AUDIT_ERROR, "beyond the configured address size"},
    };
    static const unsigned ignored[] = {51, 55, 56, 57, 58, 59, 60, 61, 62, 63};

    (void)state;
    for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++) {
        struct space space;

        begin(&space);
        *space_entry(&space, USER_DATA_VA, 3) |= bits[i].bit;
        space_judge(&space, "reserved-bits");
        assert_int_equal(space_findings(&space, "reserved-bits", -1), 1);
        space_expect(&space, "reserved-bits", bits[i].level, USER_DATA_VA, bits[i].words);
        space_end(&space);
    }
    for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++) {
        struct space space;

        begin(&space);
        *space_entry(&space, USER_DATA_VA, 3) |= UINT64_C(1) << ignored[i];
        space_judge(&space, "reserved-bits");
        space_expect_clean(&space, "reserved-bits");
        space_end(&space);
    }
}

static void test_reserved_bits_of_blocks(void **state)
{
    for (unsigned bbm = 0; bbm < 2; bbm++) {
        struct space space;
        uint64_t at;

        (void)state;
        begin(&space);
        at = LINEAR_VA(&space) + 0x400000;
        if (bbm != 0) {
            space.item.snapshot.regs.id_aa64mmfr2 |= UINT64_C(1) << 52;
        }
        *space_entry(&space, at, 2) |= UINT64_C(1) << 16; /* nT */
        *space_entry(&space, at + 0x200000, 2) |= UINT64_C(1) << 17;
        *space_entry(&space, at + 0x400000, 2) |= UINT64_C(1) << 12;
        space_judge(&space, "reserved-bits");
        space_expect(&space, "reserved-bits", AUDIT_ERROR, at + 0x200000, "bit 17");
        space_expect(&space, "reserved-bits", AUDIT_ERROR, at + 0x400000, "bit 12");
        assert_int_equal(space_findings(&space, "reserved-bits", AUDIT_NOTE), bbm == 0);
        space_end(&space);
    }
}

static void test_reserved_bits_of_other_granules(void **state)
{
    struct space space;

    (void)state;
    space_begin(&space, 14);
    space_map(&space, USER_DATA_VA, RAM_PA, 3, 1, USER_DATA | UINT64_C(1) << 13);
    *space_entry(&space, USER_DATA_VA, 2) |= UINT64_C(1) << 12;
    space_judge(&space, "reserved-bits");
    space_expect(&space, "reserved-bits", AUDIT_ERROR, USER_DATA_VA, "bit 13");
    space_expect(&space, "reserved-bits", AUDIT_ERROR, USER_DATA_VA, "bit 12");
    space_end(&space);

    space_begin(&space, 16);
    space_map(&space, USER_DATA_VA, RAM_PA, 3, 1, USER_DATA | UINT64_C(0xf) << 12);
    space_judge(&space, "reserved-bits");
    space_expect(&space, "reserved-bits", AUDIT_ERROR, USER_DATA_VA, "bits 15:12");
    space_end(&space);
}

static void test_reserved_encodings(void **state)
{
    struct space space;

    (void)state;
    begin(&space);
    *space_entry(&space, USER_DATA_VA, 3) =
        (*space_entry(&space, USER_DATA_VA, 3) & ~DESC_LEAF_SH_MASK) | UINT64_C(1) << 8;
    *space_entry(&space, DEVICE_VA(&space), 3) |= UINT64_C(1) << 8; /* has no effect there */
    *space_entry(&space, USER_DATA_VA + 0x1000, 3) |= LEAF(INDEX_RESERVED);
    /* A block in a level that has none (level 0 of a 48-bit half), and a page without bit 1. */
    *space_entry(&space, USER_TEXT_VA, 3) &= ~DESC_TYPE_BIT;
    space_judge(&space, "reserved-bits");
    space_expect(&space, "reserved-bits", AUDIT_ERROR, USER_DATA_VA, "0b01");
    space_expect(&space, "reserved-bits", AUDIT_ERROR, USER_DATA_VA + 0x1000, "attribute 4");
    space_expect(&space, "reserved-bits", AUDIT_ERROR, USER_TEXT_VA, "without bit 1");
    assert_int_equal(space_findings(&space, "reserved-bits", -1), 3);
    space_end(&space);

    space_begin(&space, 12);
    space.item.snapshot.regs.tcr &= ~TCR_EL1_T0SZ_MASK;
    space.item.snapshot.regs.tcr |= UINT64_C(16) << TCR_EL1_T0SZ_SHIFT;
    space_map(&space, 0, RAM_PA, 3, 1, USER_DATA);
    *space_entry(&space, UINT64_C(1) << 39, 0) = RAM_PA | KERNEL_DATA | DESC_VALID_BIT;
    space_judge(&space, "reserved-bits");
    space_expect(&space, "reserved-bits", AUDIT_ERROR, UINT64_C(1) << 39, "has no blocks");
    space_end(&space);
}

static void test_reserved_bits_of_tables(void **state)
{
    static const struct {
        unsigned bit;
        int level; /* of the finding; -1: none */
        const char *words;
    } bits[] = {{50, AUDIT_ERROR, "bit 50"},
                {48, AUDIT_ERROR, "bit 48"},
                {63, AUDIT_NOTE, "bit 63"},
                {51, -1, ""},
                {58, -1, ""},
                {2, -1, ""},
                {11, -1, ""},
                {44, AUDIT_ERROR, "beyond the configured"}};

    (void)state;
    for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++) {
        struct space space;

        begin(&space);
        *space_entry(&space, USER_DATA_VA, 2) |= UINT64_C(1) << bits[i].bit;
        space_judge(&space, "reserved-bits");
        if (bits[i].level < 0) {
            space_expect_clean(&space, "reserved-bits");
        } else {
            space_expect(&space, "reserved-bits", (enum audit_level)bits[i].level, USER_DATA_VA,
                         bits[i].words);
            assert_int_equal(space_findings(&space, "reserved-bits", -1), 1);
        }
        space_end(&space);
    }
}

static void test_bits_without_meaning_in_el2(void **state)
{
    struct space space;

    (void)state;
    space_begin_el2(&space);
    space_map(&space, KERNEL_PA, KERNEL_PA, 3, 1, EL2_DATA | DESC_LEAF_PXN_BIT);
    space_map(&space, KERNEL_PA + 0x1000, KERNEL_PA + 0x1000, 3, 1, EL2_DATA | DESC_LEAF_NG_BIT);
    space_map(&space, KERNEL_PA + 0x2000, KERNEL_PA + 0x2000, 3, 1,
              EL2_DATA & ~DESC_LEAF_AP_ALL_RW);
    *space_entry(&space, KERNEL_PA, 2) |= DESC_TABLE_PXNTABLE_BIT;
    space_judge(&space, "reserved-bits");
    space_expect(&space, "reserved-bits", AUDIT_NOTE, KERNEL_PA, "bit 53");
    space_expect(&space, "reserved-bits", AUDIT_NOTE, KERNEL_PA, "bit 59");
    space_expect(&space, "reserved-bits", AUDIT_NOTE, KERNEL_PA + 0x1000, "bit 11");
    space_expect(&space, "reserved-bits", AUDIT_NOTE, KERNEL_PA + 0x2000, "AP[1] is clear");
    assert_int_equal(space_findings(&space, "reserved-bits", -1), 4);
    space_end(&space);
}

static void test_table_attributes(void **state)
{
    struct space space;

    (void)state;
    begin(&space);
    *space_entry(&space, USER_DATA_VA, 2) |= DESC_TABLE_APTABLE_READ_ONLY;
    *space_entry(&space, USER_TEXT_VA, 2) |= DESC_TABLE_APTABLE_NO_EL0 | DESC_TABLE_UXNTABLE_BIT;
    *space_entry(&space, KERNEL_VA(&space), 2) |= DESC_TABLE_PXNTABLE_BIT;
    space_judge(&space, "table-attributes");
    space_expect(&space, "table-attributes", AUDIT_NOTE, USER_DATA_VA, "APTable[1]");
    space_expect(&space, "table-attributes", AUDIT_NOTE, USER_TEXT_VA, "APTable[0]");
    space_expect(&space, "table-attributes", AUDIT_NOTE, USER_TEXT_VA, "UXNTable");
    space_expect(&space, "table-attributes", AUDIT_NOTE, KERNEL_VA(&space), "PXNTable");
    assert_int_equal(space_findings(&space, "table-attributes", -1), 4);
    assert_int_equal(space_finding(&space, "table-attributes", USER_DATA_VA)->count, 2);
    assert_int_equal(space_finding(&space, "table-attributes", KERNEL_VA(&space))->count, 4);
    space_end(&space);
}

/* Attributes that take nothing away; and those that TCR_EL1.HPD0 switches off. */
static void test_table_attributes_without_effect(void **state)
{
    struct space space;

    (void)state;
    begin(&space);
    *space_entry(&space, KERNEL_VA(&space), 2) |=
        DESC_TABLE_UXNTABLE_BIT | DESC_TABLE_APTABLE_NO_EL0;
    *space_entry(&space, USER_DATA_VA, 2) |= DESC_TABLE_PXNTABLE_BIT | DESC_TABLE_UXNTABLE_BIT;
    space_judge(&space, "table-attributes");
    space_expect_clean(&space, "table-attributes");
    space_end(&space);

    begin(&space);
    *space_entry(&space, USER_DATA_VA, 2) |= DESC_TABLE_APTABLE_READ_ONLY;
    space.item.snapshot.regs.tcr |= TCR_EL1_HPD0_BIT;
    space.item.snapshot.regs.id_aa64mmfr1 |= UINT64_C(1) << ID_AA64MMFR1_EL1_HPDS_SHIFT;
    space_judge(&space, "table-attributes");
    space_expect_clean(&space, "table-attributes");
    space_end(&space);
}

static void test_table_in_the_wrong_place(void **state)
{
    static const struct {
        uint64_t pa;
        const char *words;
    } places[] = {{ROM_PA + 0x1000, "in ROM"},
                  {DEVICE_PA + 0x10000, "in a device"},
                  {UINT64_C(0x60000000), "has nothing"}};

    (void)state;
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        struct space space;

        begin(&space);
        *space_entry(&space, 0x30000000, 2) = places[i].pa | DESC_TYPE_BIT | DESC_VALID_BIT;
        space_judge(&space, "table-memory");
        space_expect(&space, "table-memory", AUDIT_ERROR, 0x30000000, places[i].words);
        assert_int_equal(space_findings(&space, "table-memory", -1), 1);
        space_end(&space);
    }
}

static void test_table_cached_otherwise_than_walked(void **state)
{
    struct space space;
    uint64_t linear;

    (void)state;
    begin(&space);
    linear = LINEAR_VA(&space) + (TABLES_PA - RAM_PA);
    space_judge(&space, "table-memory");
    space_expect_clean(&space, "table-memory");
    space_end(&space);

    begin(&space);
    space.item.snapshot.regs.tcr &= ~TCR_EL1_IRGN1_MASK;
    space_judge(&space, "table-memory");
    space_expect(&space, "table-memory", AUDIT_ERROR, linear + 0x1000, "another cacheability");
    space_expect(&space, "table-memory", AUDIT_ERROR, linear + 0x1000, "walks through TTBR1 use");
    /* The tables of the lower half are walked as they are mapped. */
    assert_null(space_finding(&space, "table-memory", linear));
    space_end(&space);

    begin(&space);
    space.item.snapshot.regs.tcr &= ~TCR_EL1_SH0_MASK;
    space_judge(&space, "table-memory");
    assert_int_equal(space_findings(&space, "table-memory", AUDIT_ERROR), 0);
    space_expect(&space, "table-memory", AUDIT_NOTE, linear, "another shareability");
    space_end(&space);

    /* With the caches off nothing of that counts. */
    begin(&space);
    space.item.snapshot.regs.tcr &= ~(TCR_EL1_IRGN1_MASK | TCR_EL1_SH0_MASK);
    space.item.snapshot.regs.sctlr &= ~SCTLR_EL1_C_BIT;
    space_judge(&space, "table-memory");
    space_expect_clean(&space, "table-memory");
    space_end(&space);
}

static void test_table_loop(void **state)
{
    struct space space;
    uint64_t window;
    uint64_t table;

    (void)state;
    begin(&space);
    space_judge(&space, "table-loop");
    space_expect_clean(&space, "table-loop");
    space_end(&space);

    /* The root's last entry leads to the root. */
    begin(&space);
    window = space_upper(&space) + UINT64_C(511) * 0x40000000;
    *space_entry(&space, window, 1) =
        space.item.snapshot.regs.ttbr1 | DESC_TYPE_BIT | DESC_VALID_BIT;
    space_judge(&space, NULL);
    space_expect(&space, "table-loop", AUDIT_NOTE, window, "reached from itself");
    assert_string_equal(space.item.not_judged, "");
    space_end(&space);

    /* One table at two levels, but never below itself. */
    begin(&space);
    table = space_table(&space, USER_DATA_VA, 3);
    *space_entry(&space, UINT64_C(0x80000000), 1) = table | DESC_TYPE_BIT | DESC_VALID_BIT;
    space_judge(&space, "table-loop");
    assert_int_equal(space_findings(&space, "table-loop", -1), 1);
    space_expect(&space, "table-loop", AUDIT_NOTE, USER_DATA_VA, "at different levels");
    space_end(&space);

    /* One table on two paths at one level is how memory is shared. */
    begin(&space);
    *space_entry(&space, 0x30000000, 2) = table | DESC_TYPE_BIT | DESC_VALID_BIT;
    space_judge(&space, "table-loop");
    space_expect_clean(&space, "table-loop");
    space_end(&space);
}

static void test_walks_off(void **state)
{
    struct space space;

    (void)state;
    begin(&space);
    space_judge(&space, "walks-off");
    space_expect_clean(&space, "walks-off");
    space_end(&space);

    begin(&space);
    space.item.snapshot.regs.ttbr0 = 0;
    space.item.snapshot.memory[0].first = 0x10000; /* nothing at address 0 */
    space_judge(&space, NULL);
    space_expect(&space, "walks-off", AUDIT_ERROR, 0, "its root register is 0");
    space_expect(&space, "table-memory", AUDIT_ERROR, 0, "whose walks are enabled is 0");
    assert_int_equal(space.item.code, EXIT_BROKEN);
    space_end(&space);

    /* With its walks disabled the half is no subject. */
    begin(&space);
    space.item.snapshot.regs.ttbr0 = 0;
    space.item.snapshot.regs.tcr |= TCR_EL1_EPD0_BIT;
    space_judge(&space, "walks-off");
    space_expect_clean(&space, "walks-off");
    assert_int_equal(space.item.result.rules[audit_rule_index("walks-off")].subjects, 1);
    space_end(&space);
}

static void test_walks_off_bad_geometry(void **state)
{
    static const struct {
        uint64_t set;
        uint64_t clear;
        const char *words;
    } breaks[] = {
        {UINT64_C(50) << TCR_EL1_T0SZ_SHIFT, TCR_EL1_T0SZ_MASK, "TnSZ"},
        {TCR_EL1_TG0_MASK, 0, "granule"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(breaks) / sizeof(breaks[0]); i++) {
        struct space space;

        begin(&space);
        space.item.snapshot.regs.tcr &= ~breaks[i].clear;
        space.item.snapshot.regs.tcr |= breaks[i].set;
        space_judge(&space, "walks-off");
        space_expect(&space, "walks-off", AUDIT_ERROR, 0, breaks[i].words);
        space_end(&space);
    }
}

static void test_walks_of_52_bits_are_not_judged(void **state)
{
    struct space space;

    (void)state;
    begin(&space);
    space.item.snapshot.regs.tcr |= TCR_EL1_DS_BIT;
    space_judge(&space, NULL);
    assert_int_equal(space.item.code, EXIT_NOT_JUDGED);
    assert_string_equal(space.item.not_judged,
                        "walks-off: 52-bit physical addresses are not walked (FEAT_LPA, "
                        "FEAT_LPA2)");
    space_end(&space);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_contiguous_groups_of_every_size),
        cmocka_unit_test(test_contiguous_misprogrammed),
        cmocka_unit_test(test_contiguous_half_and_unaligned),
        cmocka_unit_test(test_contiguous_with_hardware_updates),
        cmocka_unit_test(test_contiguous_group_beyond_the_range),
        cmocka_unit_test(test_reserved_bits_of_leaves),
        cmocka_unit_test(test_reserved_bits_of_blocks),
        cmocka_unit_test(test_reserved_bits_of_other_granules),
        cmocka_unit_test(test_reserved_encodings),
        cmocka_unit_test(test_reserved_bits_of_tables),
        cmocka_unit_test(test_bits_without_meaning_in_el2),
        cmocka_unit_test(test_table_attributes),
        cmocka_unit_test(test_table_attributes_without_effect),
        cmocka_unit_test(test_table_in_the_wrong_place),
        cmocka_unit_test(test_table_cached_otherwise_than_walked),
        cmocka_unit_test(test_table_loop),
        cmocka_unit_test(test_walks_off),
        cmocka_unit_test(test_walks_off_bad_geometry),
        cmocka_unit_test(test_walks_of_52_bits_are_not_judged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
