/*
 * sysreg-before-use: what it says where the trace does not tell enough, at which levels and on
 * which CPU it applies, and how often it reports.
 */
#include "boot_trace.h"

#define RULE "sysreg-before-use"

static struct boot boot;

static void what_the_tables_do_not_explain_is_not_judged(void **state)
{
    (void)state;
    boot_begin(&boot);
    boot_mmu_on(&boot, true);
    boot_msr(&boot, A64_TTBR0_EL1, EMPTY_TABLE);
    boot_access(&boot, LOW_DATA, false); /* done, though no entry grants it */
    boot_expect(&boot, RULE, 0, 0);
}

static void an_old_table_that_was_left_out_of_the_trace_is_a_note(void **state)
{
    (void)state;
    for (unsigned int cut = 0; cut <= 1; cut++) {
        boot_begin(&boot);
        boot_mmu_on(&boot, true);
        boot_msr(&boot, A64_TTBR0_EL1, 0x7fff0000);
        boot_isb(&boot);
        boot_msr(&boot, A64_TTBR0_EL1, LOW_TABLE);
        boot_access(&boot, LOW_DATA, true);
        build_header(&boot.build)->flags |= cut != 0 ? TRACE_TABLES_CUT : 0;
        boot_expect(&boot, RULE, 1 - cut, cut);
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
    /* Nor is EL3 in it. */
    boot_begin(&boot);
    boot_mmu_on(&boot, true);
    boot_msr(&boot, A64_TTBR0_EL1, OTHER_TABLE);
    build_access(&boot.build, 0, 3, pc, LOW_DATA, LOW_DATA, true);
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
        cmocka_unit_test(what_the_tables_do_not_explain_is_not_judged),
        cmocka_unit_test(an_old_table_that_was_left_out_of_the_trace_is_a_note),
        cmocka_unit_test(an_unknown_operand_is_a_note),
        cmocka_unit_test(writes_at_el2_for_el1_need_only_the_return),
        cmocka_unit_test(a_control_of_el2_with_its_mmu_on_is_a_note),
        cmocka_unit_test(each_cpu_is_synchronized_by_itself),
        cmocka_unit_test(the_same_two_places_are_one_finding_counted),
        cmocka_unit_test(it_is_not_judged_without_accesses_or_operands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
