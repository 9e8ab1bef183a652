/* hcr-before-use: E2H written at EL2, and names that it redirects. */
#include "boot_trace.h"

#define RULE        "hcr-before-use"
#define E2H         (UINT64_C(1) << 34)
#define RW          (UINT64_C(1) << 31)

#define SCTLR_EL12  A64_SCTLR_EL12
#define CNTKCTL_EL1 A64_SYS(3, 0, 14, 1, 0)
#define CNTV_CTL    A64_SYS(3, 3, 14, 3, 1)
#define CNTHCTL_EL2 A64_SYS(3, 4, 14, 1, 0)
#define TPIDR_EL1   A64_SYS(3, 0, 13, 0, 4)

static struct boot boot;

static uint64_t at_el2(uint32_t opcode, uint64_t value)
{
    uint64_t number = build_insn(&boot.build, 0, 2, boot.pc, opcode, value);
    boot.pc += 4;
    return number;
}

static void each_name_that_e2h_redirects_is_an_error(void **state)
{
    (void)state;
    const struct {
        uint32_t opcode;
        size_t errors;
    } uses[] = {
        {OP_MSR(A64_SCTLR_EL1, 0), 1}, {OP_MRS(A64_VBAR_EL1, 0), 1}, {OP_MSR(CNTKCTL_EL1, 31), 1},
        {OP_MSR(CNTV_CTL, 0), 1},      {OP_MSR(SCTLR_EL12, 0), 1},   {OP_MSR(A64_CPTR_EL2, 0), 0},
        {OP_MSR(CNTHCTL_EL2, 0), 0},   {OP_MRS(A64_TCR_EL2, 0), 0},  {OP_MSR(A64_VBAR_EL2, 0), 0},
        {OP_MSR(TPIDR_EL1, 31), 0},    {OP_MRS(A64_HCR_EL2, 0), 0},
    };
    for (size_t i = 0; i < sizeof(uses) / sizeof(uses[0]); i++) {
        boot_begin(&boot);
        at_el2(OP_MSR(A64_HCR_EL2, 0), RW);
        at_el2(uses[i].opcode, 0);
        const struct order_features lacks = {.no_vhe = true};
        boot_expect_with(&boot, RULE, &lacks, 0, uses[i].errors);
        boot_expect(&boot, RULE, uses[i].errors, 0);
    }
}

static void one_write_is_told_once(void **state)
{
    (void)state;
    boot_begin(&boot);
    uint64_t write = at_el2(OP_MSR(A64_HCR_EL2, 0), RW);
    uint64_t first = at_el2(OP_MSR(A64_SCTLR_EL1, 0), SCTLR_OFF);
    at_el2(OP_MSR(A64_VBAR_EL1, 0), 0);
    struct order_result result = boot_judge(&boot, RULE);
    assert_int_equal(result.finding_count, 1);
    assert_int_equal(result.findings[0].level, ORDER_ERROR);
    assert_true(result.findings[0].write.event == write);
    assert_true(result.findings[0].consumer.event == first);
    assert_int_equal(result.rules[0].consumers, 2);
    order_result_free(&result);
}

/* Read, changed in another bit and written: E2H may be what it was. Once it is known, it is known.
 */
static void what_was_read_may_be_written_back(void **state)
{
    (void)state;
    boot_begin(&boot);
    at_el2(OP_MRS(A64_HCR_EL2, 0), 0);
    at_el2(OP_MSR(A64_HCR_EL2, 0), RW);
    at_el2(OP_MSR(A64_SCTLR_EL1, 0), SCTLR_OFF);
    at_el2(OP_ISB, 0);
    boot_expect_with(&boot, RULE, NULL, 0, 1);
    at_el2(OP_MRS(A64_HCR_EL2, 0), 0);
    at_el2(OP_MSR(A64_HCR_EL2, 0), RW | E2H);
    at_el2(OP_MSR(A64_SCTLR_EL1, 0), SCTLR_OFF);
    boot_expect(&boot, RULE, 1, 1);
}

static void a_cse_ends_it(void **state)
{
    (void)state;
    boot_begin(&boot);
    at_el2(OP_MSR(A64_HCR_EL2, 0), RW);
    at_el2(OP_ISB, 0);
    at_el2(OP_MSR(A64_SCTLR_EL1, 0), SCTLR_OFF);
    boot_expect(&boot, RULE, 0, 0);
}

static void only_a_change_of_e2h_counts(void **state)
{
    (void)state;
    for (unsigned int changes = 0; changes <= 1; changes++) {
        boot_begin(&boot);
        at_el2(OP_MSR(A64_HCR_EL2, 0), RW);
        at_el2(OP_ISB, 0);
        at_el2(OP_MSR(A64_HCR_EL2, 0), changes != 0 ? RW | E2H : RW | 8);
        at_el2(OP_MRS(A64_ELR_EL1, 0), 0);
        boot_expect(&boot, RULE, changes, 0);
    }
}

static void a_value_that_nobody_knows_is_a_note(void **state)
{
    (void)state;
    boot_begin(&boot);
    build_insn_unknown(&boot.build, 0, 2, boot.pc, OP_MSR(A64_HCR_EL2, 0));
    at_el2(OP_MSR(A64_SCTLR_EL1, 0), SCTLR_OFF);
    boot_expect(&boot, RULE, 0, 1);
}

/* EL1's names are EL1's there; a return that is no CSE (FEAT_ExS) goes there with E2H pending. */
static void the_names_are_el1s_own_at_el1(void **state)
{
    (void)state;
    boot_begin(&boot);
    at_el2(OP_MSR(A64_HCR_EL2, 0), RW);
    boot_insn(&boot, OP_MRS(A64_SCTLR_EL1, 0), 0);
    boot_expect(&boot, RULE, 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_name_that_e2h_redirects_is_an_error),
        cmocka_unit_test(one_write_is_told_once),
        cmocka_unit_test(what_was_read_may_be_written_back),
        cmocka_unit_test(a_cse_ends_it),
        cmocka_unit_test(only_a_change_of_e2h_counts),
        cmocka_unit_test(a_value_that_nobody_knows_is_a_note),
        cmocka_unit_test(the_names_are_el1s_own_at_el1),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
