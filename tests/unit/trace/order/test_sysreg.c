/* sysreg-before-use: each hazard, its smallest repair, and sequences that look alike and are right.
 */
#include "boot_trace.h"

#define RULE "sysreg-before-use"

static struct boot boot;

static void assert_says(const char *text, const char *words)
{
    if (strstr(text, words) == NULL) {
        fail_msg("'%s' does not say '%s'", text, words);
    }
}

static void a_boot_with_its_barriers_is_clean(void **state)
{
    (void)state;
    boot_begin(&boot);
    boot_mmu_on(&boot, true);
    boot_access(&boot, HIGH_DATA, true);
    boot_expect(&boot, RULE, 0, 0);
}

static void a_load_right_behind_the_mmu_on_is_an_error(void **state)
{
    (void)state;
    boot_begin(&boot);
    boot_msr(&boot, A64_MAIR_EL1, MAIR_VALUE);
    boot_msr(&boot, A64_TCR_EL1, TCR_VALUE);
    boot_msr(&boot, A64_TTBR0_EL1, LOW_TABLE);
    boot_isb(&boot);
    uint64_t write_pc = boot.pc;
    boot_msr(&boot, A64_SCTLR_EL1, SCTLR_ON);
    uint64_t consumer_pc = boot.pc;
    boot_access(&boot, LOW_DATA, false);
    boot_isb(&boot);
    struct order_result result = boot_judge(&boot, RULE);
    assert_int_equal(result.finding_count, 1);
    const struct order_finding *finding = &result.findings[0];
    assert_int_equal(finding->level, ORDER_ERROR);
    assert_true(finding->write.pc == write_pc && finding->consumer.pc == consumer_pc);
    assert_int_equal(finding->write.opcode, OP_MSR(A64_SCTLR_EL1, 0));
    assert_true(finding->consumer.has_address && finding->consumer.address == LOW_DATA);
    assert_says(finding->missing, "between the write of SCTLR_EL1 and the load");
    assert_says(finding->detail, "Normal Cacheable, inner shareable");
    assert_says(finding->detail, "may be PA 0x40100000 as Device-nGnRnE");
    order_result_free(&result);
}

static void a_device_is_the_same_with_the_mmu_off(void **state)
{
    (void)state;
    boot_begin(&boot);
    boot_msr(&boot, A64_MAIR_EL1, MAIR_VALUE);
    boot_msr(&boot, A64_TCR_EL1, TCR_VALUE);
    boot_msr(&boot, A64_TTBR0_EL1, LOW_TABLE);
    boot_isb(&boot);
    boot_msr(&boot, A64_SCTLR_EL1, SCTLR_ON);
    boot_access(&boot, DEVICE_VA, true);
    boot_isb(&boot);
    boot_expect(&boot, RULE, 0, 0);
}

/* No ISB between TCR, TTBR0 and SCTLR: the ISB's own fetch may go by a TCR of reset. */
static void the_isb_behind_mmu_on_needs_the_older_writes_synchronized(void **state)
{
    (void)state;
    boot_begin(&boot);
    boot_msr(&boot, A64_MAIR_EL1, MAIR_VALUE);
    boot_msr(&boot, A64_TTBR0_EL1, LOW_TABLE);
    boot_isb(&boot);
    boot_msr(&boot, A64_TCR_EL1, TCR_VALUE);
    boot_msr(&boot, A64_SCTLR_EL1, SCTLR_ON);
    boot_isb(&boot);
    struct order_result result = boot_judge(&boot, RULE);
    assert_int_equal(result.finding_count, 1);
    assert_int_equal(result.findings[0].level, ORDER_ERROR);
    assert_says(result.findings[0].missing, "write of TCR_EL1 and the instruction fetch");
    assert_int_equal(result.findings[0].consumer.opcode, OP_ISB);
    order_result_free(&result);
}

/* MAIR has no say in where a fetch goes, and TTBR1 none in the low half. */
static void the_isb_behind_mmu_on_does_not_need_mair_or_the_other_half(void **state)
{
    (void)state;
    boot_begin(&boot);
    boot_msr(&boot, A64_TCR_EL1, TCR_VALUE);
    boot_msr(&boot, A64_TTBR0_EL1, LOW_TABLE);
    boot_isb(&boot);
    boot_msr(&boot, A64_MAIR_EL1, MAIR_VALUE);
    boot_msr(&boot, A64_TTBR1_EL1, HIGH_TABLE);
    boot_msr(&boot, A64_SCTLR_EL1, SCTLR_ON);
    boot_isb(&boot);
    boot_access(&boot, LOW_DATA, true);
    boot_expect(&boot, RULE, 0, 0);
}

static void an_mmu_on_where_the_code_is_not_mapped_is_an_error(void **state)
{
    (void)state;
    boot_begin(&boot);
    boot_msr(&boot, A64_MAIR_EL1, MAIR_VALUE);
    boot_msr(&boot, A64_TCR_EL1, TCR_VALUE);
    boot_msr(&boot, A64_TTBR0_EL1, OTHER_TABLE);
    boot_isb(&boot);
    boot_msr(&boot, A64_SCTLR_EL1, SCTLR_ON);
    boot_isb(&boot);
    struct order_result result = boot_judge(&boot, RULE);
    assert_int_equal(result.finding_count, 1);
    assert_says(result.findings[0].detail, "PA 0x80080014");
    order_result_free(&result);
}

static void change_ttbr0(bool synchronized, uint64_t table, uint64_t va)
{
    boot_begin(&boot);
    boot_mmu_on(&boot, true);
    boot_msr(&boot, A64_TTBR0_EL1, table);
    if (synchronized) {
        boot_isb(&boot);
    }
    boot_access(&boot, va, false);
    boot_isb(&boot);
}

static void an_access_through_the_new_ttbr0_needs_an_isb(void **state)
{
    (void)state;
    change_ttbr0(false, OTHER_TABLE, LOW_DATA);
    boot_expect(&boot, RULE, 1, 0);
    change_ttbr0(true, OTHER_TABLE, LOW_DATA);
    boot_expect(&boot, RULE, 0, 0);
    /* The other half, and what both tables map alike. */
    change_ttbr0(false, OTHER_TABLE, HIGH_DATA);
    boot_expect(&boot, RULE, 0, 0);
    change_ttbr0(false, OTHER_TABLE, DEVICE_VA);
    boot_expect(&boot, RULE, 0, 0);
    /* Another ASID with the same table is another value and the same walk. */
    change_ttbr0(false, LOW_TABLE | UINT64_C(5) << 48, LOW_DATA);
    boot_expect(&boot, RULE, 0, 0);
}

static void a_table_let_go_is_still_what_the_old_ttbr0_leads_to(void **state)
{
    (void)state;
    boot_begin(&boot);
    boot_mmu_on(&boot, true);
    boot_msr(&boot, A64_TTBR0_EL1, OTHER_TABLE);
    build_frame_gone(&boot.build, 0, LOW_TABLE);
    boot_access(&boot, DEVICE_VA, false);
    boot_expect(&boot, RULE, 0, 0);
    boot_begin(&boot);
    boot_mmu_on(&boot, true);
    boot_msr(&boot, A64_TTBR0_EL1, OTHER_TABLE);
    build_frame_gone(&boot.build, 0, LOW_TABLE);
    boot_access(&boot, LOW_DATA, false);
    boot_expect(&boot, RULE, 1, 0);
}

static void a_read_back_does_not_synchronize_and_a_return_does(void **state)
{
    (void)state;
    boot_begin(&boot);
    boot_mmu_on(&boot, true);
    boot_msr(&boot, A64_TTBR0_EL1, OTHER_TABLE);
    boot_insn(&boot, OP_MRS(A64_TTBR0_EL1, 1), 0);
    boot_insn(&boot, OP_DSB_SY, 0);
    boot_access(&boot, LOW_DATA, false);
    boot_expect(&boot, RULE, 1, 0);

    boot_begin(&boot);
    boot_mmu_on(&boot, true);
    boot_msr(&boot, A64_TTBR0_EL1, OTHER_TABLE);
    boot_insn(&boot, OP_MRS(A64_TTBR0_EL1, 1), 0);
    boot_insn(&boot, OP_ERET, 0);
    build_access(&boot.build, 0, 0, LOW_VA, LOW_DATA, LOW_DATA, false);
    boot_expect(&boot, RULE, 0, 0);

    boot_begin(&boot);
    boot_mmu_on(&boot, true);
    boot_msr(&boot, A64_TTBR0_EL1, OTHER_TABLE);
    build_entry(&boot.build, 0, 1, VBAR_VALUE, 0x280);
    boot_access(&boot, LOW_DATA, false);
    boot_expect(&boot, RULE, 0, 0);
}

static void a_write_that_changes_nothing_is_no_hazard(void **state)
{
    (void)state;
    boot_begin(&boot);
    boot_mmu_on(&boot, true);
    boot_msr(&boot, A64_TTBR0_EL1, LOW_TABLE);
    boot_msr(&boot, A64_TCR_EL1, TCR_VALUE);
    boot_msr(&boot, A64_MAIR_EL1, MAIR_VALUE);
    boot_msr(&boot, A64_SCTLR_EL1, SCTLR_ON & ~FIELD_I);
    boot_access(&boot, LOW_DATA, true);
    boot_expect(&boot, RULE, 0, 0);
}

static void one_isb_serves_many_writes(void **state)
{
    (void)state;
    boot_begin(&boot);
    boot_mmu_on(&boot, true);
    boot_msr(&boot, A64_TTBR0_EL1, OTHER_TABLE);
    boot_msr(&boot, A64_MAIR_EL1, 0x4400);
    boot_msr(&boot, A64_SCTLR_EL1, SCTLR_ON & ~FIELD_C);
    boot_isb(&boot);
    boot_access(&boot, LOW_DATA, true);
    boot_expect(&boot, RULE, 0, 0);
}

static void memory_type_and_cacheability_count_for_data_only(void **state)
{
    (void)state;
    for (unsigned int fetch = 0; fetch <= 1; fetch++) {
        boot_begin(&boot);
        boot_mmu_on(&boot, true);
        boot_msr(&boot, A64_MAIR_EL1, 0x4400);
        fetch != 0 ? boot_block(&boot) : boot_access(&boot, HIGH_DATA, true);
        boot_isb(&boot);
        boot_expect(&boot, RULE, fetch != 0 ? 0 : 1, 0);

        boot_begin(&boot);
        boot_mmu_on(&boot, true);
        boot_msr(&boot, A64_SCTLR_EL1, SCTLR_ON & ~FIELD_C);
        fetch != 0 ? boot_block(&boot) : boot_access(&boot, HIGH_DATA, true);
        boot_isb(&boot);
        boot_expect(&boot, RULE, fetch != 0 ? 0 : 1, 0);
    }
}

/* SCTLR_EL1.WXN: old value 1 forbids to execute what is writable. */
static void a_right_to_execute_counts_for_a_fetch_only(void **state)
{
    (void)state;
    const uint64_t wxn = UINT64_C(1) << 19;
    for (unsigned int fetch = 0; fetch <= 1; fetch++) {
        boot_begin(&boot);
        boot_msr(&boot, A64_SCTLR_EL1, SCTLR_OFF | wxn);
        boot_mmu_on(&boot, false);
        boot_msr(&boot, A64_SCTLR_EL1, SCTLR_ON | wxn);
        boot_insn(&boot, OP_ISB, 0); /* without its block: the model cannot run on under WXN */
        boot_msr(&boot, A64_SCTLR_EL1, SCTLR_ON);
        fetch != 0 ? boot_block(&boot) : boot_access(&boot, HIGH_DATA, true);
        boot_expect(&boot, RULE, fetch, 0);
    }
}

static void dc_zva_is_a_store_and_dc_by_address_a_translation(void **state)
{
    (void)state;
    const struct {
        uint32_t opcode;
        uint64_t va;
        size_t errors;
    } cases[] = {
        {OP_SYS(3, 7, 4, 1, 0), LOW_DATA, 1},
        {OP_SYS(3, 7, 4, 1, 0), HIGH_DATA, 0},
        {OP_DC_CVAC, LOW_DATA, 1},
        {OP_DC_CVAC, DEVICE_VA, 0},
        {OP_AT_S1E1R, LOW_DATA, 1},
        {OP_AT_S1E1R, HIGH_DATA, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        boot_begin(&boot);
        boot_mmu_on(&boot, true);
        boot_msr(&boot, A64_TTBR0_EL1, OTHER_TABLE);
        boot_insn(&boot, cases[i].opcode, cases[i].va);
        boot_expect(&boot, RULE, cases[i].errors, 0);
    }
}

/* Either of two old values alone is enough: the write to mend is the one the ISB belongs behind. */
static void the_newest_write_of_the_smallest_combination_is_named(void **state)
{
    (void)state;
    const struct {
        uint32_t first;
        uint64_t first_value;
        uint32_t second;
        uint64_t second_value;
        const char *named;
    } cases[] = {
        {A64_TTBR0_EL1, OTHER_TABLE, A64_SCTLR_EL1, SCTLR_ON & ~FIELD_C, "write of SCTLR_EL1"},
        {A64_SCTLR_EL1, SCTLR_ON & ~FIELD_C, A64_TTBR0_EL1, OTHER_TABLE, "write of TTBR0_EL1"},
        /* An attribute that no descriptor names changes nothing by itself. */
        {A64_TTBR0_EL1, OTHER_TABLE, A64_MAIR_EL1, MAIR_VALUE | 0x440000, "write of TTBR0_EL1"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        boot_begin(&boot);
        boot_mmu_on(&boot, true);
        boot_msr(&boot, cases[i].first, cases[i].first_value);
        boot_msr(&boot, cases[i].second, cases[i].second_value);
        boot_access(&boot, LOW_DATA, true);
        struct order_result result = boot_judge(&boot, RULE);
        assert_int_equal(result.finding_count, 1);
        assert_says(result.findings[0].missing, cases[i].named);
        order_result_free(&result);
    }
}

static void a_store_to_a_table_is_seen_by_the_next_access(void **state)
{
    (void)state;
    boot_begin(&boot);
    boot_mmu_on(&boot, true);
    boot_msr(&boot, A64_TTBR0_EL1, OTHER_TABLE);
    boot_access(&boot, DEVICE_VA, false);
    build_store_table(&boot.build, 0, 1, boot.pc, HIGH_DATA, OTHER_TABLE,
                      UINT64_C(0x40000000) | BLOCK_DEVICE);
    boot_access(&boot, DEVICE_VA, false);
    boot_expect(&boot, RULE, 1, 0);
}

static void a_block_is_fetched_up_to_its_last_instruction(void **state)
{
    (void)state;
    boot_begin(&boot);
    boot_mmu_on(&boot, true);
    boot_msr(&boot, A64_TTBR0_EL1, OTHER_TABLE);
    boot.pc = 0x40000000 - 8; /* its first two are Device memory by both */
    boot_block(&boot);
    struct order_result result = boot_judge(&boot, RULE);
    assert_int_equal(result.finding_count, 1);
    assert_true(result.findings[0].consumer.pc == 0x40000004);
    assert_int_equal(result.findings[0].consumer.opcode, OP_NOP);
    order_result_free(&result);
}

static void non_cacheable_memory_is_the_same_with_caches_off(void **state)
{
    (void)state;
    boot_begin(&boot);
    boot_mmu_on(&boot, true);
    boot_msr(&boot, A64_MAIR_EL1, 0x4400);
    boot_isb(&boot);
    boot_msr(&boot, A64_SCTLR_EL1, SCTLR_ON & ~FIELD_C);
    boot_access(&boot, LOW_DATA, true);
    boot_expect(&boot, RULE, 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_boot_with_its_barriers_is_clean),
        cmocka_unit_test(a_load_right_behind_the_mmu_on_is_an_error),
        cmocka_unit_test(a_device_is_the_same_with_the_mmu_off),
        cmocka_unit_test(the_isb_behind_mmu_on_needs_the_older_writes_synchronized),
        cmocka_unit_test(the_isb_behind_mmu_on_does_not_need_mair_or_the_other_half),
        cmocka_unit_test(an_mmu_on_where_the_code_is_not_mapped_is_an_error),
        cmocka_unit_test(an_access_through_the_new_ttbr0_needs_an_isb),
        cmocka_unit_test(a_table_let_go_is_still_what_the_old_ttbr0_leads_to),
        cmocka_unit_test(a_read_back_does_not_synchronize_and_a_return_does),
        cmocka_unit_test(a_write_that_changes_nothing_is_no_hazard),
        cmocka_unit_test(one_isb_serves_many_writes),
        cmocka_unit_test(memory_type_and_cacheability_count_for_data_only),
        cmocka_unit_test(a_right_to_execute_counts_for_a_fetch_only),
        cmocka_unit_test(dc_zva_is_a_store_and_dc_by_address_a_translation),
        cmocka_unit_test(the_newest_write_of_the_smallest_combination_is_named),
        cmocka_unit_test(a_store_to_a_table_is_seen_by_the_next_access),
        cmocka_unit_test(a_block_is_fetched_up_to_its_last_instruction),
        cmocka_unit_test(non_cacheable_memory_is_the_same_with_caches_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
