/* vbar-before-exception: each way an exception may be taken, repaired, and what looks alike. */
#include "boot_trace.h"

#define RULE        "vbar-before-exception"
#define SCTLR_EIS   (UINT64_C(1) << 22)
#define OP_MSR_DAIF OP_MSR(A64_DAIF_REGISTER, 0)

enum { DAIF_MASKED = 0x3c0, DAIF_OPEN = 0, DAIF_IRQ_OPEN = 0x340 };

static struct boot boot;

/*
 * Hazards are errors where exception entries do not synchronize, and notes where they do, as on
 * every CPU without FEAT_ExS; notes are notes on both.
 */
static void expect(size_t hazards, size_t notes)
{
    boot_expect_with(&boot, RULE, &(struct order_features){.exs = true}, hazards, notes);
    boot_expect(&boot, RULE, 0, hazards + notes);
}

/* Exceptions to that level do not synchronize, given FEAT_ExS. */
static void clear_eis(uint32_t sctlr, uint8_t el, uint64_t value)
{
    build_insn(&boot.build, 0, el, LOW_VA, OP_MSR(sctlr, 0), value & ~SCTLR_EIS);
    build_insn(&boot.build, 0, el, LOW_VA + 4, OP_ISB, 0);
}

/* VBAR written in the high half, and synchronized or not. */
static void write_vbar(bool synchronized)
{
    boot_begin(&boot);
    boot_mmu_on(&boot, true);
    clear_eis(A64_SCTLR_EL1, 1, SCTLR_ON);
    boot_msr(&boot, A64_VBAR_EL1, VBAR_VALUE);
    if (synchronized) {
        boot_isb(&boot);
    }
}

static void an_exception_behind_the_write_is_a_hazard(void **state)
{
    (void)state;
    for (unsigned int synchronized = 0; synchronized <= 1; synchronized++) {
        write_vbar(synchronized != 0);
        build_entry(&boot.build, 0, 1, VBAR_VALUE, 0x280);
        expect(1 - synchronized, 0);
    }
}

static void an_svc_and_its_exception_are_one_finding(void **state)
{
    (void)state;
    for (unsigned int synchronized = 0; synchronized <= 1; synchronized++) {
        write_vbar(synchronized != 0);
        boot_insn(&boot, OP_SVC, 0);
        build_entry(&boot.build, 0, 1, VBAR_VALUE, 0x200);
        expect(1 - synchronized, 0);
    }
}

static void a_call_that_qemu_handles_is_no_exception(void **state)
{
    (void)state;
    write_vbar(false);
    boot_insn(&boot, OP_HVC, 0);
    boot_insn(&boot, OP_SMC, 0);
    expect(0, 0);
    /* One that goes to EL2 does not go by EL1's VBAR. */
    write_vbar(false);
    boot_insn(&boot, OP_HVC, 0);
    build_entry(&boot.build, 0, 2, LOW_VA, 0x400);
    expect(0, 0);
}

static void opening_daif_is_a_hazard_and_masking_is_not(void **state)
{
    (void)state;
    for (unsigned int synchronized = 0; synchronized <= 1; synchronized++) {
        write_vbar(synchronized != 0);
        boot_insn(&boot, OP_DAIFCLR_IRQ, 0);
        expect(1 - synchronized, 0);
    }
    write_vbar(false);
    boot_insn(&boot, OP_DAIFSET_IRQ, 0);
    boot_insn(&boot, OP_MSR_DAIF, DAIF_MASKED);
    expect(0, 0);
}

static void a_whole_daif_is_as_sure_as_what_it_held(void **state)
{
    (void)state;
    write_vbar(false);
    boot_insn(&boot, OP_DAIFSET_IRQ, 0);
    boot_insn(&boot, OP_MSR_DAIF, DAIF_IRQ_OPEN);
    expect(1, 0);
    write_vbar(false);
    boot_insn(&boot, OP_MSR_DAIF, DAIF_IRQ_OPEN);
    expect(0, 1);
    write_vbar(false);
    boot_unknown(&boot, OP_MSR_DAIF);
    expect(0, 1);
    write_vbar(true);
    boot_insn(&boot, OP_MSR_DAIF, DAIF_OPEN);
    expect(0, 0);
    /* What was masked before the write is not followed. */
    boot_begin(&boot);
    boot_mmu_on(&boot, true);
    boot_msr(&boot, A64_VBAR_EL1, VBAR_VALUE);
    boot_insn(&boot, OP_DAIFSET_IRQ, 0);
    boot_isb(&boot);
    boot_msr(&boot, A64_VBAR_EL1, VBAR_VALUE + 0x800);
    boot_insn(&boot, OP_MSR_DAIF, DAIF_IRQ_OPEN);
    expect(0, 1);
}

static void leaving_the_half_is_a_hazard(void **state)
{
    (void)state;
    for (unsigned int synchronized = 0; synchronized <= 1; synchronized++) {
        boot_begin(&boot);
        boot_mmu_on(&boot, false);
        clear_eis(A64_SCTLR_EL1, 1, SCTLR_ON);
        boot_msr(&boot, A64_VBAR_EL1, VBAR_VALUE);
        boot_block(&boot); /* the same half */
        if (synchronized != 0) {
            boot_isb(&boot);
        }
        boot_insn(&boot, OP_BR_X0, 0);
        boot.pc = HIGH_VA;
        boot_block(&boot);
        boot.pc += 16;
        boot_block(&boot);
        expect(1 - synchronized, 0);
    }
}

static void the_same_value_again_is_no_hazard(void **state)
{
    (void)state;
    write_vbar(true);
    boot_msr(&boot, A64_VBAR_EL1, VBAR_VALUE);
    build_entry(&boot.build, 0, 1, VBAR_VALUE, 0x280);
    expect(0, 0);
}

static void a_return_synchronizes(void **state)
{
    (void)state;
    write_vbar(false);
    boot_insn(&boot, OP_MRS(A64_VBAR_EL1, 1), 0);
    boot_insn(&boot, OP_ERET, 0);
    build_entry(&boot.build, 0, 1, VBAR_VALUE, 0x400);
    expect(0, 0);
}

static void an_unknown_vbar_is_a_note(void **state)
{
    (void)state;
    boot_begin(&boot);
    boot_unknown(&boot, OP_MSR(A64_VBAR_EL1, 0));
    build_entry(&boot.build, 0, 1, VBAR_VALUE, 0x280);
    expect(0, 1);
}

static void el2_writes_vbar_of_el1_and_its_own(void **state)
{
    (void)state;
    boot_begin(&boot);
    clear_eis(A64_SCTLR_EL2, 2, SCTLR_OFF);
    build_insn(&boot.build, 0, 2, LOW_VA, OP_MSR(A64_VBAR_EL2, 0), LOW_VA + 0x800);
    build_insn(&boot.build, 0, 2, LOW_VA + 4, OP_ISB, 0);
    build_insn(&boot.build, 0, 2, LOW_VA + 8, OP_MSR(A64_VBAR_EL1, 0), VBAR_VALUE);
    build_entry(&boot.build, 0, 2, LOW_VA + 0x800, 0x280);
    expect(0, 0);
    boot_begin(&boot);
    clear_eis(A64_SCTLR_EL2, 2, SCTLR_OFF);
    build_insn(&boot.build, 0, 2, LOW_VA, OP_MSR(A64_VBAR_EL2, 0), LOW_VA + 0x800);
    build_entry(&boot.build, 0, 2, LOW_VA + 0x800, 0x280);
    expect(1, 0);
    /* With HCR_EL2.E2H the name VBAR_EL1 is EL2's register. */
    boot_begin(&boot);
    clear_eis(A64_SCTLR_EL2, 2, SCTLR_OFF);
    build_insn(&boot.build, 0, 2, LOW_VA, OP_MSR(A64_HCR_EL2, 0), UINT64_C(1) << 34);
    build_insn(&boot.build, 0, 2, LOW_VA + 4, OP_ISB, 0);
    build_insn(&boot.build, 0, 2, LOW_VA + 8, OP_MSR(A64_VBAR_EL1, 0), VBAR_VALUE);
    build_entry(&boot.build, 0, 2, VBAR_VALUE, 0x280);
    expect(1, 0);
}

static void a_table_begins_at_2_kib(void **state)
{
    (void)state;
    static const uint32_t registers[] = {A64_VBAR_EL1, A64_VBAR_EL12, A64_VBAR_EL2, A64_VBAR_EL3};
    for (size_t i = 0; i < sizeof(registers) / sizeof(registers[0]); i++) {
        for (uint64_t bit = 1; bit <= 0x800; bit <<= 1) {
            boot_begin(&boot);
            boot_msr(&boot, registers[i], VBAR_VALUE);
            boot_msr(&boot, registers[i], VBAR_VALUE ^ bit);
            boot_expect(&boot, "vbar-aligned", bit < 0x800, 0);
        }
    }
}

static void another_register_or_an_unknown_value_is_no_table(void **state)
{
    (void)state;
    boot_begin(&boot);
    boot_msr(&boot, A64_MAIR_EL1, 0xff);
    boot_msr(&boot, A64_VBAR_EL1, VBAR_VALUE);
    build_insn_unknown(&boot.build, 0, 1, LOW_VA, OP_MSR(A64_VBAR_EL1, 0));
    boot_expect(&boot, "vbar-aligned", 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_exception_behind_the_write_is_a_hazard),
        cmocka_unit_test(an_svc_and_its_exception_are_one_finding),
        cmocka_unit_test(a_call_that_qemu_handles_is_no_exception),
        cmocka_unit_test(opening_daif_is_a_hazard_and_masking_is_not),
        cmocka_unit_test(a_whole_daif_is_as_sure_as_what_it_held),
        cmocka_unit_test(leaving_the_half_is_a_hazard),
        cmocka_unit_test(the_same_value_again_is_no_hazard),
        cmocka_unit_test(a_return_synchronizes),
        cmocka_unit_test(an_unknown_vbar_is_a_note),
        cmocka_unit_test(el2_writes_vbar_of_el1_and_its_own),
        cmocka_unit_test(a_table_begins_at_2_kib),
        cmocka_unit_test(another_register_or_an_unknown_value_is_no_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
