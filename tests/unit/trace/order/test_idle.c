/* window-synchronized and dsb-before-wfi: what the plugin marks, and what it does not. */
#include "trace_build.h"

#define PC     UINT64_C(0x40080000)
#define OP_WFI UINT32_C(0xd503207f)
#define OP_WFE UINT32_C(0xd503205f)

static struct build build;

static uint64_t mark(uint64_t pc, uint32_t opcode, uint8_t flags, uint64_t opener)
{
    const struct trace_event event = {
        .kind = TRACE_EVENT_INSN,
        .el = 1,
        .flags = flags,
        .opcode = opcode,
        .pc = pc,
        .pc_pa = pc,
        .va = opener,
    };
    return build_event(&build, &event);
}

static void an_empty_window_is_a_note_with_both_ends(void **state)
{
    (void)state;
    struct order_result result;
    build_begin(&build, 1);
    for (unsigned int i = 0; i < 3; i++) {
        mark(PC + 8, OP_DAIFSET_IRQ, TRACE_EVENT_PENDING, PC);
    }
    mark(PC + 32, OP_DAIFSET_IRQ, 0, 0);
    mark(PC + 36, OP_DAIFCLR_IRQ, 0, 0);
    build_judge(&build, "window-synchronized", NULL, &result);
    assert_int_equal(result.finding_count, 1);
    assert_int_equal(result_count(&result, ORDER_NOTE), 1);
    assert_int_equal(result.findings[0].count, 3);
    assert_true(result.findings[0].write.pc == PC && result.findings[0].consumer.pc == PC + 8);
    order_result_free(&result);
}

static void a_sleep_behind_stores_is_a_note(void **state)
{
    (void)state;
    struct order_result result;
    build_begin(&build, 1);
    mark(PC, OP_WFI, 0, 0);
    mark(PC, OP_WFI, TRACE_EVENT_PENDING, 0);
    mark(PC, OP_WFI, TRACE_EVENT_PENDING, 0);
    mark(PC + 4, OP_WFE, TRACE_EVENT_PENDING, 0);
    build_judge(&build, "dsb-before-wfi", NULL, &result);
    assert_int_equal(result.finding_count, 1);
    assert_int_equal(result_count(&result, ORDER_NOTE), 1);
    assert_int_equal(result.findings[0].count, 2);
    assert_int_equal(result.rules[0].subjects, 3);
    assert_true(result.findings[0].consumer.pc == PC);
    order_result_free(&result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_window_is_a_note_with_both_ends),
        cmocka_unit_test(a_sleep_behind_stores_is_a_note),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
