/* Which rights a descriptor gives and who takes them away, line by line. */
#include "walk_rights.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "space_build.h"
#include "space_map.h"
#include "walk_fields.h"
#include "walk_report.h"

#define SIZE_OF(table) (sizeof(table) / sizeof((table)[0]))
#define USER_RWX       (NORMAL | DESC_LEAF_AP_ALL_RW)
#define HPDS           UINT64_C(0x1000)    /* ID_AA64MMFR1_EL1 */
#define E0PD           (UINT64_C(1) << 60) /* ID_AA64MMFR2_EL1 */

/* One address with one page, both halves' worth of registers to change. */
struct place {
    struct space space;
    uint64_t va;
    struct rig_walk_result result;
    struct walk_rights rights;
};

static void place_begin(struct place *place, bool upper, uint64_t bits)
{
    space_begin(&place->space, 12);
    place->va = upper ? space_upper(&place->space) + 0x5000 : 0x5000;
    space_map(&place->space, place->va, KERNEL_PA, 3, 1, bits);
}

static struct rig_walk_regs *regs_of(struct place *place)
{
    return &place->space.item.snapshot.regs;
}

static void judge(struct place *place)
{
    struct snapshot_reader reader = {.snapshot = &place->space.item.snapshot};

    (void)rig_walk(regs_of(place), snapshot_read_u64, &reader, place->va, &place->result);
    walk_rights_of(&place->space.item.snapshot, &place->result, &place->rights);
}

/* "EL1 EL0" of a line, and whose it is. */
static void expect(const struct place *place, size_t index, const char *rights, bool takes,
                   const char *who)
{
    const struct walk_right *line = &place->rights.lines[index];
    char text[16];

    assert_true(index < place->rights.count);
    snprintf(text, sizeof(text), "%s %s", line->el1, line->el0);
    assert_string_equal(text, rights);
    assert_int_equal(line->takes, takes);
    if (strstr(line->who, who) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", line->who, who);
    }
}

static void test_nothing_takes_anything(void **state)
{
    struct place place;

    (void)state;
    place_begin(&place, true, KERNEL_TEXT);
    judge(&place);
    assert_int_equal(place.rights.count, 1);
    expect(&place, 0, "r-x ---", false, "the page's descriptor");
    space_end(&place.space);
}

static void test_a_block(void **state)
{
    struct place place;

    (void)state;
    space_begin(&place.space, 12);
    place.va = 0x40000000;
    space_map(&place.space, place.va, RAM_PA, 2, 1, KERNEL_DATA);
    judge(&place);
    assert_int_equal(place.rights.count, 1);
    expect(&place, 0, "rw- ---", false, "the block's descriptor");
    space_end(&place.space);
}

static void test_tables_take_each_its_own(void **state)
{
    struct place place;

    (void)state;
    place_begin(&place, false, NORMAL | DESC_LEAF_AP_ALL_RO);
    *space_entry(&place.space, place.va, 1) |= DESC_TABLE_APTABLE_NO_EL0;
    *space_entry(&place.space, place.va, 2) |= DESC_TABLE_UXNTABLE_BIT | DESC_TABLE_PXNTABLE_BIT;
    judge(&place);
    assert_int_equal(place.rights.count, 3);
    expect(&place, 0, "r-x r-x", false, "descriptor");
    expect(&place, 1, "r-x --x", true, "the level 1 table descriptor: APTable");
    expect(&place, 2, "r-- ---", true, "the level 2 table descriptor: PXNTable, UXNTable");
    space_end(&place.space);
}

static void test_a_table_that_takes_nothing_more(void **state)
{
    struct place place;

    (void)state;
    place_begin(&place, true, KERNEL_DATA);
    *space_entry(&place.space, place.va, 1) |= DESC_TABLE_UXNTABLE_BIT;
    judge(&place);
    assert_int_equal(place.rights.count, 2);
    expect(&place, 1, "rw- ---", false, "the level 1 table descriptor: UXNTable");
    space_end(&place.space);
}

static void test_hpd_ignores_tables(void **state)
{
    struct place place;

    (void)state;
    place_begin(&place, true, KERNEL_DATA);
    *space_entry(&place.space, place.va, 1) |= DESC_TABLE_APTABLE_READ_ONLY;
    regs_of(&place)->tcr |= TCR_EL1_HPD1_BIT;
    judge(&place);
    expect(&place, 1, "r-- ---", true, "APTable"); /* the CPU has no FEAT_HPDS */
    regs_of(&place)->id_aa64mmfr1 |= HPDS;
    judge(&place);
    expect(&place, 1, "rw- ---", false, "which HPD tells to ignore");
    space_end(&place.space);
}

static void test_wxn(void **state)
{
    struct place place;

    (void)state;
    place_begin(&place, true, NORMAL | DESC_LEAF_UXN_BIT);
    regs_of(&place)->sctlr |= SCTLR_EL1_WXN_BIT;
    judge(&place);
    assert_int_equal(place.rights.count, 2);
    expect(&place, 0, "rwx ---", false, "descriptor");
    expect(&place, 1, "rw- ---", true, "SCTLR_EL1.WXN");
    space_end(&place.space);
}

static void test_e0pd(void **state)
{
    struct place place;

    (void)state;
    place_begin(&place, true, USER_DATA);
    regs_of(&place)->tcr |= TCR_EL1_E0PD1_BIT;
    regs_of(&place)->id_aa64mmfr2 |= E0PD;
    judge(&place);
    assert_int_equal(place.rights.count, 2);
    expect(&place, 0, "rw- rw-", false, "descriptor");
    expect(&place, 1, "rw- ---", true, "TCR_EL1.E0PD1");
    space_end(&place.space);
}

static void test_the_access_flag(void **state)
{
    struct place place;

    (void)state;
    place_begin(&place, true, KERNEL_TEXT & ~DESC_LEAF_AF_BIT);
    judge(&place);
    assert_int_equal(place.result.status, RIG_WALK_FAULT_ACCESS_FLAG);
    assert_int_equal(place.rights.count, 2);
    expect(&place, 0, "r-x ---", false, "descriptor");
    expect(&place, 1, "--- ---", true, "AF = 0: every access faults");
    /* Hardware that sets the flag takes nothing away. */
    regs_of(&place)->tcr |= TCR_EL1_HA_BIT;
    regs_of(&place)->id_aa64mmfr1 |= ID_AA64MMFR1_EL1_HAFDBS_ACCESS_FLAG;
    judge(&place);
    expect(&place, 1, "r-x ---", false, "AF = 0: hardware sets it");
    space_end(&place.space);
}

static void test_epd(void **state)
{
    struct place place;

    (void)state;
    place_begin(&place, false, USER_DATA);
    regs_of(&place)->tcr |= TCR_EL1_EPD0_BIT;
    judge(&place);
    assert_int_equal(place.result.status, RIG_WALK_FAULT_WALK_DISABLED);
    assert_int_equal(place.rights.count, 2);
    expect(&place, 0, "rw- rw-", false, "descriptor");
    expect(&place, 1, "--- ---", true, "TCR_EL1.EPD0");
    space_end(&place.space);
}

static void test_all_at_once(void **state)
{
    struct place place;

    (void)state;
    place_begin(&place, false, USER_RWX & ~DESC_LEAF_AF_BIT);
    *space_entry(&place.space, place.va, 1) |= DESC_TABLE_UXNTABLE_BIT;
    *space_entry(&place.space, place.va, 2) |= DESC_TABLE_APTABLE_READ_ONLY;
    regs_of(&place)->sctlr |= SCTLR_EL1_WXN_BIT;
    regs_of(&place)->tcr |= TCR_EL1_EPD0_BIT | TCR_EL1_E0PD0_BIT;
    regs_of(&place)->id_aa64mmfr2 |= E0PD;
    judge(&place);
    assert_int_equal(place.rights.count, 7);
    expect(&place, 0, "rw- rwx", false, "descriptor"); /* what EL0 may write EL1 never executes */
    expect(&place, 1, "rw- rw-", true, "level 1");
    expect(&place, 2, "r-x r--", true, "level 2");
    expect(&place, 3, "r-x r--", false, "WXN");
    expect(&place, 4, "r-x ---", true, "E0PD0");
    expect(&place, 5, "--- ---", true, "AF");
    expect(&place, 6, "--- ---", false, "EPD0");
    space_end(&place.space);
}

static void test_where_nothing_is_mapped(void **state)
{
    struct place place;

    (void)state;
    place_begin(&place, false, KERNEL_DATA);
    place.va += 0x1000;
    judge(&place);
    assert_int_equal(place.rights.count, 0);
    regs_of(&place)->sctlr &= ~(uint64_t)SCTLR_EL1_M_BIT;
    judge(&place);
    assert_int_equal(place.result.status, RIG_WALK_OK);
    assert_int_equal(place.rights.count, 0);
    space_end(&place.space);
}

static void test_el2(void **state)
{
    struct place place;

    (void)state;
    space_begin_el2(&place.space);
    place.va = 0x5000;
    space_map(&place.space, place.va, KERNEL_PA, 3, 1, NORMAL | DESC_LEAF_AP_ALL_RW);
    *space_entry(&place.space, place.va, 1) |= DESC_TABLE_PXNTABLE_BIT; /* RES0 there */
    *space_entry(&place.space, place.va, 2) |= DESC_TABLE_UXNTABLE_BIT;
    regs_of(&place)->sctlr |= SCTLR_EL1_WXN_BIT;
    judge(&place);
    assert_int_equal(place.rights.count, 3);
    expect(&place, 0, "rwx ---", false, "descriptor");
    expect(&place, 1, "rw- ---", true, "the level 2 table descriptor: XNTable");
    expect(&place, 2, "rw- ---", false, "SCTLR_EL2.WXN");
    space_end(&place.space);
}

/* xorshift64*; the same on every machine. */
static uint64_t random_word(uint64_t *seed)
{
    *seed ^= *seed >> 12;
    *seed ^= *seed << 25;
    *seed ^= *seed >> 27;
    return *seed * UINT64_C(0x2545f4914f6cdd1d);
}

/* Other bits in every descriptor of the path and in the registers; the tables stay. */
static void scramble(struct place *place, const struct rig_walk_regs *base, uint64_t *seed)
{
    struct rig_walk_regs *regs = regs_of(place);
    uint64_t fixed = DESC_LEAF_OA_MASK | DESC_VALID_BIT | DESC_TYPE_BIT;

    *space_entry(&place->space, place->va, 3) =
        KERNEL_PA | DESC_VALID_BIT | DESC_TYPE_BIT | (random_word(seed) & ~fixed);
    for (unsigned level = 1; level < 3; level++) {
        uint64_t *entry = space_entry(&place->space, place->va, level);

        *entry = (*entry & fixed) | (random_word(seed) & UINT64_C(0x1f) << 59);
    }
    *regs = *base;
    regs->sctlr |= random_word(seed) & SCTLR_EL1_WXN_BIT;
    regs->tcr |= random_word(seed) &
                 (TCR_EL1_EPD0_BIT | TCR_EL1_EPD1_BIT | TCR_EL1_HA_BIT | TCR_EL1_HD_BIT |
                  TCR_EL1_HPD0_BIT | TCR_EL1_HPD1_BIT | TCR_EL1_E0PD0_BIT | TCR_EL1_E0PD1_BIT);
    regs->id_aa64mmfr1 = random_word(seed) & (HPDS | 3);
    regs->id_aa64mmfr2 = random_word(seed) & E0PD;
}

/* The last line is what the walk says, and no line has a right that the one before has not; but
 * EL1's to execute returns when EL0 may write no more. */
static void check_lines(const struct place *place)
{
    const struct walk_right *lines = place->rights.lines;
    size_t last = place->rights.count - 1;
    char el1[4];
    char el0[4];

    assert_true(place->rights.count > 0);
    assert_string_equal(lines[last].el1, space_map_rights(&place->result.attr, 1, el1));
    assert_string_equal(lines[last].el0, space_map_rights(&place->result.attr, 0, el0));
    for (size_t i = 1; i <= last; i++) {
        for (size_t k = 0; k < 3; k++) {
            assert_true(lines[i].el0[k] == '-' || lines[i - 1].el0[k] != '-');
            assert_true(k == 2 || lines[i].el1[k] == '-' || lines[i - 1].el1[k] != '-');
        }
    }
}

static void test_random_descriptors(void **state)
{
    uint64_t seed = 7;

    (void)state;
    for (int upper = 0; upper < 2; upper++) {
        struct place place;
        struct rig_walk_regs base;

        place_begin(&place, upper != 0, NORMAL);
        base = *regs_of(&place);
        for (int round = 0; round < 4000; round++) {
            scramble(&place, &base, &seed);
            judge(&place);
            check_lines(&place);
        }
        space_end(&place.space);
    }
}

/* --- the report ------------------------------------------------------------------------------ */

static void report(struct place *place, const char *const *wanted)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    json_t *object;

    assert_non_null(out);
    judge(place);
    walk_report_text(&place->space.item.snapshot, NULL, &place->result, out);
    fclose(out);
    for (; *wanted != NULL; wanted++) {
        if (strstr(text, *wanted) == NULL) {
            fail_msg("\"%s\" is not in\n%s", *wanted, text);
        }
    }
    object = walk_report_json(&place->space.item.snapshot, NULL, &place->result);
    assert_int_equal(json_array_size(json_object_get(object, "rights")), place->rights.count);
    json_decref(object);
    free(text);
}

static void test_the_report(void **state)
{
    static const char *const wanted[] = {
        "0xffffff8000005000: from TTBR1_EL1, 4 KiB pages, 39 bits of address from level 1 on\n",
        "  level 1  entry    0 at 0x0047f01000: 0x1000000047f02003  table at 0x47f02000\n"
        "             UXNTable        1  below, EL0 executes nothing\n",
        "  level 3  entry    5 at 0x0047f03028: 0x0050000040200783  page at 0x40200000\n"
        "             AttrIndx    0b000  Normal WB (MAIR_EL1.Attr0 = 0xff)\n"
        "             AP[2:1]      0b10  EL1 may read, EL0 has no access\n"
        "             SH           0b11  inner shareable\n"
        "             AF              1  accessed\n"
        "             nG              0  global\n"
        "             PXN             0  EL1 may execute\n"
        "             UXN             1  EL0 may not execute\n"
        "             Contiguous      1  one of a group",
        "  rights    EL1 r-x, EL0 ---  by the page's descriptor\n"
        "    left    EL1 r-x, EL0 ---  untouched by the level 1 table descriptor: UXNTable\n",
        "is PA 0x40200000 through a 4 KiB page at level 3",
        "  there: RAM\n",
        NULL};
    struct place place;

    (void)state;
    place_begin(&place, true, KERNEL_TEXT | DESC_LEAF_CONTIGUOUS_BIT);
    *space_entry(&place.space, place.va, 1) |= DESC_TABLE_UXNTABLE_BIT;
    report(&place, wanted);
    space_end(&place.space);
}

static void test_the_report_of_faults(void **state)
{
    static const char *const invalid[] = {"invalid (bit 0 is 0)\n", "does not translate", NULL};
    static const char *const reserved[] = {"reserved (bit 1 is 0 at level 3)\n", NULL};
    static const char *const no_block[] = {"reserved (no block at this level)\n", NULL};
    static const char *const nowhere[] = {"cannot be read\n", "could not be judged", NULL};
    static const char *const disabled[] = {"page at 0x40200000", "TCR_EL1.EPD0 = 1 disables walks",
                                           "  With walks enabled: 0x5000 is PA 0x40200000",
                                           "    taken   EL1 ---, EL0 ---  by TCR_EL1.EPD0 = 1",
                                           NULL};
    static const char *const unread[] = {"cannot be read\n", "EPD0 = 1 disables walks",
                                         "With walks enabled: 0x5000 could not be judged", NULL};
    static const char *const gone[] = {"no table is read\n", "The snapshot has no tables", NULL};
    struct place place;

    (void)state;
    place_begin(&place, false, USER_DATA);
    *space_entry(&place.space, place.va, 3) = 0;
    report(&place, invalid);
    *space_entry(&place.space, place.va, 3) = KERNEL_PA | 1;
    report(&place, reserved);
    space_end(&place.space);
    space_begin(&place.space, 14);
    place.va = 0;
    *space_entry(&place.space, place.va, 2) = 0;
    regs_of(&place)->tcr &= ~(uint64_t)TCR_EL1_T0SZ_MASK;
    regs_of(&place)->tcr |= UINT64_C(20) << TCR_EL1_T0SZ_SHIFT;
    *space_entry(&place.space, place.va, 1) = KERNEL_PA | 1;
    report(&place, no_block);
    space_end(&place.space);
    place_begin(&place, false, USER_DATA);
    regs_of(&place)->tcr |= TCR_EL1_EPD0_BIT;
    report(&place, disabled);
    *space_entry(&place.space, place.va, 2) = 0x70000003;
    report(&place, unread);
    *space_entry(&place.space, place.va, 2) = (RAM_PA + 0x1000) | 3;
    report(&place, gone); /* which the snapshot does not hold */
    regs_of(&place)->ttbr0 = 0x70000000;
    report(&place, gone);
    regs_of(&place)->tcr &= ~(uint64_t)TCR_EL1_EPD0_BIT;
    report(&place, nowhere);
    space_end(&place.space);
}

static void check_fields(const struct walk_field *fields, size_t count)
{
    assert_true(count <= WALK_FIELDS_MAX);
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(fields[i].means);

        assert_true(length > 3 && length < WALK_FIELD_TEXT - 1);
        assert_true(fields[i].value < UINT64_C(1) << fields[i].bits);
    }
}

/* The root of a small half is less than a page, and lies somewhere in one. */
static void test_the_index_in_a_small_root(void **state)
{
    static const char *const wanted[] = {"  level 2  entry    3 at 0x0047f00098: ", NULL};
    struct place place;

    (void)state;
    space_begin(&place.space, 12);
    place.va = 0x600000;
    regs_of(&place)->tcr &= ~(uint64_t)TCR_EL1_T0SZ_MASK;
    regs_of(&place)->tcr |= UINT64_C(39) << TCR_EL1_T0SZ_SHIFT;
    regs_of(&place)->ttbr0 += 0x80;
    space_map(&place.space, place.va, RAM_PA, 2, 1, USER_DATA);
    report(&place, wanted);
    space_end(&place.space);
}

static void test_execution_of_what_el0_may_write(void **state)
{
    const struct rig_walk_regs regs = {.mair = 0xff};
    struct walk_field fields[WALK_FIELDS_MAX];

    (void)state;
    assert_int_equal(walk_leaf_fields(&regs, USER_RWX, fields), 7);
    assert_string_equal(fields[5].name, "PXN");
    assert_string_equal(fields[5].means, "EL1 may not execute all the same: EL0 may write it");
    assert_int_equal(walk_leaf_fields(&regs, NORMAL | DESC_LEAF_AP_ALL_RO, fields), 7);
    assert_string_equal(fields[5].means, "EL1 may execute");
}

/* Every value of every field has words, and none is cut off. */
static void test_field_words(void **state)
{
    struct walk_field fields[WALK_FIELDS_MAX];
    uint64_t seed = 3;

    (void)state;
    for (int round = 0; round < 20000; round++) {
        struct rig_walk_regs regs = {.mair = random_word(&seed), .regime = (uint64_t)round & 1};
        uint64_t descriptor = random_word(&seed);
        size_t count = walk_leaf_fields(&regs, descriptor, fields);

        assert_true(count >= 5);
        check_fields(fields, count);
        check_fields(fields, walk_table_fields(&regs, descriptor, fields));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_takes_anything),
        cmocka_unit_test(test_a_block),
        cmocka_unit_test(test_tables_take_each_its_own),
        cmocka_unit_test(test_a_table_that_takes_nothing_more),
        cmocka_unit_test(test_hpd_ignores_tables),
        cmocka_unit_test(test_wxn),
        cmocka_unit_test(test_e0pd),
        cmocka_unit_test(test_the_access_flag),
        cmocka_unit_test(test_epd),
        cmocka_unit_test(test_all_at_once),
        cmocka_unit_test(test_where_nothing_is_mapped),
        cmocka_unit_test(test_el2),
        cmocka_unit_test(test_random_descriptors),
        cmocka_unit_test(test_the_report),
        cmocka_unit_test(test_the_report_of_faults),
        cmocka_unit_test(test_the_index_in_a_small_root),
        cmocka_unit_test(test_execution_of_what_el0_may_write),
        cmocka_unit_test(test_field_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
