/* null-regime: the low half freed in each way, and uses of it before and after. */
#include "boot_trace.h"

#define RULE "null-regime"
#define EPD0 UINT64_C(0x80)

static struct boot boot;

/* In the high half, with the low one freed by an empty table, or as `table` says. */
static void free_low_half(uint64_t table)
{
    boot_begin(&boot);
    boot_mmu_on(&boot, true);
    boot_msr(&boot, A64_TTBR0_EL1, table);
    boot_isb(&boot);
}

static void a_low_access_in_the_freed_half_is_an_error(void **state)
{
    (void)state;
    free_low_half(EMPTY_TABLE);
    boot_access(&boot, 0x10, true);
    boot_access(&boot, HIGH_DATA, true);
    boot_expect(&boot, RULE, 1, 0);
    /* By a table that nobody knows. */
    free_low_half(0x7fff0000);
    boot_access(&boot, 0x10, false);
    boot_expect(&boot, RULE, 1, 0);
    /* By code. */
    free_low_half(EMPTY_TABLE);
    boot.pc = LOW_VA;
    boot_block(&boot);
    boot_expect(&boot, RULE, 1, 0);
    /* By TCR_EL1.EPD0. */
    boot_begin(&boot);
    boot_mmu_on(&boot, true);
    boot_msr(&boot, A64_TCR_EL1, TCR_VALUE | EPD0);
    boot_isb(&boot);
    boot_access(&boot, LOW_DATA, false);
    boot_expect(&boot, RULE, 1, 0);
}

static void a_low_access_with_a_task_installed_is_clean(void **state)
{
    (void)state;
    free_low_half(EMPTY_TABLE);
    boot_msr(&boot, A64_TTBR0_EL1, OTHER_TABLE);
    boot_isb(&boot);
    boot_access(&boot, LOW_DATA, true);
    boot_expect(&boot, RULE, 0, 0);

    boot_begin(&boot);
    boot_mmu_on(&boot, true);
    boot_msr(&boot, A64_TCR_EL1, TCR_VALUE | EPD0);
    boot_isb(&boot);
    boot_msr(&boot, A64_TCR_EL1, TCR_VALUE);
    boot_isb(&boot);
    boot_access(&boot, LOW_DATA, false);
    boot_expect(&boot, RULE, 0, 0);
}

static void a_table_that_is_filled_while_it_is_live_is_clean(void **state)
{
    (void)state;
    free_low_half(EMPTY_TABLE);
    boot_access(&boot, LOW_DATA, true); /* too early */
    build_store_table(&boot.build, 0, 1, boot.pc, HIGH_DATA, EMPTY_TABLE + 8,
                      UINT64_C(0x40000000) | BLOCK_NORMAL);
    boot_access(&boot, LOW_DATA, true);
    boot_expect(&boot, RULE, 1, 0);
}

static void before_the_high_half_runs_the_low_one_is_not_free(void **state)
{
    (void)state;
    boot_begin(&boot);
    boot_mmu_on(&boot, false);
    boot_access(&boot, LOW_DATA, true);
    boot.pc = HIGH_VA;
    boot_insn(&boot, OP_DSB_SY, 0);
    boot_access(&boot, LOW_DATA, true); /* not freed yet */
    boot_msr(&boot, A64_TTBR0_EL1, EMPTY_TABLE);
    boot_expect(&boot, RULE, 0, 0);
}

static void the_table_there_was_is_not_freed_by_another_asid(void **state)
{
    (void)state;
    const uint64_t unknown = 0x7fff0000;
    const uint64_t asid = UINT64_C(5) << 48;
    boot_begin(&boot);
    boot_msr(&boot, A64_TTBR0_EL1, unknown);
    boot_isb(&boot);
    boot_mmu_on(&boot, true);
    boot_msr(&boot, A64_TTBR0_EL1, unknown);
    boot_isb(&boot);
    boot_msr(&boot, A64_TTBR0_EL1, unknown | asid); /* and what is free stays so */
    boot_isb(&boot);
    boot_access(&boot, LOW_DATA, true);
    boot_expect(&boot, RULE, 1, 0);

    boot_begin(&boot);
    boot_msr(&boot, A64_MAIR_EL1, MAIR_VALUE);
    boot_msr(&boot, A64_TCR_EL1, TCR_VALUE);
    boot_msr(&boot, A64_TTBR0_EL1, unknown);
    boot_msr(&boot, A64_TTBR1_EL1, HIGH_TABLE);
    boot_msr(&boot, A64_SCTLR_EL1, SCTLR_ON);
    boot.pc = HIGH_VA;
    boot_insn(&boot, OP_ISB, 0);
    boot_msr(&boot, A64_TTBR0_EL1, unknown | asid);
    boot_isb(&boot);
    boot_access(&boot, LOW_DATA, true);
    boot_expect(&boot, RULE, 0, 0);
}

static void with_the_mmu_off_no_half_is_free(void **state)
{
    (void)state;
    free_low_half(EMPTY_TABLE);
    boot_msr(&boot, A64_SCTLR_EL1, SCTLR_OFF);
    boot_isb(&boot);
    boot_access(&boot, LOW_DATA, true);
    boot_expect(&boot, RULE, 0, 0);
}

static void a_synchronous_exception_in_the_freed_half_is_a_note(void **state)
{
    (void)state;
    free_low_half(EMPTY_TABLE);
    build_entry(&boot.build, 0, 1, VBAR_VALUE, 0x200);
    boot_expect(&boot, RULE, 0, 1);
    /* A call, an interrupt, and one from EL0 are none. */
    free_low_half(EMPTY_TABLE);
    boot_insn(&boot, OP_SVC, 0);
    build_entry(&boot.build, 0, 1, VBAR_VALUE, 0x200);
    build_entry(&boot.build, 0, 1, VBAR_VALUE, 0x280);
    build_entry(&boot.build, 0, 1, VBAR_VALUE, 0x400);
    boot_expect(&boot, RULE, 0, 0);
}

static void an_unknown_table_is_not_judged(void **state)
{
    (void)state;
    boot_begin(&boot);
    boot_mmu_on(&boot, true);
    boot_unknown(&boot, OP_MSR(A64_TTBR0_EL1, 0));
    boot_isb(&boot);
    boot_access(&boot, LOW_DATA, true);
    boot_expect(&boot, RULE, 0, 0);
    /* Nor one that the plugin may have left out. */
    free_low_half(0x7fff0000);
    build_header(&boot.build)->flags |= TRACE_TABLES_CUT;
    boot_access(&boot, LOW_DATA, true);
    boot_expect(&boot, RULE, 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_low_access_in_the_freed_half_is_an_error),
        cmocka_unit_test(a_low_access_with_a_task_installed_is_clean),
        cmocka_unit_test(a_table_that_is_filled_while_it_is_live_is_clean),
        cmocka_unit_test(before_the_high_half_runs_the_low_one_is_not_free),
        cmocka_unit_test(the_table_there_was_is_not_freed_by_another_asid),
        cmocka_unit_test(with_the_mmu_off_no_half_is_free),
        cmocka_unit_test(a_synchronous_exception_in_the_freed_half_is_a_note),
        cmocka_unit_test(an_unknown_table_is_not_judged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
