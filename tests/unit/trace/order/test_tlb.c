/* store-before-tlbi and tlbi-completes: each hazard, its smallest repair, and what looks alike. */
#include "live_trace.h"

#define STORE    "store-before-tlbi"
#define COMPLETE "tlbi-completes"
#define OTHER    (UINT64_C(0x49000000) | PAGE)

static struct live live;

static void a_tlbi_right_behind_the_store_is_an_error(void **state)
{
    (void)state;
    live_begin(&live, 1);
    uint64_t write_pc = live.pc;
    live_word(&live, HIGH_WORD(1), 0);
    uint64_t consumer_pc = live.pc;
    live_tlbi(&live, OP_TLBI_VAE1IS, HIGH_PAGE(1));
    struct order_finding finding =
        live_expect(&live, STORE, NULL, 1, 0, "no DSB that orders stores in the ISH domain");
    assert_true(finding.write.pc == write_pc && finding.consumer.pc == consumer_pc);
    assert_true(finding.consumer.has_address && finding.consumer.address == HIGH_PAGE(1));
    assert_non_null(strstr(finding.detail, "VA 0xffffff8080001000 to 0xffffff8080001fff"));
    assert_string_equal(finding.fix, "put DSB ISHST between the store and the TLBI");
}

static void the_dsb_must_order_stores_in_the_tlbis_domain(void **state)
{
    (void)state;
    const struct {
        uint32_t dsb;
        uint32_t tlbi;
        size_t errors;
    } cases[] = {
        {OP_DSB_ISHST, OP_TLBI_VAE1IS, 0},  {OP_DSB_ISH, OP_TLBI_VAE1IS, 0},
        {OP_DSB_SY, OP_TLBI_VAE1IS, 0},     {OP_DSB_NSHST, OP_TLBI_VAE1, 0},
        {OP_DSB_ISHST, OP_TLBI_VAE1, 0},    {OP_DSB_NSHST, OP_TLBI_VMALLE1, 0},
        {OP_DSB_NSHST, OP_TLBI_VAE1IS, 1},  {OP_DSB_NSH, OP_TLBI_VMALLE1IS, 1},
        {OP_DSB_ISHLD, OP_TLBI_VAE1IS, 1},  {OP_DSB_LD, OP_TLBI_VAE1, 1},
        {OP_DMB_ISH, OP_TLBI_VAE1IS, 1},    {OP_ISB, OP_TLBI_VAE1IS, 1},
        {OP_DSB_ISH, OP_TLBI_ASIDE1IS, 0},  {OP_DMB_ISH, OP_TLBI_ASIDE1IS, 1},
        {OP_DSB_ISHST, OP_TLBI_VALE1IS, 0}, {OP_DMB_ISH, OP_TLBI_VALE1IS, 1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        live_begin(&live, 1);
        live_word(&live, LOW_WORD(0), 0);
        live_insn(&live, cases[i].dsb, 0);
        live_tlbi(&live, cases[i].tlbi, LOW_PAGE(0));
        live_expect(&live, STORE, NULL, cases[i].errors, 0, NULL);
    }
}

static void only_a_tlbi_for_the_word_counts(void **state)
{
    (void)state;
    live_begin(&live, 1);
    live_word(&live, HIGH_WORD(1), 0);
    live_tlbi(&live, OP_TLBI_VAE1IS, HIGH_PAGE(2));
    live_tlbi(&live, OP_TLBI_VAE1IS, LOW_PAGE(1));
    live_word(&live, L2_HIGH, 0); /* a table: last-level maintenance leaves it alone */
    live_tlbi(&live, OP_TLBI_VALE1IS, HIGH_PAGE(2));
    live_clean(&live, STORE);

    live_begin(&live, 1);
    live_word(&live, L2_HIGH, 0);
    live_tlbi(&live, OP_TLBI_VAE1IS, HIGH_PAGE(2));
    live_expect(&live, STORE, NULL, 1, 0, NULL);
}

/* TG 4 KiB, SCALE 0, NUM: 2 * (NUM + 1) pages. */
static uint64_t range_operand(uint64_t va, uint64_t num)
{
    return UINT64_C(1) << 46 | num << 39 | (va >> 12 & ((UINT64_C(1) << 37) - 1));
}

static void a_range_is_compared_with_what_the_word_maps(void **state)
{
    (void)state;
    live_begin(&live, 1);
    live_word(&live, HIGH_WORD(3), 0);
    live_insn(&live, OP_TLBI_RVAE1IS, range_operand(HIGH_PAGE(1), 0)); /* pages 1 and 2 */
    live_clean(&live, STORE);

    live_begin(&live, 1);
    live_word(&live, HIGH_WORD(3), 0);
    live_insn(&live, OP_TLBI_RVAE1IS, range_operand(HIGH_PAGE(1), 1)); /* 1 to 4 */
    live_expect(&live, STORE, NULL, 1, 0, NULL);
}

static void an_unknown_operand_gives_a_note(void **state)
{
    (void)state;
    live_begin(&live, 1);
    live_word(&live, HIGH_WORD(1), 0);
    live_unknown(&live, OP_TLBI_VAE1IS);
    live_expect(&live, STORE, NULL, 0, 1, "operand unknown");
}

static void stores_that_no_tlb_can_hold_the_old_value_of_need_nothing(void **state)
{
    (void)state;
    live_begin(&live, 1);
    live_word(&live, HIGH_WORD(1), 0); /* the subject */
    live_insn(&live, OP_DSB_ISH, 0);
    live_word(&live, HIGH_WORD(8), PAGE_AT(8) | PAGE);
    live_tlbi(&live, OP_TLBI_VAE1IS, HIGH_PAGE(8));
    live_word(&live, HIGH_WORD(2), PAGE_AT(2) | PAGE); /* the same value */
    live_tlbi(&live, OP_TLBI_VAE1IS, HIGH_PAGE(2));
    live_clean(&live, STORE);
}

static void remap(uint32_t tlbi)
{
    live_begin(&live, 1);
    live_word(&live, HIGH_WORD(1), OTHER);
    live_insn(&live, OP_DSB_ISHST, 0);
    live_tlbi(&live, tlbi, HIGH_PAGE(1));
}

static void a_use_before_the_tlbi_is_complete_is_an_error(void **state)
{
    (void)state;
    remap(OP_TLBI_VAE1IS);
    uint64_t consumer_pc = live.pc;
    live_read(&live, HIGH_PAGE(1) + 8);
    live_insn(&live, OP_DSB_ISH, 0);
    live_insn(&live, OP_ISB, 0);
    struct order_finding finding =
        live_expect(&live, COMPLETE, NULL, 1, 0, "no DSB for loads and stores");
    assert_true(finding.write.pc == consumer_pc - 4 && finding.consumer.pc == consumer_pc);
    assert_int_equal(finding.write.opcode, OP_TLBI_VAE1IS);
    assert_true(finding.consumer.address == HIGH_PAGE(1) + 8);
    assert_non_null(strstr(finding.detail, "gives PA 0x48001008, the new one PA 0x49000008"));
    assert_string_equal(finding.fix, "put DSB ISH; ISB behind the TLBI");
}

static void the_dsb_must_be_full_and_of_the_tlbis_domain(void **state)
{
    (void)state;
    const struct {
        uint32_t tlbi;
        uint32_t dsb;
        size_t errors;
    } cases[] = {
        {OP_TLBI_VAE1IS, OP_DSB_ISH, 0},    {OP_TLBI_VAE1IS, OP_DSB_SY, 0},
        {OP_TLBI_VAE1, OP_DSB_NSH, 0},      {OP_TLBI_VMALLE1, OP_DSB_NSH, 0},
        {OP_TLBI_VMALLE1IS, OP_DSB_ISH, 0}, {OP_TLBI_ASIDE1IS, OP_DSB_ISH, 0},
        {OP_TLBI_VAE1IS, OP_DSB_NSH, 1},    {OP_TLBI_VMALLE1IS, OP_DSB_NSH, 1},
        {OP_TLBI_VAE1IS, OP_DSB_ISHST, 1},  {OP_TLBI_VAE1IS, OP_DSB_ISHLD, 1},
        {OP_TLBI_VAE1, OP_DSB_NSHST, 1},    {OP_TLBI_VAE1, OP_DMB_ISH, 1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        remap(cases[i].tlbi);
        live_insn(&live, cases[i].dsb, 0);
        live_insn(&live, OP_ISB, 0);
        live_read(&live, HIGH_PAGE(1));
        live_expect(&live, COMPLETE, NULL, cases[i].errors, 0, NULL);
    }
}

static void a_cse_is_needed_behind_the_dsb(void **state)
{
    (void)state;
    const struct order_features ets2 = {.ets2 = true};
    remap(OP_TLBI_VAE1IS);
    live_insn(&live, OP_DSB_ISH, 0);
    live_read(&live, HIGH_PAGE(1));
    live_expect(&live, COMPLETE, NULL, 1, 0, "no context synchronization event");
    remap(OP_TLBI_VAE1IS);
    live_insn(&live, OP_DSB_ISH, 0);
    live_read(&live, HIGH_PAGE(1));
    live_expect(&live, COMPLETE, &ets2, 0, 0, NULL);
    remap(OP_TLBI_VAE1IS);
    live_insn(&live, OP_DSB_ISH, 0);
    live_jump(&live, HIGH_PAGE(1)); /* a fetch, also with FEAT_ETS2 */
    live_expect(&live, COMPLETE, &ets2, 1, 0, "fetch");
    remap(OP_TLBI_VAE1IS);
    live_insn(&live, OP_DSB_ISH, 0);
    live_insn(&live, OP_ERET, 0);
    live_read(&live, HIGH_PAGE(1));
    live_clean(&live, COMPLETE);
    remap(OP_TLBI_VAE1IS);
    live_insn(&live, OP_DSB_ISH, 0);
    build_entry(&live.build, 0, 1, LINEAR(UINT64_C(0x40090000)), 0x280);
    live_read(&live, HIGH_PAGE(1));
    live_clean(&live, COMPLETE);
}

static void one_dsb_completes_a_batch(void **state)
{
    (void)state;
    live_begin(&live, 1);
    for (unsigned int i = 0; i < 4; i++) {
        live_word(&live, HIGH_WORD(i), OTHER);
    }
    live_insn(&live, OP_DSB_ISHST, 0);
    for (unsigned int i = 0; i < 4; i++) {
        live_tlbi(&live, OP_TLBI_VALE1IS, HIGH_PAGE(i));
    }
    live_jump(&live, live.pc); /* the DSB's own block */
    live_insn(&live, OP_DSB_ISH, 0);
    live_insn(&live, OP_ISB, 0);
    for (unsigned int i = 0; i < 4; i++) {
        live_read(&live, HIGH_PAGE(i));
    }
    live_clean(&live, COMPLETE);
}

static void uses_that_see_no_difference_are_no_hazard(void **state)
{
    (void)state;
    const uint64_t page = PAGE_AT(1) | PAGE;
    live_begin(&live, 1);
    live_word(&live, HIGH_WORD(1), page | READ_ONLY);
    live_insn(&live, OP_DSB_ISHST, 0);
    live_tlbi(&live, OP_TLBI_VAE1IS, HIGH_PAGE(1));
    live_write(&live, HIGH_PAGE(2)); /* another page */
    live_insn(&live, OP_DSB_ISH, 0);
    live_read(&live, HIGH_PAGE(1)); /* readable before and after: the ISB is not missed */
    live_insn(&live, OP_ISB, 0);
    live_clean(&live, COMPLETE);

    live_begin(&live, 1);
    live_word(&live, HIGH_WORD(1), page | READ_ONLY);
    live_insn(&live, OP_DSB_ISHST, 0);
    live_tlbi(&live, OP_TLBI_VAE1IS, HIGH_PAGE(1));
    live_jump(&live, HIGH_PAGE(1)); /* executable before and after */
    live_read(&live, HIGH_PAGE(1)); /* but no load should go by a TLBI on its way */
    live_expect(&live, COMPLETE, NULL, 1, 0, "read of VA");

    live_begin(&live, 1);
    live_word(&live, HIGH_WORD(1), page & ~ACCESS_FLAG); /* Linux ages pages so, with no DSB */
    live_insn(&live, OP_DSB_ISHST, 0);
    live_tlbi(&live, OP_TLBI_VALE1IS, HIGH_PAGE(1));
    live_insn(&live, OP_MSR(A64_SPSR_EL1, 0), 0);
    live_read(&live, HIGH_PAGE(1));
    live_word(&live, HIGH_WORD(2), 0); /* a subject */
    live_insn(&live, OP_DSB_ISH, 0);
    live_tlbi(&live, OP_TLBI_VALE1IS, HIGH_PAGE(2));
    live_insn(&live, OP_DSB_ISH, 0);
    live_insn(&live, OP_ERET, 0);
    live_clean(&live, COMPLETE);
}

static void user_entries_must_be_gone_before_the_return_to_el0(void **state)
{
    (void)state;
    for (unsigned int fixed = 0; fixed < 2; fixed++) {
        live_begin(&live, 1);
        live_word(&live, LOW_WORD(1), 0);
        live_insn(&live, OP_DSB_ISHST, 0);
        live_tlbi(&live, OP_TLBI_VAE1IS, LOW_PAGE(1));
        if (fixed == 1) {
            live_insn(&live, OP_DSB_ISH, 0); /* no ISB: the ERET is the CSE */
        }
        live_insn(&live, OP_MSR(A64_SPSR_EL1, 0), 0);
        uint64_t consumer_pc = live.pc;
        live_insn(&live, OP_ERET, 0);
        struct order_finding finding = live_expect(&live, COMPLETE, NULL, fixed == 0, 0,
                                                   "between the TLBI and the return to EL0");
        assert_true(fixed == 1 || finding.consumer.pc == consumer_pc);
    }
    live_begin(&live, 1); /* kernel entries are none of EL0's; only the note about the habit */
    live_word(&live, HIGH_WORD(1), 0);
    live_insn(&live, OP_DSB_ISHST, 0);
    live_tlbi(&live, OP_TLBI_VAE1IS, HIGH_PAGE(1));
    live_insn(&live, OP_MSR(A64_SPSR_EL1, 0), 0);
    live_insn(&live, OP_ERET, 0);
    live_expect(&live, COMPLETE, NULL, 0, 1, "context synchronization event behind it");
}

static void boot_with_tlbi(uint32_t dsb, bool isb)
{
    live = (struct live){.el = 1, .pc = UINT64_C(0x40080000)};
    build_begin(&live.build, 1);
    live_tables(&live, NULL);
    live_insn(&live, OP_TLBI_VMALLE1, 0);
    if (dsb != 0) {
        live_insn(&live, dsb, 0);
    }
    if (isb) {
        live_insn(&live, OP_ISB, 0);
    }
    live_insn(&live, OP_MSR(A64_MAIR_EL1, 0), 0xff00);
    live_insn(&live, OP_MSR(A64_TCR_EL1, 0), UINT64_C(0x2b5193519));
    live_insn(&live, OP_MSR(A64_TTBR0_EL1, 0), ROOT_LOW);
    live_insn(&live, OP_MSR(A64_SCTLR_EL1, 0), UINT64_C(0x30d01805));
    live_jump(&live, live.pc);
    live_insn(&live, OP_ISB, 0);
}

static void what_the_tlb_held_at_boot_must_be_gone_before_the_mmu_is_used(void **state)
{
    (void)state;
    boot_with_tlbi(0, true);
    struct order_finding finding = live_expect(&live, COMPLETE, NULL, 1, 0, "no DSB");
    assert_int_equal(finding.write.opcode, OP_TLBI_VMALLE1);
    assert_non_null(strstr(finding.detail, "MMU off"));
    boot_with_tlbi(OP_DSB_NSH, false);
    live_expect(&live, COMPLETE, NULL, 1, 0, "no context synchronization event");
    boot_with_tlbi(OP_DSB_NSHST, true);
    live_expect(&live, COMPLETE, NULL, 1, 0, "no DSB");
    boot_with_tlbi(OP_DSB_NSH, true);
    live_clean(&live, COMPLETE);
    boot_with_tlbi(OP_DSB_SY, true);
    live_clean(&live, COMPLETE);
}

static void another_ttbr_for(uint64_t va, uint64_t ttbr, uint32_t dsb)
{
    const uint64_t words[] = {0, UINT64_C(0x80000000) | BLOCK, UINT64_C(0xc0000000) | BLOCK,
                              UINT64_C(0x40000000) | BLOCK};
    live_begin(&live, 1);
    live_frame(&live, 0x40030000, 1, false, words, 4, NULL);
    live_insn(&live, OP_MSR(A64_TTBR0_EL1, 0), ttbr);
    live_insn(&live, OP_ISB, 0);
    live_insn(&live, OP_TLBI_VMALLE1, 0);
    if (dsb != 0) {
        live_insn(&live, dsb, 0);
    }
    live_insn(&live, OP_ISB, 0);
    live_read(&live, va);
    live_insn(&live, OP_DSB_SY, 0);
    live_insn(&live, OP_ISB, 0);
    live_word(&live, HIGH_WORD(1), 0); /* a subject in any case */
    live_insn(&live, OP_DSB_ISH, 0);
    live_tlbi(&live, OP_TLBI_VAE1IS, HIGH_PAGE(1));
    live_insn(&live, OP_DSB_ISH, 0);
}

static void another_ttbr(uint64_t ttbr, uint32_t dsb)
{
    another_ttbr_for(0x40100000, ttbr, dsb);
}

static void another_table_under_the_same_asid_waits_for_the_tlbi(void **state)
{
    (void)state;
    another_ttbr(0x40030000, 0);
    struct order_finding finding = live_expect(&live, COMPLETE, NULL, 1, 0, "no DSB");
    assert_non_null(strstr(finding.detail, "TTBR0_EL1 was 0x40010000"));
    assert_non_null(strstr(finding.detail, "PA 0x80100000"));
    another_ttbr(0x40030000, OP_DSB_NSH);
    live_clean(&live, COMPLETE);
    another_ttbr(UINT64_C(0x0001000040030000), 0); /* another ASID; the habit is still noted */
    live_expect(&live, COMPLETE, NULL, 0, 1, NULL);
    another_ttbr(ROOT_LOW, 0); /* the same table */
    live_expect(&live, COMPLETE, NULL, 0, 1, NULL);
    another_ttbr_for(0xc0100000, 0x40030000, 0); /* the old root had nothing there to cache */
    live_expect(&live, COMPLETE, NULL, 0, 1, NULL);
    another_ttbr_for(0x80100000, 0x40030000, 0); /* no page there, but tables on the way to it */
    live_expect(&live, COMPLETE, NULL, 1, 0, "no DSB");
}

static void a_tlbi_of_another_cpu_is_its_own_business(void **state)
{
    (void)state;
    live_begin(&live, 2);
    live_word(&live, HIGH_WORD(1), OTHER);
    live_insn(&live, OP_DSB_ISHST, 0);
    live_tlbi(&live, OP_TLBI_VAE1IS, HIGH_PAGE(1));
    live.cpu = 1;
    live_read(&live, HIGH_PAGE(1)); /* may see either until CPU 0's DSB */
    live.cpu = 0;
    live_insn(&live, OP_DSB_ISH, 0);
    live_insn(&live, OP_ISB, 0);
    live_read(&live, HIGH_PAGE(1));
    live_clean(&live, COMPLETE);
}

static void an_unknown_operand_and_an_interrupt(void **state)
{
    (void)state;
    live_begin(&live, 1);
    live_word(&live, HIGH_WORD(1), OTHER);
    live_insn(&live, OP_DSB_ISHST, 0);
    live_unknown(&live, OP_TLBI_VAE1IS);
    live_read(&live, HIGH_PAGE(1));
    live_insn(&live, OP_DSB_ISH, 0);
    live_expect(&live, COMPLETE, NULL, 0, 1, "operand unknown");

    remap(OP_TLBI_VAE1IS); /* between TLBI and DSB an exception, and its return */
    build_entry(&live.build, 0, 1, LINEAR(UINT64_C(0x40090000)), 0x280);
    live_insn(&live, OP_ERET, 0);
    live_insn(&live, OP_DSB_ISH, 0);
    live_insn(&live, OP_ISB, 0);
    live_clean(&live, COMPLETE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tlbi_right_behind_the_store_is_an_error),
        cmocka_unit_test(the_dsb_must_order_stores_in_the_tlbis_domain),
        cmocka_unit_test(only_a_tlbi_for_the_word_counts),
        cmocka_unit_test(a_range_is_compared_with_what_the_word_maps),
        cmocka_unit_test(an_unknown_operand_gives_a_note),
        cmocka_unit_test(stores_that_no_tlb_can_hold_the_old_value_of_need_nothing),
        cmocka_unit_test(a_use_before_the_tlbi_is_complete_is_an_error),
        cmocka_unit_test(the_dsb_must_be_full_and_of_the_tlbis_domain),
        cmocka_unit_test(a_cse_is_needed_behind_the_dsb),
        cmocka_unit_test(one_dsb_completes_a_batch),
        cmocka_unit_test(uses_that_see_no_difference_are_no_hazard),
        cmocka_unit_test(user_entries_must_be_gone_before_the_return_to_el0),
        cmocka_unit_test(what_the_tlb_held_at_boot_must_be_gone_before_the_mmu_is_used),
        cmocka_unit_test(another_table_under_the_same_asid_waits_for_the_tlbi),
        cmocka_unit_test(a_tlbi_of_another_cpu_is_its_own_business),
        cmocka_unit_test(an_unknown_operand_and_an_interrupt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
