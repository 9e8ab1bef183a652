/* at-before-par: PAR_EL1 read too early, in time, and reads that look alike. */
#include "boot_trace.h"

#define RULE       "at-before-par"
#define OP_MRS_PAR OP_MRS(A64_PAR_EL1, 1)

static struct boot boot;

static void a_read_right_behind_the_at_is_an_error(void **state)
{
    (void)state;
    boot_begin(&boot);
    uint64_t at = boot_insn(&boot, OP_AT_S1E1R, HIGH_DATA);
    boot_insn(&boot, OP_DSB_SY, 0);
    uint64_t read = boot_insn(&boot, OP_MRS_PAR, 0);
    struct order_result result = boot_judge(&boot, RULE);
    assert_int_equal(result.finding_count, 1);
    assert_int_equal(result.findings[0].level, ORDER_ERROR);
    assert_true(result.findings[0].write.event == at && result.findings[0].consumer.event == read);
    assert_true(result.findings[0].write.address == HIGH_DATA);
    assert_int_equal(result.rules[0].consumers, 1);
    order_result_free(&result);
}

static void a_cse_between_them_is_enough(void **state)
{
    (void)state;
    boot_begin(&boot);
    boot_insn(&boot, OP_AT_S1E1R, HIGH_DATA);
    boot_insn(&boot, OP_ISB, 0);
    boot_insn(&boot, OP_MRS_PAR, 0);
    boot_expect(&boot, RULE, 0, 0);
    boot_begin(&boot);
    boot_insn(&boot, OP_AT_S1E1R, HIGH_DATA);
    build_entry(&boot.build, 0, 1, VBAR_VALUE, 0x280);
    boot_insn(&boot, OP_MRS_PAR, 0);
    boot_expect(&boot, RULE, 0, 0);
}

static void a_read_before_the_at_or_of_what_was_written_is_clean(void **state)
{
    (void)state;
    boot_begin(&boot);
    boot_insn(&boot, OP_MRS_PAR, 0); /* to save it */
    boot_insn(&boot, OP_AT_S1E1R, HIGH_DATA);
    boot_insn(&boot, OP_MRS(A64_TTBR0_EL1, 1), 0);
    boot_msr(&boot, A64_PAR_EL1, 0); /* and put it back */
    boot_insn(&boot, OP_MRS_PAR, 0);
    boot_expect(&boot, RULE, 0, 0);
}

static void another_cpu_has_a_register_of_its_own(void **state)
{
    (void)state;
    boot_begin(&boot);
    build_header(&boot.build)->cpus = 2;
    boot_insn(&boot, OP_AT_S1E1R, HIGH_DATA);
    build_insn(&boot.build, 1, 1, LOW_VA, OP_MRS_PAR, 0);
    build_insn(&boot.build, 1, 1, LOW_VA, OP_ISB, 0);
    boot_insn(&boot, OP_MRS_PAR, 0);
    boot_expect(&boot, RULE, 1, 0);
}

static void an_unknown_address_is_the_same_error(void **state)
{
    (void)state;
    boot_begin(&boot);
    boot_unknown(&boot, OP_AT_S1E1R);
    boot_insn(&boot, OP_MRS_PAR, 0);
    boot_expect(&boot, RULE, 1, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_read_right_behind_the_at_is_an_error),
        cmocka_unit_test(a_cse_between_them_is_enough),
        cmocka_unit_test(a_read_before_the_at_or_of_what_was_written_is_clean),
        cmocka_unit_test(another_cpu_has_a_register_of_its_own),
        cmocka_unit_test(an_unknown_address_is_the_same_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
