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

static void an_unknown_operand_is_a_note(void **state)
{
    (void)state;
    boot_begin(&boot);
    boot_mmu_on(&boot, true);
    boot_unknown(&boot, OP_MSR(A64_TTBR0_EL1, 0));
    boot_access(&boot, HIGH_DATA, false);
    boot_access(&boot, LOW_DATA, false);
    boot_expect(&boot, RULE, 0, 1);
    /* Known again, over one that was lost. */
    boot_begin(&boot);
    boot_mmu_on(&boot, true);
    boot_unknown(&boot, OP_MSR(A64_TTBR0_EL1, 0));
    boot_isb(&boot);
    boot_msr(&boot, A64_TTBR0_EL1, OTHER_TABLE);
    boot_access(&boot, LOW_DATA, false);
    boot_expect(&boot, RULE, 0, 1);
    /* SCTLR_EL1 unknown: the ISB behind it is no finding. */
    boot_begin(&boot);
    boot_mmu_on(&boot, true);
    boot_unknown(&boot, OP_MSR(A64_SCTLR_EL1, 0));
    boot_isb(&boot);
    boot_access(&boot, LOW_DATA, false);
    boot_expect(&boot, RULE, 0, 0);
}

/* EL2 prepares EL1 and returns to it; its own accesses are not in that regime. */
static void writes_at_el2_for_el1_need_only_the_return(void **state)
{
    (void)state;
    boot_begin(&boot);
    struct build *build = &boot.build;
    uint64_t pc = LOW_VA;
    build_insn(build, 0, 2, pc, OP_MSR(A64_SCTLR_EL2, 0), 0x30c50830);
    build_insn(build, 0, 2, pc + 4, OP_ISB, 0);
    build_insn(build, 0, 2, pc + 8, OP_MSR(A64_TCR_EL1, 0), TCR_VALUE);
    build_insn(build, 0, 2, pc + 12, OP_MSR(A64_MAIR_EL1, 0), MAIR_VALUE);
    build_insn(build, 0, 2, pc + 16, OP_MSR(A64_TTBR0_EL1, 0), LOW_TABLE);
    build_insn(build, 0, 2, pc + 20, OP_MSR(A64_SCTLR_EL1, 0), SCTLR_ON);
    build_access(build, 0, 2, pc + 24, LOW_DATA, LOW_DATA, true);
    build_insn(build, 0, 2, pc + 28, OP_ERET, 0);
    build_access(build, 0, 1, pc + 32, LOW_DATA, LOW_DATA, true);
    boot_expect(&boot, RULE, 0, 0);
}

static void a_control_of_el2_with_its_mmu_on_is_a_note(void **state)
{
    (void)state;
    for (unsigned int synchronized = 0; synchronized <= 1; synchronized++) {
        boot_begin(&boot);
        struct build *build = &boot.build;
        build_insn(build, 0, 2, LOW_VA, OP_MSR(A64_SCTLR_EL2, 0), SCTLR_ON);
        if (synchronized != 0) {
            build_insn(build, 0, 2, LOW_VA + 4, OP_ISB, 0);
        }
        build_access(build, 0, 2, LOW_VA + 8, LOW_DATA, LOW_DATA, true);
        boot_expect(&boot, RULE, 0, 1 - synchronized);
    }
    /* MMU off before and after: nothing of it is used. */
    boot_begin(&boot);
    build_insn(&boot.build, 0, 2, LOW_VA, OP_MSR(A64_TCR_EL2, 0), 1);
    build_access(&boot.build, 0, 2, LOW_VA + 8, LOW_DATA, LOW_DATA, true);
    boot_expect(&boot, RULE, 0, 0);
}

/* A CSE of one CPU does nothing for another. */
static void each_cpu_is_synchronized_by_itself(void **state)
{
    (void)state;
    boot_begin(&boot);
    build_header(&boot.build)->cpus = 2;
    boot_mmu_on(&boot, true);
    boot_msr(&boot, A64_TTBR0_EL1, OTHER_TABLE);
    build_insn(&boot.build, 1, 1, HIGH_VA, OP_ISB, 0);
    build_access(&boot.build, 1, 1, HIGH_VA, LOW_DATA, LOW_DATA, true);
    boot_access(&boot, LOW_DATA, false);
    boot_expect(&boot, RULE, 1, 0);
}

static void the_same_two_places_are_one_finding_counted(void **state)
{
    (void)state;
    boot_begin(&boot);
    boot_mmu_on(&boot, true);
    for (unsigned int i = 0; i < 3; i++) {
        boot.pc = HIGH_VA + 0x100;
        boot_msr(&boot, A64_TTBR0_EL1, i % 2 == 0 ? OTHER_TABLE : LOW_TABLE);
        boot_access(&boot, LOW_DATA, false);
        boot_access(&boot, LOW_DATA + 8, false);
        boot_insn(&boot, OP_ISB, 0);
    }
    struct order_result result = boot_judge(&boot, RULE);
    assert_int_equal(result.finding_count, 1);
    assert_int_equal(result.findings[0].count, 3);
    order_result_free(&result);
}

static void it_is_not_judged_without_accesses_or_operands(void **state)
{
    (void)state;
    const uint32_t lacking[] = {TRACE_STORES, TRACE_OPERANDS};
    for (size_t i = 0; i < 2; i++) {
        struct order_result result;
        boot_begin(&boot);
        build_header(&boot.build)->flags &= ~lacking[i];
        boot_mmu_on(&boot, true);
        build_judge(&boot.build, RULE, NULL, &result);
        assert_false(result.rules[0].judged);
        assert_true(strlen(result.rules[0].why_not) > 0);
        order_result_free(&result);
    }
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
        cmocka_unit_test(an_unknown_operand_is_a_note),
        cmocka_unit_test(writes_at_el2_for_el1_need_only_the_return),
        cmocka_unit_test(a_control_of_el2_with_its_mmu_on_is_a_note),
        cmocka_unit_test(each_cpu_is_synchronized_by_itself),
        cmocka_unit_test(the_same_two_places_are_one_finding_counted),
        cmocka_unit_test(it_is_not_judged_without_accesses_or_operands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
