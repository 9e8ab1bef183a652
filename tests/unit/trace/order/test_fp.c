/* fp-before-use: a trap changed and used, repaired, and what looks alike. */
#include "boot_trace.h"

#define RULE "fp-before-use"

enum { FPEN = 0x300000, TTA = 0x10000000, TFP = 0x400 };

static struct boot boot;

static void fp_block(uint8_t el)
{
    const uint32_t opcodes[] = {OP_NOP, OP_FMOV_D0_X0, OP_RET};
    build_block(&boot.build, 0, el, boot.pc, boot.pc, opcodes, 3);
    boot.pc += sizeof(opcodes);
}

static void an_instruction_behind_the_write_is_an_error(void **state)
{
    (void)state;
    boot_begin(&boot);
    boot_msr(&boot, A64_CPACR_EL1, FPEN);
    boot_block(&boot); /* of NOPs */
    uint64_t pc = boot.pc + 4;
    fp_block(1);
    struct order_result result = boot_judge(&boot, RULE);
    assert_int_equal(result.finding_count, 1);
    assert_int_equal(result.findings[0].level, ORDER_ERROR);
    assert_true(result.findings[0].consumer.pc == pc);
    assert_int_equal(result.findings[0].consumer.opcode, OP_FMOV_D0_X0);
    order_result_free(&result);
}

static void a_cse_between_them_is_enough(void **state)
{
    (void)state;
    const uint32_t cses[] = {OP_ISB, OP_ERET};
    for (size_t i = 0; i < 2; i++) {
        boot_begin(&boot);
        boot_msr(&boot, A64_CPACR_EL1, FPEN);
        boot_insn(&boot, cses[i], 0);
        fp_block(1);
        boot_expect(&boot, RULE, 0, 0);
    }
    /* In the block itself. */
    const uint32_t opcodes[] = {OP_ISB, OP_FMOV_D0_X0};
    boot_begin(&boot);
    boot_msr(&boot, A64_CPACR_EL1, FPEN);
    build_block(&boot.build, 0, 1, boot.pc, boot.pc, opcodes, 2);
    boot_insn(&boot, OP_ISB, 0);
    boot_expect(&boot, RULE, 0, 0);
    /* The exception that the instruction raised. */
    boot_begin(&boot);
    boot_msr(&boot, A64_CPACR_EL1, FPEN);
    build_entry(&boot.build, 0, 1, VBAR_VALUE, 0x200);
    fp_block(1);
    boot_expect(&boot, RULE, 0, 0);
}

static void loads_and_stores_of_vectors_count(void **state)
{
    (void)state;
    const uint32_t load = OP_LDR_Q0_X0;
    boot_begin(&boot);
    boot_msr(&boot, A64_CPACR_EL1, FPEN);
    build_block(&boot.build, 0, 1, boot.pc, boot.pc, &load, 1);
    boot_expect(&boot, RULE, 1, 0);
}

static void bits_that_trap_no_vectors_do_not_count(void **state)
{
    (void)state;
    boot_begin(&boot);
    boot_msr(&boot, A64_CPACR_EL1, FPEN);
    boot_isb(&boot);
    boot_msr(&boot, A64_CPACR_EL1, FPEN | TTA);
    fp_block(1);
    boot_expect(&boot, RULE, 0, 0);
}

static void a_read_back_does_not_synchronize(void **state)
{
    (void)state;
    boot_begin(&boot);
    boot_msr(&boot, A64_CPACR_EL1, FPEN);
    boot_insn(&boot, OP_MRS(A64_CPACR_EL1, 1), 0);
    fp_block(1);
    boot_expect(&boot, RULE, 1, 0);
}

static void el2_has_a_register_of_its_own(void **state)
{
    (void)state;
    boot_begin(&boot);
    build_insn(&boot.build, 0, 2, boot.pc, OP_MSR(A64_CPTR_EL2, 0), 0x33ff & ~TFP);
    fp_block(2);
    boot_expect(&boot, RULE, 1, 0);
    /* CPACR_EL1 says nothing about EL2. */
    boot_begin(&boot);
    build_insn(&boot.build, 0, 2, boot.pc, OP_MSR(A64_CPTR_EL2, 0), 0x33ff & ~TFP);
    build_insn(&boot.build, 0, 2, boot.pc, OP_ISB, 0);
    build_insn(&boot.build, 0, 2, boot.pc, OP_MSR(A64_CPACR_EL1, 0), FPEN);
    fp_block(2);
    build_insn(&boot.build, 0, 2, boot.pc, OP_ERET, 0);
    fp_block(1);
    boot_expect(&boot, RULE, 0, 0);
}

/* CPTR_EL2 has another layout than CPACR_EL1 unless HCR_EL2.E2H is 1. */
static void el2_traps_by_the_layout_that_e2h_says(void **state)
{
    (void)state;
    for (unsigned int e2h = 0; e2h <= 1; e2h++) {
        for (unsigned int fpen = 0; fpen <= 1; fpen++) {
            boot_begin(&boot);
            build_insn(&boot.build, 0, 2, boot.pc, OP_MSR(A64_HCR_EL2, 0), (uint64_t)e2h << 34);
            build_insn(&boot.build, 0, 2, boot.pc, OP_MSR(A64_CPTR_EL2, 0), 0);
            build_insn(&boot.build, 0, 2, boot.pc, OP_ISB, 0);
            build_insn(&boot.build, 0, 2, boot.pc, OP_MSR(A64_CPTR_EL2, 0), fpen != 0 ? FPEN : TFP);
            fp_block(2);
            boot_expect(&boot, RULE, e2h == fpen ? 1 : 0, 0);
        }
    }
}

static void an_unknown_operand_is_a_note(void **state)
{
    (void)state;
    boot_begin(&boot);
    boot_unknown(&boot, OP_MSR(A64_CPACR_EL1, 0));
    fp_block(1);
    boot_expect(&boot, RULE, 0, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_instruction_behind_the_write_is_an_error),
        cmocka_unit_test(a_cse_between_them_is_enough),
        cmocka_unit_test(loads_and_stores_of_vectors_count),
        cmocka_unit_test(bits_that_trap_no_vectors_do_not_count),
        cmocka_unit_test(a_read_back_does_not_synchronize),
        cmocka_unit_test(el2_has_a_register_of_its_own),
        cmocka_unit_test(el2_traps_by_the_layout_that_e2h_says),
        cmocka_unit_test(an_unknown_operand_is_a_note),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
