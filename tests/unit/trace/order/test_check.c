/* The driver of the rules: which are judged, how findings are kept, and the model of the machine.
 */
#include "boot_trace.h"

#include "finding.h"
#include "machine_update.h"

static struct boot boot;

static bool check(const struct order_settings *settings, struct order_result *result,
                  char error[static ORDER_TEXT])
{
    struct event_trace trace;
    size_t size = 0;
    const uint8_t *data = build_finish(&boot.build, &size);
    assert_true(event_trace_parse(&trace, data, size, error));
    bool done = order_check(&trace, settings, result, error);
    event_trace_close(&trace);
    build_free(&boot.build);
    return done;
}

/* `count` distinct errors of at-before-par, after as many notes of vbar-before-exception. */
static void build_findings(uint64_t count)
{
    boot_begin(&boot);
    for (uint64_t i = 0; i < count; i++) {
        boot_msr(&boot, A64_VBAR_EL1, 0x800 * i + 0x800);
        boot_unknown(&boot, OP_MSR(A64_DAIF_REGISTER, 0));
        boot_insn(&boot, OP_ISB, 0);
    }
    for (uint64_t i = 0; i < count; i++) {
        boot_insn(&boot, OP_AT_S1E1R, HIGH_DATA);
        boot_insn(&boot, OP_MRS(A64_PAR_EL1, 1), 0);
    }
}

static void every_rule_tells_what_it_is(void **state)
{
    (void)state;
    size_t count = 0;
    for (const struct order_rule_info *info = order_rules(); info->id != NULL; info++, count++) {
        assert_true(strlen(info->title) > 0);
        assert_non_null(strstr(info->section, "DDI 0487, "));
        for (size_t i = 0; i < count; i++) {
            assert_string_not_equal(order_rules()[i].id, info->id);
        }
    }
    struct order_result result;
    char error[ORDER_TEXT];
    boot_begin(&boot);
    boot_insn(&boot, OP_TLBI_VMALLE1, 0);
    boot_insn(&boot, OP_DSB_NSH, 0);
    boot_mmu_on(&boot, true);
    assert_true(check(&(struct order_settings){0}, &result, error));
    assert_int_equal(result.rule_count, count);
    assert_int_equal(result.finding_count, 0);
    assert_true(result.events != 0);
    order_result_free(&result);
}

static void a_rule_that_is_none_is_refused(void **state)
{
    (void)state;
    struct order_result result;
    char error[ORDER_TEXT];
    const char *const rules[] = {"at-before-par", "at-after-par", NULL};
    boot_begin(&boot);
    assert_false(check(&(struct order_settings){.rules = rules}, &result, error));
    assert_string_equal(error, "there is no ordering rule at-after-par");
}

static void only_the_chosen_rules_are_judged(void **state)
{
    (void)state;
    struct order_result result;
    char error[ORDER_TEXT];
    const char *const rules[] = {"at-before-par", NULL};
    build_findings(2);
    assert_true(check(&(struct order_settings){.rules = rules}, &result, error));
    assert_int_equal(result.rule_count, 1);
    assert_string_equal(result.rules[0].id, "at-before-par");
    assert_int_equal(result.finding_count, 2);
    order_result_free(&result);
}

static void errors_come_first_in_the_order_of_their_consumers(void **state)
{
    (void)state;
    struct order_result result;
    char error[ORDER_TEXT];
    build_findings(40);
    assert_true(check(&(struct order_settings){0}, &result, error));
    assert_int_equal(result.finding_count, 80);
    for (size_t i = 1; i < result.finding_count; i++) {
        const struct order_finding *before = &result.findings[i - 1];
        const struct order_finding *after = &result.findings[i];
        assert_true(before->level >= after->level);
        assert_true(before->level != after->level ||
                    before->consumer.event < after->consumer.event);
    }
    order_result_free(&result);
}

/* Notes that came first do not take the errors' room. */
static void beyond_the_limit_errors_are_kept_before_notes(void **state)
{
    (void)state;
    struct order_result result;
    char error[ORDER_TEXT];
    build_findings(40);
    assert_true(check(&(struct order_settings){.finding_limit = 50}, &result, error));
    assert_int_equal(result.finding_count, 50);
    assert_int_equal(result.findings_cut, 30);
    assert_int_equal(result_count(&result, ORDER_ERROR), 40);
    order_result_free(&result);
    build_findings(40);
    assert_true(check(&(struct order_settings){.finding_limit = 10}, &result, error));
    assert_int_equal(result_count(&result, ORDER_ERROR), 10);
    assert_int_equal(result.findings_cut, 70);
    order_result_free(&result);
}

static void windows_that_were_cut_are_counted(void **state)
{
    (void)state;
    struct order_result result;
    char error[ORDER_TEXT];
    boot_begin(&boot);
    build_cut(&boot.build, 0);
    build_cut(&boot.build, 0);
    assert_true(check(&(struct order_settings){0}, &result, error));
    assert_int_equal(result.windows_cut, 2);
    order_result_free(&result);
}

/* One event to the model, as order.c gives it. */
static void step(struct machine *machine, const struct trace_event *event)
{
    enum a64_class class = event->kind == TRACE_EVENT_INSN ? a64_class(event->opcode) : A64_OTHER;
    assert_true(machine_observe(machine, event, class));
    if (machine_is_cse(machine, event, class)) {
        machine_synchronize(machine, event);
    }
    machine_apply(machine, event, class);
    machine->now++;
}

static struct trace_event insn(uint8_t el, uint32_t opcode, uint64_t value)
{
    return (struct trace_event){.kind = TRACE_EVENT_INSN,
                                .el = el,
                                .opcode = opcode,
                                .value = value,
                                .flags = a64_has_operand(opcode) ? TRACE_EVENT_VALUE : 0};
}

static void run(struct machine *machine, uint8_t el, uint32_t opcode, uint64_t value)
{
    const struct trace_event event = insn(el, opcode, value);
    step(machine, &event);
}

static struct machine begin_machine(void)
{
    static const struct event_trace empty = {.cpus = 1};
    struct machine machine;
    assert_true(machine_begin(&machine, &empty, &(struct order_features){0}));
    return machine;
}

static void the_model_follows_levels_through_exceptions(void **state)
{
    (void)state;
    struct machine machine = begin_machine();
    const struct machine_cpu *cpu = &machine.cpus[0];
    assert_int_equal(cpu->el, TRACE_EL_UNKNOWN);
    run(&machine, 2, OP_MSR(A64_SPSR_EL2, 0), 0x3c5);
    run(&machine, TRACE_EL_UNKNOWN, OP_ERET, 0);
    assert_int_equal(cpu->el, 1);
    run(&machine, TRACE_EL_UNKNOWN, OP_MSR(A64_SPSR_EL1, 0), 0);
    run(&machine, TRACE_EL_UNKNOWN, OP_ERET, 0);
    assert_int_equal(cpu->el, 0);
    /* The entry writes SPSR_EL1, so that the return goes back to where it came from. */
    const struct trace_event from_el0 = {.kind = TRACE_EVENT_ENTRY, .el = 1, .opcode = 0x480};
    const struct trace_event from_el1 = {.kind = TRACE_EVENT_ENTRY, .el = 1, .opcode = 0x280};
    step(&machine, &from_el0);
    assert_int_equal(cpu->el, 1);
    step(&machine, &from_el1);
    run(&machine, TRACE_EL_UNKNOWN, OP_ERET, 0);
    assert_int_equal(cpu->el, 1);
    step(&machine, &from_el0);
    run(&machine, TRACE_EL_UNKNOWN, OP_ERET, 0);
    assert_int_equal(cpu->el, 0);
    machine_end(&machine);
}

static void a_write_is_pending_until_a_cse_with_what_it_wrote_over(void **state)
{
    (void)state;
    struct machine machine = begin_machine();
    const struct machine_cpu *cpu = &machine.cpus[0];
    run(&machine, 1, OP_MSR(A64_MAIR_EL1, 0), 7);
    run(&machine, 1, OP_MSR(A64_MAIR_EL1, 0), 8);
    run(&machine, 1, OP_DSB_SY, 0);
    assert_int_equal(cpu->pending_count, 2);
    const struct machine_pending *first = machine_first_pending(cpu, MACHINE_MAIR_EL1);
    assert_non_null(first);
    assert_false(first->before.known);
    assert_int_equal(cpu->pending[1].before.value, 7);
    assert_null(machine_first_pending(cpu, MACHINE_TCR_EL1));
    run(&machine, 1, OP_ISB, 0);
    assert_int_equal(cpu->pending_count, 0);
    assert_true(cpu->regs[MACHINE_MAIR_EL1].known && cpu->regs[MACHINE_MAIR_EL1].value == 8);
    for (uint64_t i = 0; i < MACHINE_PENDING + 2; i++) {
        run(&machine, 1, OP_MSR(A64_MAIR_EL1, 0), i);
    }
    assert_int_equal(cpu->pending_count, MACHINE_PENDING);
    assert_int_equal(cpu->pending[0].before.value, 1);
    machine_end(&machine);
}

/* HCR_EL2.E2H redirects the names of EL1 at EL2, and _EL12 goes past it. */
static void a_name_means_the_register_of_the_level(void **state)
{
    (void)state;
    struct machine machine = begin_machine();
    const struct machine_cpu *cpu = &machine.cpus[0];
    run(&machine, 2, OP_MSR(A64_TCR_EL1, 0), 1);
    assert_int_equal(cpu->regs[MACHINE_TCR_EL1].value, 1);
    run(&machine, 2, OP_MSR(A64_HCR_EL2, 0), UINT64_C(1) << 34);
    run(&machine, 2, OP_MSR(A64_TCR_EL1, 0), 2);
    assert_int_equal(cpu->regs[MACHINE_TCR_EL1].value, 1);
    assert_int_equal(cpu->regs[MACHINE_TCR_EL2].value, 2);
    run(&machine, 2, OP_MSR(A64_TCR_EL12, 0), 3);
    assert_int_equal(cpu->regs[MACHINE_TCR_EL1].value, 3);
    assert_int_equal(cpu->regs[MACHINE_TCR_EL2].value, 2);
    run(&machine, 1, OP_MSR(A64_TCR_EL1, 0), 4);
    assert_int_equal(cpu->regs[MACHINE_TCR_EL1].value, 4);
    machine_end(&machine);
}

/* A table let go is kept as long as a write is pending, by which a CPU may still walk it. */
static void a_table_let_go_is_kept_until_the_next_cse(void **state)
{
    (void)state;
    struct machine machine = begin_machine();
    struct {
        struct trace_frame frame;
        uint64_t words[2];
    } table = {.frame = {.pa = 0x40001000, .size = sizeof(table.words)}, .words = {5, 7}};
    const struct trace_event gone = {
        .kind = TRACE_EVENT_FRAME_GONE, .el = TRACE_EL_UNKNOWN, .pa = table.frame.pa};
    uint64_t word = 0;
    assert_true(tables_add(&machine.tables, &table.frame, 0));
    step(&machine, &gone);
    assert_int_equal(machine.gone.frame_count, 0);
    assert_true(tables_add(&machine.tables, &table.frame, 0));
    run(&machine, 1, OP_MSR(A64_TTBR0_EL1, 0), 0x40002000);
    step(&machine, &gone);
    assert_null(tables_find(&machine.tables, table.frame.pa));
    assert_int_equal(tables_read(&machine.gone, table.frame.pa + 8, &word), 0);
    assert_int_equal(word, 7);
    run(&machine, 1, OP_ISB, 0);
    assert_int_equal(machine.gone.frame_count, 0);
    machine_end(&machine);
}

static void barriers_and_maintenance_are_in_the_history(void **state)
{
    (void)state;
    struct machine machine = begin_machine();
    const struct cpu_history *history = &machine.cpus[0].history;
    run(&machine, 1, OP_DC_CVAU, 0x40000040); /* event 0 */
    run(&machine, 1, OP_DSB_ISH, 0);
    run(&machine, 1, OP_IC_IALLU, 0);
    run(&machine, 1, OP_ISB, 0);
    assert_int_equal(history_dc(history, 0, 0x40000040 / 64, A64_DC_CLEAN, false), 0);
    assert_true(history_dc(history, 0, 0x40000080 / 64, A64_DC_CLEAN, false) == HISTORY_NEVER);
    assert_int_equal(history_dsb(history, 0, A64_ISH, true), 1);
    assert_int_equal(history_ic(history, 0, 5), 2);
    assert_int_equal(history_cse(history, 0), 3);
    machine_end(&machine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_rule_tells_what_it_is),
        cmocka_unit_test(a_rule_that_is_none_is_refused),
        cmocka_unit_test(only_the_chosen_rules_are_judged),
        cmocka_unit_test(errors_come_first_in_the_order_of_their_consumers),
        cmocka_unit_test(beyond_the_limit_errors_are_kept_before_notes),
        cmocka_unit_test(windows_that_were_cut_are_counted),
        cmocka_unit_test(the_model_follows_levels_through_exceptions),
        cmocka_unit_test(a_write_is_pending_until_a_cse_with_what_it_wrote_over),
        cmocka_unit_test(a_name_means_the_register_of_the_level),
        cmocka_unit_test(a_table_let_go_is_kept_until_the_next_cse),
        cmocka_unit_test(barriers_and_maintenance_are_in_the_history),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
