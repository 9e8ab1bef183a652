/* tlb-before-mmu: the MMU comes on for the first time, on each CPU and in each regime. */
#include "boot_trace.h"

#define RULE            "tlb-before-mmu"
#define HOST            (UINT64_C(1) << 34 | UINT64_C(1) << 27) /* HCR_EL2: E2H, TGE */
#define OP_TLBI_ALLE1   OP_SYS(4, 8, 7, 4, 31)
#define OP_TLBI_ALLE2   OP_SYS(4, 8, 7, 0, 31)
#define OP_TLBI_ALLE2IS OP_SYS(4, 8, 3, 0, 31)
#define OP_TLBI_ASIDE1  OP_SYS(0, 8, 7, 2, 0)
#define SCTLR_OF_EL2    A64_SCTLR_EL2

static struct boot boot;

static uint64_t on(uint8_t cpu, uint8_t el, uint32_t opcode, uint64_t value)
{
    uint64_t number = build_insn(&boot.build, cpu, el, boot.pc, opcode, value);
    boot.pc += 4;
    return number;
}

static void each_tlbi_of_all_will_do(void **state)
{
    (void)state;
    const struct {
        uint32_t opcode;
        size_t errors;
    } first[] = {
        {OP_TLBI_VMALLE1, 0}, {OP_TLBI_VMALLE1IS, 0}, {OP_TLBI_VAE1, 1},
        {OP_TLBI_ASIDE1, 1},  {OP_IC_IALLU, 1},
    };
    for (size_t i = 0; i < sizeof(first) / sizeof(first[0]); i++) {
        boot_begin(&boot);
        boot_insn(&boot, first[i].opcode, 0);
        boot_insn(&boot, OP_DSB_SY, 0);
        boot_mmu_on(&boot, true);
        boot_expect(&boot, RULE, first[i].errors, 0);
    }
}

static void what_executes_next_is_the_consumer(void **state)
{
    (void)state;
    boot_begin(&boot);
    uint64_t write = boot_msr(&boot, A64_SCTLR_EL1, SCTLR_ON);
    uint64_t next = boot_insn(&boot, OP_TLBI_VMALLE1, 0);
    boot_isb(&boot);
    struct order_result result = boot_judge(&boot, RULE);
    assert_int_equal(result.finding_count, 1);
    assert_int_equal(result.findings[0].level, ORDER_ERROR);
    assert_true(result.findings[0].write.event == write);
    assert_true(result.findings[0].consumer.event == next);
    order_result_free(&result);
}

static void it_is_asked_once(void **state)
{
    (void)state;
    boot_begin(&boot);
    for (unsigned int i = 0; i < 2; i++) {
        boot_msr(&boot, A64_SCTLR_EL1, SCTLR_ON);
        boot_isb(&boot);
        boot_msr(&boot, A64_SCTLR_EL1, SCTLR_OFF);
        boot_isb(&boot);
    }
    boot_expect(&boot, RULE, 1, 0);
}

/* What is written to SCTLR_EL1 counts from EL1's first instruction. */
static void el1_is_prepared_at_el2(void **state)
{
    (void)state;
    for (unsigned int all = 0; all <= 1; all++) {
        boot_begin(&boot);
        on(0, 2, OP_MSR(A64_SCTLR_EL1, 0), SCTLR_ON);
        on(0, 2, all != 0 ? OP_TLBI_ALLE1 : OP_TLBI_ALLE2, 0);
        on(0, 2, OP_DSB_SY, 0);
        on(0, 2, OP_ERET, 0);
        boot_isb(&boot);
        boot_expect(&boot, RULE, 1 - all, 0);
    }
}

/* No other rule follows EL2's TLBIs: the DSB has to be there, in time, and wide enough. */
static void el2_has_a_tlb_of_its_own(void **state)
{
    (void)state;
    const struct {
        uint32_t tlbi, before, behind;
        size_t errors;
    } ways[] = {
        {OP_TLBI_ALLE2, OP_DSB_NSH, OP_ISB, 0},   {OP_TLBI_ALLE2, OP_NOP, OP_DSB_NSH, 1},
        {OP_TLBI_ALLE2IS, OP_DSB_NSH, OP_ISB, 1}, {OP_TLBI_ALLE2IS, OP_DSB_ISH, OP_ISB, 0},
        {OP_TLBI_ALLE2, OP_DSB_NSHST, OP_ISB, 1}, {OP_TLBI_ALLE1, OP_DSB_SY, OP_ISB, 1},
        {OP_TLBI_VMALLE1, OP_DSB_SY, OP_ISB, 1},
    };
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        boot_begin(&boot);
        on(0, 2, ways[i].tlbi, 0);
        on(0, 2, ways[i].before, 0);
        on(0, 2, OP_MSR(SCTLR_OF_EL2, 0), SCTLR_ON);
        on(0, 2, ways[i].behind, 0);
        boot_expect(&boot, RULE, ways[i].errors, 0);
    }
}

/* With E2H and TGE the names of EL1 are EL2's: both SCTLR_EL1 and TLBI VMALLE1. */
static void a_host_names_its_own_by_el1(void **state)
{
    (void)state;
    for (unsigned int all = 0; all <= 1; all++) {
        boot_begin(&boot);
        on(0, 2, OP_MSR(A64_HCR_EL2, 0), HOST);
        on(0, 2, OP_ISB, 0);
        on(0, 2, all != 0 ? OP_TLBI_VMALLE1 : OP_TLBI_ALLE1, 0);
        on(0, 2, OP_DSB_NSH, 0);
        on(0, 2, OP_MSR(A64_SCTLR_EL1, 0), SCTLR_ON);
        on(0, 2, OP_ISB, 0);
        boot_expect(&boot, RULE, 1 - all, 0);
    }
}

/* Each CPU has a TLB. A broadcast TLBI reaches those that run. */
static void each_cpu_empties_its_own(void **state)
{
    (void)state;
    const struct {
        bool runs;
        uint32_t tlbi;
        size_t errors;
    } ways[] = {
        {true, OP_TLBI_VMALLE1IS, 0}, {false, OP_TLBI_VMALLE1IS, 1}, {true, OP_TLBI_VMALLE1, 1}};
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        build_begin(&boot.build, 2);
        boot.pc = LOW_VA;
        if (ways[i].runs) {
            on(1, 1, OP_ISB, 0);
        }
        on(0, 1, ways[i].tlbi, 0);
        on(0, 1, OP_DSB_ISH, 0);
        on(1, 1, OP_MSR(A64_SCTLR_EL1, 0), SCTLR_ON);
        on(1, 1, OP_ISB, 0);
        boot_expect(&boot, RULE, ways[i].errors, 0);
    }
}

/* Whether the MMU was on before cannot be told. */
static void an_unknown_value_ends_it(void **state)
{
    (void)state;
    boot_begin(&boot);
    boot_msr(&boot, A64_SCTLR_EL1, SCTLR_ON);
    boot_unknown(&boot, OP_MSR(A64_SCTLR_EL1, 0));
    boot_msr(&boot, A64_SCTLR_EL1, SCTLR_ON);
    boot_isb(&boot);
    boot_expect(&boot, RULE, 1, 0); /* of the first */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_tlbi_of_all_will_do),
        cmocka_unit_test(what_executes_next_is_the_consumer),
        cmocka_unit_test(it_is_asked_once),
        cmocka_unit_test(el1_is_prepared_at_el2),
        cmocka_unit_test(el2_has_a_tlb_of_its_own),
        cmocka_unit_test(a_host_names_its_own_by_el1),
        cmocka_unit_test(each_cpu_empties_its_own),
        cmocka_unit_test(an_unknown_value_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
