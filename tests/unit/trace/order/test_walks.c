/* controls-before-walks: walks are enabled and disabled, and what they depend on is written. */
#include "boot_trace.h"
#include "sysregs.h"

#define RULE       "controls-before-walks"
#define CLOSED_LOW (TCR_VALUE | TCR_EL1_EPD0_BIT)
#define CLOSED     (TCR_VALUE | TCR_EL1_EPD1_BIT)
#define ASID_1     (UINT64_C(1) << 48)

static struct boot boot;

/* MMU on, walks of one half disabled, all of it synchronized. */
static void begin(uint64_t tcr)
{
    boot_begin(&boot);
    boot_mmu_on(&boot, true);
    boot_msr(&boot, A64_TCR_EL1, tcr);
    boot_isb(&boot);
}

static void the_root_comes_before_the_permission(void **state)
{
    (void)state;
    for (unsigned int isb = 0; isb <= 1; isb++) {
        begin(CLOSED);
        uint64_t root = boot_msr(&boot, A64_TTBR1_EL1, OTHER_TABLE);
        if (isb != 0) {
            boot_isb(&boot);
        }
        uint64_t open = boot_msr(&boot, A64_TCR_EL1, TCR_VALUE);
        struct order_result result = boot_judge(&boot, RULE);
        assert_int_equal(result.finding_count, 1 - isb);
        if (isb == 0) {
            assert_int_equal(result.findings[0].level, ORDER_ERROR);
            assert_true(result.findings[0].write.event == root);
            assert_true(result.findings[0].consumer.event == open);
            assert_non_null(strstr(result.findings[0].missing, "TTBR1_EL1"));
            assert_non_null(strstr(result.findings[0].missing, "high half"));
        }
        order_result_free(&result);
    }
}

/* Each control of a walk, and what is none of the half's. */
static void each_control_counts_for_its_half(void **state)
{
    (void)state;
    const struct {
        uint32_t sys;
        uint64_t value;
        uint64_t closed;
        size_t errors;
    } writes[] = {
        {A64_TTBR1_EL1, OTHER_TABLE, CLOSED, 1},
        {A64_TTBR0_EL1, OTHER_TABLE, CLOSED_LOW, 1},
        {A64_MAIR_EL1, MAIR_VALUE | 0x44, CLOSED, 1},
        {A64_TTBR0_EL1, OTHER_TABLE, CLOSED, 0},         /* of the other half */
        {A64_TTBR1_EL1, HIGH_TABLE, CLOSED, 0},          /* nothing changes */
        {A64_TTBR1_EL1, HIGH_TABLE | ASID_1, CLOSED, 0}, /* no other root */
        {A64_VBAR_EL1, VBAR_VALUE, CLOSED, 0},           /* no control of walks */
    };
    for (size_t i = 0; i < sizeof(writes) / sizeof(writes[0]); i++) {
        begin(writes[i].closed);
        boot_msr(&boot, writes[i].sys, writes[i].value);
        boot_msr(&boot, A64_TCR_EL1, TCR_VALUE);
        boot_isb(&boot);
        boot_expect(&boot, RULE, writes[i].errors, 0);
    }
}

/* One write of TCR_EL1 is one write. */
static void a_half_is_opened_with_other_fields(void **state)
{
    (void)state;
    begin(CLOSED);
    boot_msr(&boot, A64_TCR_EL1, CLOSED ^ (1 << TCR_EL1_T1SZ_SHIFT));
    boot_msr(&boot, A64_TCR_EL1, TCR_VALUE ^ (1 << TCR_EL1_T1SZ_SHIFT));
    boot_expect(&boot, RULE, 0, 0);
}

/* MAIR, TCR, TTBR0, TTBR1 in turn are written behind the ISB: the MMU comes on without one. */
static void the_mmu_comes_on_behind_its_controls(void **state)
{
    (void)state;
    const uint32_t controls[] = {A64_MAIR_EL1, A64_TCR_EL1, A64_TTBR0_EL1, A64_TTBR1_EL1};
    const uint64_t values[] = {MAIR_VALUE, TCR_VALUE, LOW_TABLE, HIGH_TABLE};
    const size_t count = sizeof(values) / sizeof(values[0]);
    for (size_t late = 0; late <= count; late++) {
        boot_begin(&boot);
        for (size_t i = 0; i < count; i++) {
            if (i != late) {
                boot_msr(&boot, controls[i], values[i]);
            }
        }
        boot_isb(&boot);
        uint64_t write = late < count ? boot_msr(&boot, controls[late], values[late]) : 0;
        uint64_t on = boot_msr(&boot, A64_SCTLR_EL1, SCTLR_ON);
        struct order_result result = boot_judge(&boot, RULE);
        assert_int_equal(result.finding_count, late < count);
        if (late < count) {
            assert_int_equal(result.findings[0].level, ORDER_ERROR);
            assert_true(result.findings[0].write.event == write);
            assert_true(result.findings[0].consumer.event == on);
        }
        order_result_free(&result);
    }
}

/* One ISB is missing, behind the last of them: one finding. */
static void several_writes_are_told_once(void **state)
{
    (void)state;
    boot_begin(&boot);
    boot_msr(&boot, A64_TCR_EL1, TCR_VALUE);
    boot_msr(&boot, A64_TTBR0_EL1, LOW_TABLE);
    boot_msr(&boot, A64_MAIR_EL1, MAIR_VALUE);
    uint64_t last = boot_msr(&boot, A64_TTBR1_EL1, HIGH_TABLE);
    boot_msr(&boot, A64_SCTLR_EL1, SCTLR_ON);
    struct order_result result = boot_judge(&boot, RULE);
    assert_int_equal(result.finding_count, 1);
    assert_int_equal(result.findings[0].count, 1);
    assert_true(result.findings[0].write.event == last);
    order_result_free(&result);
}

/* What TCR_EL1 closes is not walked, whatever its root. */
static void a_closed_half_needs_nothing(void **state)
{
    (void)state;
    boot_begin(&boot);
    boot_msr(&boot, A64_MAIR_EL1, MAIR_VALUE);
    boot_msr(&boot, A64_TCR_EL1, CLOSED);
    boot_msr(&boot, A64_TTBR0_EL1, LOW_TABLE);
    boot_isb(&boot);
    boot_msr(&boot, A64_TTBR1_EL1, HIGH_TABLE);
    boot_msr(&boot, A64_SCTLR_EL1, SCTLR_ON);
    boot_expect(&boot, RULE, 0, 0);
}

static void a_root_is_replaced_with_walks_on(void **state)
{
    (void)state;
    begin(TCR_VALUE);
    boot_msr(&boot, A64_TTBR0_EL1, OTHER_TABLE | ASID_1);
    boot_msr(&boot, A64_TCR_EL1, TCR_VALUE ^ TCR_EL1_A1_BIT);
    boot_isb(&boot);
    boot_expect(&boot, RULE, 0, 0);
}

/* With the MMU off nothing walks, in whatever order. */
static void the_mmu_is_off(void **state)
{
    (void)state;
    boot_begin(&boot);
    boot_msr(&boot, A64_TCR_EL1, CLOSED);
    boot_msr(&boot, A64_TTBR1_EL1, HIGH_TABLE);
    boot_msr(&boot, A64_TCR_EL1, TCR_VALUE);
    boot_msr(&boot, A64_TCR_EL1, CLOSED);
    boot_msr(&boot, A64_TTBR1_EL1, 0);
    boot_isb(&boot);
    boot_expect(&boot, RULE, 0, 0);
}

static void what_nobody_knows_is_a_note(void **state)
{
    (void)state;
    begin(CLOSED);
    boot_unknown(&boot, OP_MSR(A64_TTBR1_EL1, 0));
    boot_msr(&boot, A64_TCR_EL1, TCR_VALUE);
    boot_expect(&boot, RULE, 0, 1);
    begin(CLOSED);
    boot_unknown(&boot, OP_MSR(A64_TTBR1_EL1, 0));
    boot_isb(&boot);
    boot_msr(&boot, A64_TTBR1_EL1, OTHER_TABLE);
    boot_msr(&boot, A64_TCR_EL1, TCR_VALUE);
    boot_expect(&boot, RULE, 0, 1);
}

static void walks_are_off_before_the_root_goes(void **state)
{
    (void)state;
    for (unsigned int isb = 0; isb <= 1; isb++) {
        boot_begin(&boot);
        boot_mmu_on(&boot, true);
        uint64_t close = boot_msr(&boot, A64_TCR_EL1, CLOSED_LOW);
        if (isb != 0) {
            boot_isb(&boot);
        }
        uint64_t root = boot_msr(&boot, A64_TTBR0_EL1, 0);
        struct order_result result = boot_judge(&boot, RULE);
        assert_int_equal(result.finding_count, 1 - isb);
        if (isb == 0) {
            assert_int_equal(result.findings[0].level, ORDER_ERROR);
            assert_true(result.findings[0].write.event == close);
            assert_true(result.findings[0].consumer.event == root);
        }
        order_result_free(&result);
    }
}

/* Another table may be walked; the other half's walks were not closed; it was closed before. */
static void a_root_may_go_with_walks_on(void **state)
{
    (void)state;
    boot_begin(&boot);
    boot_mmu_on(&boot, true);
    boot_msr(&boot, A64_TCR_EL1, CLOSED_LOW);
    boot_msr(&boot, A64_TTBR0_EL1, EMPTY_TABLE);
    boot_isb(&boot);
    boot_msr(&boot, A64_TCR_EL1, CLOSED_LOW ^ TCR_EL1_A1_BIT);
    boot_msr(&boot, A64_TTBR0_EL1, 0);
    boot_expect(&boot, RULE, 0, 0);
}

/* EL1's controls are written at EL2, and the return is the CSE. */
static void el2_prepares_el1(void **state)
{
    (void)state;
    const uint32_t controls[] = {A64_TCR_EL1, A64_TTBR0_EL1, A64_SCTLR_EL1};
    const uint64_t values[] = {CLOSED, LOW_TABLE, SCTLR_ON};
    boot_begin(&boot);
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        build_insn(&boot.build, 0, 2, boot.pc, OP_MSR(controls[i], 0), values[i]);
        boot.pc += 4;
    }
    build_insn(&boot.build, 0, 2, boot.pc, OP_ERET, 0);
    boot_msr(&boot, A64_TTBR1_EL1, HIGH_TABLE);
    boot_isb(&boot);
    boot_msr(&boot, A64_TCR_EL1, TCR_VALUE);
    boot_expect(&boot, RULE, 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_root_comes_before_the_permission),
        cmocka_unit_test(each_control_counts_for_its_half),
        cmocka_unit_test(a_half_is_opened_with_other_fields),
        cmocka_unit_test(the_mmu_comes_on_behind_its_controls),
        cmocka_unit_test(several_writes_are_told_once),
        cmocka_unit_test(a_closed_half_needs_nothing),
        cmocka_unit_test(a_root_is_replaced_with_walks_on),
        cmocka_unit_test(the_mmu_is_off),
        cmocka_unit_test(what_nobody_knows_is_a_note),
        cmocka_unit_test(walks_are_off_before_the_root_goes),
        cmocka_unit_test(a_root_may_go_with_walks_on),
        cmocka_unit_test(el2_prepares_el1),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
