/* break-before-make: what a change of a live descriptor asks for, and each step that can be
 * missing.
 */
#include "live_trace.h"

#define RULE   "break-before-make"
#define BEFORE (PAGE_AT(1) | PAGE)
#define OTHER  (UINT64_C(0x49000000) | PAGE)

static struct live live;

static void change(uint64_t before, uint64_t after)
{
    live_begin(&live, 1);
    live_word(&live, HIGH_WORD(9), before); /* invalid to valid: asks for nothing */
    live_word(&live, HIGH_WORD(9), after);
}

static void another_output_address_at_once_is_an_error(void **state)
{
    (void)state;
    live_begin(&live, 1);
    uint64_t pc = live.pc;
    live_word(&live, HIGH_WORD(1), OTHER);
    struct order_finding finding =
        live_expect(&live, RULE, NULL, 1, 0, "between two valid descriptors");
    assert_true(finding.write.pc == pc && finding.consumer.pc == pc);
    assert_non_null(strstr(finding.detail, "the output address"));
    assert_non_null(strstr(finding.detail, "VA 0xffffff8080001000"));
    assert_non_null(strstr(finding.fix, "TLBI"));
}

static void each_change_is_judged_by_what_it_changes(void **state)
{
    (void)state;
    const struct {
        uint64_t before, after;
        size_t errors, notes;
    } cases[] = {
        {BEFORE, OTHER, 1, 0},
        {BEFORE, BEFORE & ~UINT64_C(0x1c), 1, 0}, /* AttrIndx 0: Device */
        {BEFORE, BEFORE & ~UINT64_C(0x300), 1, 0},
        {BEFORE, BEFORE | CONTIGUOUS, 1, 0},
        {BEFORE | CONTIGUOUS, BEFORE, 1, 0},
        {BEFORE | NOT_GLOBAL, BEFORE, 1, 0},
        {BEFORE | READ_ONLY, OTHER | READ_ONLY, 0, 1},
        {BEFORE | READ_ONLY, OTHER, 1, 0},
        /* These need none. */
        {BEFORE, BEFORE | READ_ONLY, 0, 0},
        {BEFORE | READ_ONLY, BEFORE, 0, 0},
        {BEFORE, BEFORE | USER, 0, 0},
        {BEFORE, BEFORE | XN, 0, 0},
        {BEFORE, BEFORE & ~ACCESS_FLAG, 0, 0},
        {BEFORE, BEFORE | SOFTWARE, 0, 0},
        {BEFORE, BEFORE | NOT_GLOBAL, 0, 0},
        {BEFORE & ~ACCESS_FLAG, OTHER, 0, 0}, /* no TLB holds it */
        /* Shareability of Device memory means nothing. */
        {PAGE_AT(1) | 0x703, PAGE_AT(1) | 0x403, 0, 0},
        {PAGE_AT(1) | 0x703, PAGE_AT(1) | 0x707, 1, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        change(cases[i].before, cases[i].after);
        live_expect(&live, RULE, NULL, cases[i].errors, cases[i].notes, NULL);
    }
}

static void features_lift_the_contiguous_bit_and_the_size(void **state)
{
    (void)state;
    const uint64_t block = UINT64_C(0x48200000) | BLOCK;
    const struct order_features levels[] = {{.bbm = 0}, {.bbm = 1}, {.bbm = 2}};
    for (unsigned int bbm = 0; bbm < 3; bbm++) {
        change(BEFORE, BEFORE | CONTIGUOUS);
        live_expect(&live, RULE, &levels[bbm], bbm == 0, 0, NULL);
        live_begin(&live, 1);
        live_word(&live, L2_HIGH + 8, L3_HIGH | TABLE); /* was a block */
        live_expect(&live, RULE, &levels[bbm], bbm < 2, 0, NULL);
        live_begin(&live, 1);
        live_word(&live, L2_HIGH, block); /* was a table */
        struct order_finding finding = live_expect(&live, RULE, &levels[bbm], bbm < 2, 0, NULL);
        assert_true(bbm == 2 || strstr(finding.detail, "from a table to a block") != NULL);
    }
    change(BEFORE, OTHER);
    live_expect(&live, RULE, &levels[2], 1, 0, NULL); /* never the address */
}

enum step { S_DSB1 = 1, S_TLBI = 2, S_DSB2 = 4, S_ALL = 7 };

static void sequence(unsigned int steps, uint32_t dsb1, uint32_t tlbi, uint64_t va, uint32_t dsb2)
{
    live_begin(&live, 1);
    live_word(&live, HIGH_WORD(1), 0);
    if ((steps & S_DSB1) != 0) {
        live_insn(&live, dsb1, 0);
    }
    if ((steps & S_TLBI) != 0) {
        live_tlbi(&live, tlbi, va);
    }
    if ((steps & S_DSB2) != 0) {
        live_insn(&live, dsb2, 0);
    }
    live_word(&live, HIGH_WORD(1), OTHER);
}

static void each_step_is_asked_for(void **state)
{
    (void)state;
    const struct {
        unsigned int steps;
        const char *says;
    } cases[] = {
        {S_TLBI | S_DSB2, "no DSB between the store of the invalid descriptor and the TLBI"},
        {S_DSB1 | S_DSB2, "no TLBI for it"},
        {S_DSB1 | S_TLBI, "between the TLBI and the new"},
        {0, "no TLBI for it"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        sequence(cases[i].steps, OP_DSB_ISHST, OP_TLBI_VAE1IS, HIGH_PAGE(1), OP_DSB_ISH);
        struct order_finding finding = live_expect(&live, RULE, NULL, 1, 0, cases[i].says);
        assert_true(finding.write.pc == finding.consumer.pc);
        assert_non_null(strstr(finding.detail, "made invalid at PC 0x"));
        assert_non_null(strstr(finding.detail, "0x48001707 to 0x49000707"));
    }
}

static void the_sequence_is_clean_in_all_its_forms(void **state)
{
    (void)state;
    sequence(S_ALL, OP_DSB_ISHST, OP_TLBI_VAE1IS, HIGH_PAGE(1), OP_DSB_ISH);
    live_clean(&live, RULE);
    sequence(S_ALL, OP_DSB_NSHST, OP_TLBI_VAE1, HIGH_PAGE(1), OP_DSB_NSH);
    live_clean(&live, RULE);
    sequence(S_ALL, OP_DSB_SY, OP_TLBI_VMALLE1IS, 0, OP_DSB_SY);
    live_clean(&live, RULE);
    sequence(S_ALL, OP_DSB_ISHST, OP_TLBI_ASIDE1IS, 0, OP_DSB_ISH);
    live_clean(&live, RULE);
    sequence(S_ALL, OP_DSB_ISHST, OP_TLBI_VALE1IS, HIGH_PAGE(1), OP_DSB_ISH);
    live_clean(&live, RULE);
}

static void the_wrong_barrier_or_tlbi_is_none(void **state)
{
    (void)state;
    sequence(S_ALL, OP_DSB_ISHLD, OP_TLBI_VAE1IS, HIGH_PAGE(1), OP_DSB_ISH);
    live_expect(&live, RULE, NULL, 1, 0, "invalid descriptor and the TLBI");
    sequence(S_ALL, OP_DSB_ISHST, OP_TLBI_VAE1IS, HIGH_PAGE(1), OP_DSB_ISHST);
    live_expect(&live, RULE, NULL, 1, 0, "loads and stores");
    sequence(S_ALL, OP_DSB_ISHST, OP_TLBI_VAE1IS, HIGH_PAGE(1), OP_DSB_NSH);
    live_expect(&live, RULE, NULL, 1, 0, "TLBI's domain");
    sequence(S_ALL, OP_DSB_ISHST, OP_TLBI_VAE1IS, HIGH_PAGE(2), OP_DSB_ISH);
    live_expect(&live, RULE, NULL, 1, 0, "no TLBI for it");
}

static void the_same_translation_again_needs_nothing(void **state)
{
    (void)state;
    live_begin(&live, 1);
    live_word(&live, HIGH_WORD(1), 0);
    live_word(&live, HIGH_WORD(1), BEFORE);
    live_word(&live, HIGH_WORD(1), 0);
    live_word(&live, HIGH_WORD(1), BEFORE | READ_ONLY);
    live_clean(&live, RULE);
}

static void one_address_of_a_contiguous_group_is_enough(void **state)
{
    (void)state;
    live_begin(&live, 1);
    live_word(&live, HIGH_WORD(17), BEFORE | CONTIGUOUS);
    live_word(&live, HIGH_WORD(17), 0);
    live_insn(&live, OP_DSB_ISHST, 0);
    live_tlbi(&live, OP_TLBI_VAE1IS, HIGH_PAGE(16));
    live_insn(&live, OP_DSB_ISH, 0);
    live_word(&live, HIGH_WORD(17), OTHER);
    live_clean(&live, RULE);
}

static void tables_that_nobody_walks_are_free(void **state)
{
    (void)state;
    live_begin(&live, 1);
    live_word(&live, L2_HIGH, 0); /* a subject */
    build_frame_gone(&live.build, 0, L3_HIGH);
    live_word(&live, HIGH_WORD(1), OTHER);
    live_clean(&live, RULE);

    live = (struct live){.el = 1, .pc = UINT64_C(0x40080000)}; /* MMU off */
    build_begin(&live.build, 1);
    live_tables(&live, NULL);
    live_word(&live, HIGH_WORD(1), OTHER);
    live_registers(&live, UINT64_C(0x30d01805));
    live.pc = LINEAR(UINT64_C(0x40080000));
    live_word(&live, HIGH_WORD(2), 0); /* a subject */
    live_clean(&live, RULE);
}

/* The old frame is gone and comes back with other content: not followed, and no finding. */
static void a_table_that_was_gone_between_is_a_new_one(void **state)
{
    (void)state;
    const uint64_t words[] = {0, 0};
    live_begin(&live, 1);
    live_word(&live, HIGH_WORD(1), 0);
    build_frame_gone(&live.build, 0, L3_HIGH);
    live_frame(&live, L3_HIGH, 3, true, words, 2, NULL);
    live_word(&live, HIGH_WORD(1), OTHER);
    live_clean(&live, RULE);
}

static void swap_table(uint64_t second_page)
{
    const uint64_t words[] = {PAGE_AT(0) | PAGE, second_page, PAGE_AT(2) | PAGE, 0,
                              PAGE_AT(4) | PAGE};
    live_begin(&live, 1);
    live_word(&live, L2_HIGH, UINT64_C(0x40028000) | TABLE);
    build_frame_gone(&live.build, 0, L3_HIGH);
    live_frame(&live, 0x40028000, 3, true, words, 5, NULL);
}

static void a_table_for_another_is_judged_by_what_they_lead_to(void **state)
{
    (void)state;
    swap_table(BEFORE); /* unmaps one page, maps another: no two valid ones */
    live_clean(&live, RULE);
    swap_table(BEFORE | READ_ONLY);
    live_clean(&live, RULE);
    swap_table(OTHER);
    struct order_finding finding = live_expect(&live, RULE, NULL, 1, 0, "two table descriptors");
    assert_non_null(strstr(finding.detail, "word 1 of the level 3 table"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(another_output_address_at_once_is_an_error),
        cmocka_unit_test(each_change_is_judged_by_what_it_changes),
        cmocka_unit_test(features_lift_the_contiguous_bit_and_the_size),
        cmocka_unit_test(each_step_is_asked_for),
        cmocka_unit_test(the_sequence_is_clean_in_all_its_forms),
        cmocka_unit_test(the_wrong_barrier_or_tlbi_is_none),
        cmocka_unit_test(the_same_translation_again_needs_nothing),
        cmocka_unit_test(one_address_of_a_contiguous_group_is_enough),
        cmocka_unit_test(tables_that_nobody_walks_are_free),
        cmocka_unit_test(a_table_that_was_gone_between_is_a_new_one),
        cmocka_unit_test(a_table_for_another_is_judged_by_what_they_lead_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
