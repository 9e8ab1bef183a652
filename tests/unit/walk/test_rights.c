/* Effective rights, against a truth table written out by hand from DDI 0487 D8.4. */
#include "fake.h"

struct row {
    unsigned ap;
    unsigned pxn;
    unsigned uxn;
    unsigned wxn;
    const char *el1;
    const char *el0;
};

static const struct row truth[] = {
    {0, 0, 0, 0, "rwx", "--x"}, {0, 0, 0, 1, "rw-", "--x"}, {0, 0, 1, 0, "rwx", "---"},
    {0, 0, 1, 1, "rw-", "---"}, {0, 1, 0, 0, "rw-", "--x"}, {0, 1, 0, 1, "rw-", "--x"},
    {0, 1, 1, 0, "rw-", "---"}, {0, 1, 1, 1, "rw-", "---"}, {1, 0, 0, 0, "rw-", "rwx"},
    {1, 0, 0, 1, "rw-", "rw-"}, {1, 0, 1, 0, "rw-", "rw-"}, {1, 0, 1, 1, "rw-", "rw-"},
    {1, 1, 0, 0, "rw-", "rwx"}, {1, 1, 0, 1, "rw-", "rw-"}, {1, 1, 1, 0, "rw-", "rw-"},
    {1, 1, 1, 1, "rw-", "rw-"}, {2, 0, 0, 0, "r-x", "--x"}, {2, 0, 0, 1, "r-x", "--x"},
    {2, 0, 1, 0, "r-x", "---"}, {2, 0, 1, 1, "r-x", "---"}, {2, 1, 0, 0, "r--", "--x"},
    {2, 1, 0, 1, "r--", "--x"}, {2, 1, 1, 0, "r--", "---"}, {2, 1, 1, 1, "r--", "---"},
    {3, 0, 0, 0, "r-x", "r-x"}, {3, 0, 0, 1, "r-x", "r-x"}, {3, 0, 1, 0, "r-x", "r--"},
    {3, 0, 1, 1, "r-x", "r--"}, {3, 1, 0, 0, "r--", "r-x"}, {3, 1, 0, 1, "r--", "r-x"},
    {3, 1, 1, 0, "r--", "r--"}, {3, 1, 1, 1, "r--", "r--"},
};

/* The AP that takes effect under an APTable value: [APTable][AP]. */
static const unsigned ap_below[4][4] = {{0, 1, 2, 3}, {0, 0, 2, 2}, {2, 3, 2, 3}, {2, 2, 2, 2}};

static const struct row *expected(unsigned ap, unsigned pxn, unsigned uxn, unsigned wxn)
{
    for (size_t i = 0; i < sizeof(truth) / sizeof(truth[0]); i++) {
        const struct row *row = &truth[i];
        if (row->ap == ap && row->pxn == pxn && row->uxn == uxn && row->wxn == wxn) {
            return row;
        }
    }
    fail_msg("the truth table has no such row");
    return NULL;
}

/* One page at VA 0 under three table descriptors; table_bits[level] go into those. */
struct mapping {
    struct fake *fake;
    struct rig_walk_regs regs;
    uint64_t tables[4];
};

static struct mapping make_mapping(struct fake *fake)
{
    struct mapping mapping = {.fake = fake, .regs = fake_regs(12, 16)};

    for (size_t level = 0; level < 4; level++) {
        mapping.tables[level] = fake_table(fake, 0x1000);
    }
    mapping.regs.ttbr0 = mapping.tables[0];
    return mapping;
}

static struct rig_walk_attributes rights(struct mapping *mapping, const uint64_t table_bits[3],
                                         uint64_t leaf_bits, unsigned wxn)
{
    struct rig_walk_result result;

    for (size_t level = 0; level < 3; level++) {
        fake_write(mapping->fake, mapping->tables[level],
                   mapping->tables[level + 1] | D_TABLE | table_bits[level]);
    }
    fake_write(mapping->fake, mapping->tables[3], UINT64_C(0x50000000) | D_PAGE | leaf_bits);
    mapping->regs.sctlr = (mapping->regs.sctlr & ~(UINT64_C(1) << 19)) | (uint64_t)wxn << 19;
    result = fake_walk(mapping->fake, &mapping->regs, 0);
    assert_int_equal(result.status, RIG_WALK_OK);
    return result.attr;
}

static void assert_rights(const struct rig_walk_attributes *attr, const char *el1, const char *el0)
{
    char el1_found[4];
    char el0_found[4];

    rights_text(attr, el1_found, el0_found);
    assert_string_equal(el1_found, el1);
    assert_string_equal(el0_found, el0);
}

static uint64_t leaf(uint64_t ap, uint64_t pxn, uint64_t uxn)
{
    return ap << 6 | pxn << 53 | uxn << 54;
}

static void every_leaf_combination(void **state)
{
    struct mapping mapping = make_mapping(*state);
    const uint64_t none[3] = {0, 0, 0};

    for (size_t i = 0; i < sizeof(truth) / sizeof(truth[0]); i++) {
        const struct row *row = &truth[i];
        struct rig_walk_attributes attr =
            rights(&mapping, none, leaf(row->ap, row->pxn, row->uxn), row->wxn);
        assert_rights(&attr, row->el1, row->el0);
    }
}

/* table = APTable | PXNTable << 2 | UXNTable << 3, put into the descriptor of one level. */
static void check_table_combination(struct mapping *mapping, unsigned level, unsigned table,
                                    const struct row *row, bool ignored)
{
    uint64_t bits[3] = {0, 0, 0};
    unsigned pxn = row->pxn | (table >> 2 & 1);
    unsigned uxn = row->uxn | (table >> 3 & 1);
    const struct row *want = expected(ap_below[table & 3][row->ap], pxn, uxn, row->wxn);
    struct rig_walk_attributes attr;

    bits[level] = (uint64_t)(table & 3) << 61 | (uint64_t)(table >> 2 & 1) << 59 |
                  (uint64_t)(table >> 3 & 1) << 60;
    attr = rights(mapping, bits, leaf(row->ap, row->pxn, row->uxn), row->wxn);
    if (ignored) {
        want = row;
    }
    assert_rights(&attr, want->el1, want->el0);
}

static void check_all_tables(struct mapping *mapping, bool ignored)
{
    for (unsigned level = 0; level < 3; level++) {
        for (unsigned table = 0; table < 16; table++) {
            for (size_t i = 0; i < sizeof(truth) / sizeof(truth[0]); i++) {
                check_table_combination(mapping, level, table, &truth[i], ignored);
            }
        }
    }
}

static void every_table_attribute_at_every_level(void **state)
{
    struct mapping mapping = make_mapping(*state);

    check_all_tables(&mapping, false);
}

static void hpd_ignores_table_attributes(void **state)
{
    struct mapping mapping = make_mapping(*state);

    mapping.regs.tcr |= UINT64_C(1) << 42; /* HPD1 says nothing about the lower half */
    check_all_tables(&mapping, false);
    mapping.regs.tcr |= UINT64_C(1) << 41;
    check_all_tables(&mapping, true);
    mapping.regs.id_aa64mmfr1 = 0; /* no FEAT_HPDS: the bit is RES0 */
    check_all_tables(&mapping, false);
}

static void table_attributes_add_up_over_levels(void **state)
{
    struct mapping mapping = make_mapping(*state);
    const uint64_t bits[3] = {UINT64_C(1) << 61, UINT64_C(1) << 62, UINT64_C(1) << 59};
    struct rig_walk_attributes attr = rights(&mapping, bits, leaf(1, 0, 0), 0);

    assert_rights(&attr, "r--", "--x");
}

static void dirty_state_makes_a_clean_page_writable(void **state)
{
    struct mapping mapping = make_mapping(*state);
    const uint64_t none[3] = {0, 0, 0};
    const uint64_t read_only[3] = {0, UINT64_C(1) << 62, 0};
    uint64_t clean = leaf(2, 0, 1) | UINT64_C(1) << 51;
    struct rig_walk_attributes attr;

    mapping.regs.tcr |= UINT64_C(3) << 39; /* HA, HD */
    mapping.regs.id_aa64mmfr1 |= 1;        /* access flag only */
    attr = rights(&mapping, none, clean, 0);
    assert_rights(&attr, "r-x", "---");
    mapping.regs.id_aa64mmfr1 = (mapping.regs.id_aa64mmfr1 & ~UINT64_C(0xf)) | 2;
    attr = rights(&mapping, none, clean, 0);
    assert_rights(&attr, "rwx", "---");
    assert_int_equal(attr.dbm, 1);
    attr = rights(&mapping, none, clean, 1);
    assert_rights(&attr, "rw-", "---");
    attr = rights(&mapping, read_only, clean, 0);
    assert_rights(&attr, "r-x", "---");
    attr = rights(&mapping, none, leaf(2, 0, 1), 0); /* no DBM */
    assert_rights(&attr, "r-x", "---");
    mapping.regs.tcr &= ~(UINT64_C(1) << 40); /* HA without HD */
    attr = rights(&mapping, none, clean, 0);
    assert_rights(&attr, "r-x", "---");
    mapping.regs.tcr ^= UINT64_C(3) << 39; /* HD without HA is nothing */
    attr = rights(&mapping, none, clean, 0);
    assert_rights(&attr, "r-x", "---");
}

static void e0pd_takes_everything_from_el0(void **state)
{
    struct mapping mapping = make_mapping(*state);
    const uint64_t none[3] = {0, 0, 0};
    struct rig_walk_attributes attr;

    mapping.regs.tcr |= UINT64_C(1) << 55;
    attr = rights(&mapping, none, leaf(3, 0, 0), 0);
    assert_rights(&attr, "r-x", "r-x"); /* FEAT_E0PD is not there */
    mapping.regs.id_aa64mmfr2 |= UINT64_C(1) << 60;
    attr = rights(&mapping, none, leaf(3, 0, 0), 0);
    assert_rights(&attr, "r-x", "---");
    mapping.regs.tcr ^= UINT64_C(3) << 55; /* E0PD1: the other half */
    attr = rights(&mapping, none, leaf(3, 0, 0), 0);
    assert_rights(&attr, "r-x", "r-x");
    mapping.regs.tcr ^= UINT64_C(3) << 55;
    attr = rights(&mapping, none, leaf(1, 0, 0), 0);
    assert_rights(&attr, "rw-", "---"); /* still never executable at EL1 */
}

/* The same tables as upper half: its own HPD1 and E0PD1 count, not the lower half's. */
static void upper_half_has_its_own_controls(void **state)
{
    struct mapping mapping = make_mapping(*state);
    const uint64_t no_el0[3] = {0, UINT64_C(1) << 61, 0};
    static const struct {
        uint64_t tcr;
        const char *el0;
    } rows[] = {
        {0, "--x"},
        {UINT64_C(1) << 41, "--x"},
        {UINT64_C(1) << 42, "r-x"},
        {UINT64_C(1) << 42 | UINT64_C(1) << 55, "r-x"},
        {UINT64_C(1) << 42 | UINT64_C(1) << 56, "---"},
    };
    uint64_t tcr = mapping.regs.tcr;

    mapping.regs.id_aa64mmfr2 |= UINT64_C(1) << 60;
    (void)rights(&mapping, no_el0, leaf(3, 0, 0), 0);
    mapping.regs.ttbr1 = mapping.tables[0];
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct rig_walk_result result;

        mapping.regs.tcr = tcr | rows[i].tcr;
        result = fake_walk(mapping.fake, &mapping.regs, UPPER_ONES(48));
        assert_int_equal(result.status, RIG_WALK_OK);
        assert_rights(&result.attr, "r-x", rows[i].el0);
    }
}

static void pan_is_named_where_el0_has_access(void **state)
{
    struct mapping mapping = make_mapping(*state);
    const uint64_t none[3] = {0, 0, 0};
    const uint64_t no_el0[3] = {UINT64_C(1) << 61, 0, 0};
    static const uint8_t named[4] = {0, 1, 0, 1};

    for (unsigned ap = 0; ap < 4; ap++) {
        mapping.regs.pstate = 0;
        assert_int_equal(rights(&mapping, none, leaf(ap, 0, 0), 0).pan_blocks_el1, 0);
        mapping.regs.pstate = UINT64_C(1) << 22;
        assert_int_equal(rights(&mapping, none, leaf(ap, 0, 0), 0).pan_blocks_el1, named[ap]);
        assert_int_equal(rights(&mapping, no_el0, leaf(ap, 0, 0), 0).pan_blocks_el1, 0);
        assert_int_equal(rights(&mapping, none, leaf(ap, 0, 0), 0).el1_read, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_leaf_combination, fake_setup, fake_teardown),
        cmocka_unit_test_setup_teardown(every_table_attribute_at_every_level, fake_setup,
                                        fake_teardown),
        cmocka_unit_test_setup_teardown(hpd_ignores_table_attributes, fake_setup, fake_teardown),
        cmocka_unit_test_setup_teardown(table_attributes_add_up_over_levels, fake_setup,
                                        fake_teardown),
        cmocka_unit_test_setup_teardown(dirty_state_makes_a_clean_page_writable, fake_setup,
                                        fake_teardown),
        cmocka_unit_test_setup_teardown(e0pd_takes_everything_from_el0, fake_setup, fake_teardown),
        cmocka_unit_test_setup_teardown(upper_half_has_its_own_controls, fake_setup, fake_teardown),
        cmocka_unit_test_setup_teardown(pan_is_named_where_el0_has_access, fake_setup,
                                        fake_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
