/* code-before-execute: each step between storing an instruction and executing it. */
#include "live_trace.h"

#define RULE    "code-before-execute"
#define CODE_PA UINT64_C(0x48001000) /* page 1 of the high L3 table */
#define CODE_VA HIGH_PAGE(1)

static struct live live;
static struct trace_written written;

static const uint32_t NOPS[] = {OP_NOP, OP_RET};

/* The store, by the CPU that goes on. */
static void store(uint32_t cpus, uint8_t flags)
{
    live_begin(&live, cpus);
    written = (struct trace_written){.time = live.build.events,
                                     .pc = live.pc,
                                     .va = CODE_VA,
                                     .pa = CODE_PA,
                                     .flags = (uint8_t)(TRACE_EVENT_VALUE | flags)};
    live.pc += 4;
}

static void execute(void)
{
    build_translate(&live.build, live.cpu, live.el, CODE_VA, CODE_PA, NOPS, 2, &written);
}

enum step { DC = 1, DSB1 = 2, IC = 4, DSB2 = 8, CSE = 16, EVERY = 31 };

static void steps(unsigned int which)
{
    const struct {
        enum step step;
        uint32_t opcode;
        uint64_t value;
    } all[] = {
        {DC, OP_DC_CVAU, CODE_VA}, {DSB1, OP_DSB_ISH, 0}, {IC, OP_IC_IVAU, CODE_VA},
        {DSB2, OP_DSB_ISH, 0},     {CSE, OP_ISB, 0},
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        if ((which & all[i].step) != 0) {
            live_insn(&live, all[i].opcode, all[i].value);
        }
    }
}

static void each_step_is_asked_for_in_its_turn(void **state)
{
    (void)state;
    const struct {
        unsigned int steps;
        const char *says;
    } cases[] = {
        {0, "no DC that cleans"},
        {EVERY & ~DC, "no DC that cleans"},
        {DC | IC, "no DSB between the DC"},
        {EVERY & ~IC, "no IC of the line"},
        {DC | DSB1 | IC | CSE, "behind the IC"},
        {EVERY & ~CSE, "no context synchronization event"},
        {DC | IC | DSB2 | CSE, "no DSB between the DC"},
        {DC | DSB1 | DSB2 | CSE, "no IC of the line"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        store(1, 0);
        uint64_t write_pc = written.pc;
        steps(cases[i].steps);
        execute();
        struct order_finding finding = live_expect(&live, RULE, NULL, 1, 0, cases[i].says);
        assert_true(finding.write.pc == write_pc && finding.consumer.pc == CODE_VA);
        assert_non_null(strstr(finding.detail, "PA 0x48001000"));
    }
    store(1, 0);
    steps(EVERY);
    execute();
    live_clean(&live, RULE);
}

static void other_forms_of_the_steps(void **state)
{
    (void)state;
    const uint64_t operands[] = {CODE_VA, LINEAR(CODE_PA) + 60}; /* an alias, the same line */
    const uint32_t dcs[] = {OP_DC_CVAU, OP_DC_CVAC, OP_DC_CIVAC, OP_DC_CISW};
    const uint32_t ics[] = {OP_IC_IVAU, OP_IC_IALLU, OP_IC_IALLUIS};
    for (unsigned int i = 0; i < 4 * 3 * 2; i++) {
        store(1, 0);
        live_insn(&live, dcs[i % 4], operands[i / 12]);
        live_insn(&live, OP_DSB_ISHST, 0);
        live_insn(&live, ics[i / 4 % 3], operands[i / 12]);
        live_insn(&live, OP_DSB_NSH, 0);
        live_insn(&live, OP_ERET, 0);
        execute();
        live_clean(&live, RULE);
    }
    store(1, 0); /* addresses unknown: for every line */
    live_unknown(&live, OP_DC_CVAU);
    live_insn(&live, OP_DSB_ISH, 0);
    live_unknown(&live, OP_IC_IVAU);
    live_insn(&live, OP_DSB_ISH, 0);
    live_insn(&live, OP_ISB, 0);
    execute();
    live_clean(&live, RULE);
}

static void the_wrong_line_or_operation_is_none(void **state)
{
    (void)state;
    store(1, 0);
    live_insn(&live, OP_DC_CVAU, CODE_VA + 64);
    steps(EVERY & ~DC);
    execute();
    live_expect(&live, RULE, NULL, 1, 0, "no DC that cleans");
    store(1, 0);
    live_insn(&live, OP_DC_IVAC, CODE_VA); /* cleans nothing */
    steps(EVERY & ~DC);
    execute();
    live_expect(&live, RULE, NULL, 1, 0, "no DC that cleans");
    store(1, 0);
    steps(DC | DSB1);
    live_insn(&live, OP_IC_IVAU, CODE_VA + 64);
    steps(DSB2 | CSE);
    execute();
    live_expect(&live, RULE, NULL, 1, 0, "no IC of the line");
    store(1, 0);
    steps(DC | DSB1 | IC);
    live_insn(&live, OP_DSB_ISHST, 0); /* IC waits for a full DSB */
    live_insn(&live, OP_ISB, 0);
    execute();
    live_expect(&live, RULE, NULL, 1, 0, "behind the IC");
}

static void features_of_the_caches_lift_steps(void **state)
{
    (void)state;
    const struct order_features idc = {.idc = true};
    const struct order_features both = {.idc = true, .dic = true};
    store(1, 0);
    steps(DSB1 | IC | DSB2 | CSE);
    execute();
    live_expect(&live, RULE, &idc, 0, 0, NULL);
    store(1, 0);
    steps(DSB1 | CSE);
    execute();
    live_expect(&live, RULE, &both, 0, 0, NULL);
    store(1, 0);
    steps(CSE);
    execute();
    live_expect(&live, RULE, &both, 1, 0, "no DSB between the store");
    store(1, 0);
    steps(DSB1);
    execute();
    live_expect(&live, RULE, &both, 1, 0, "no context synchronization event");
    store(1, TRACE_EVENT_CACHES_OFF); /* in memory already, but the instruction cache is on */
    steps(DSB1 | IC | DSB2 | CSE);
    execute();
    live_clean(&live, RULE);
    store(1, TRACE_EVENT_CACHES_OFF);
    steps(DSB1 | CSE);
    execute();
    live_expect(&live, RULE, NULL, 1, 0, "no IC of the line");
}

static void code_that_the_emulator_loaded_is_nobodys(void **state)
{
    (void)state;
    store(1, 0);
    const struct trace_written nobody = {0};
    build_translate(&live.build, 0, 1, LINEAR(UINT64_C(0x40080000)), 0x40080000, NOPS, 2, &nobody);
    steps(EVERY);
    execute(); /* the subject */
    live_clean(&live, RULE);
}

static void with_translation_off_it_is_noted(void **state)
{
    (void)state;
    live = (struct live){.el = 1, .pc = UINT64_C(0x40080000)};
    build_begin(&live.build, 1);
    written = (struct trace_written){.time = 0,
                                     .pc = live.pc,
                                     .va = 0x48001000,
                                     .pa = 0x48001000,
                                     .flags = TRACE_EVENT_VALUE | TRACE_EVENT_CACHES_OFF};
    build_translate(&live.build, 0, 1, 0x48001000, 0x48001000, NOPS, 2, &written);
    live_insn(&live, OP_DSB_SY, 0);
    live_insn(&live, OP_ISB, 0);
    build_translate(&live.build, 0, 1, 0x48001004, 0x48001004, NOPS, 1, &written);
    live_expect(&live, RULE, NULL, 0, 1, "no DSB between the store");
}

/* Moved with caches off, IC right behind it, and no DSB until later: as U-Boot does it. */
static void memory_that_was_never_executed_needs_an_ic_at_any_time(void **state)
{
    (void)state;
    store(1, TRACE_EVENT_CACHES_OFF);
    live_insn(&live, OP_IC_IALLUIS, 0);
    steps(DSB1 | CSE);
    execute();
    live_clean(&live, RULE);
    store(1, TRACE_EVENT_CACHES_OFF); /* over code that ran: in its turn */
    build_store(&live.build, 0, 1, written.pc, CODE_VA, CODE_PA, 0,
                TRACE_EVENT_CODE | TRACE_EVENT_CACHES_OFF);
    live_insn(&live, OP_IC_IALLUIS, 0);
    steps(DSB1 | CSE);
    execute();
    live_expect(&live, RULE, NULL, 1, 0, "no IC of the line");
}

static void another_cpu_needs_its_own_cse(void **state)
{
    (void)state;
    store(2, 0);
    steps(EVERY & ~CSE);
    live.cpu = 1;
    live_insn(&live, OP_ISB, 0);
    execute();
    live_clean(&live, RULE);
    store(2, 0);
    steps(EVERY); /* the ISB is another CPU's */
    live.cpu = 1;
    execute();
    live_expect(&live, RULE, NULL, 1, 0, "no context synchronization event");
    store(2, 0);
    live_insn(&live, OP_DC_CVAU, CODE_VA);
    live_insn(&live, OP_DSB_NSH, 0); /* does not reach the other CPU */
    steps(IC | DSB2);
    live.cpu = 1;
    live_insn(&live, OP_ISB, 0);
    execute();
    live_expect(&live, RULE, NULL, 1, 0, "no DSB between the DC");
    store(2, 0);
    steps(DC | DSB1);
    live_insn(&live, OP_IC_IALLU, 0); /* this CPU's instruction cache only */
    steps(DSB2);
    live.cpu = 1;
    live_insn(&live, OP_ISB, 0);
    execute();
    live_expect(&live, RULE, NULL, 1, 0, "no IC of the line");
    store(2, 0); /* a task that goes on on another CPU between two steps */
    steps(DC | DSB1);
    live.cpu = 1;
    steps(IC | DSB2 | CSE);
    execute();
    live_clean(&live, RULE);
}

/* What B2.2.5 lets one CPU replace while another executes it. */
static void a_branch_may_be_replaced_under_another_cpu(void **state)
{
    (void)state;
    const uint32_t opcodes[] = {OP_NOP, 0x14000010, 0x97fffff0, 0xd4200000, OP_ISB, OP_SVC};
    for (size_t i = 0; i < sizeof(opcodes) / sizeof(opcodes[0]); i++) {
        const uint32_t code[] = {opcodes[i]};
        store(2, 0);
        steps(EVERY);
        live.cpu = 1;
        build_translate(&live.build, 1, 1, CODE_VA, CODE_PA, code, 1, &written);
        live_expect(&live, RULE, NULL, 0, 1, "no context synchronization event");
    }
}

/* A kernel that patches itself runs through what it patches; the maintenance follows. */
static void code_that_is_being_patched_is_noted(void **state)
{
    (void)state;
    for (unsigned int i = 0; i < 3; i++) {
        store(1, 0);
        build_store(&live.build, 0, 1, written.pc, CODE_VA, CODE_PA, 0, TRACE_EVENT_CODE);
        execute();
        if (i == 1) { /* another store to it before: the maintenance is that one's */
            build_store(&live.build, 0, 1, live.pc, CODE_VA, CODE_PA, 0, TRACE_EVENT_CODE);
        }
        if (i != 2) {
            steps(EVERY);
        }
        live_expect(&live, RULE, NULL, i != 0, i == 0, "no DC that cleans");
    }
    store(1, 0); /* also when it has got as far as to the DC */
    build_store(&live.build, 0, 1, written.pc, CODE_VA, CODE_PA, 0, TRACE_EVENT_CODE);
    steps(DC);
    execute();
    steps(DSB1 | IC | DSB2 | CSE);
    live_expect(&live, RULE, NULL, 0, 1, "no DSB between the DC");
    store(1, 0); /* but not behind the IC */
    build_store(&live.build, 0, 1, written.pc, CODE_VA, CODE_PA, 0, TRACE_EVENT_CODE);
    steps(DC | DSB1 | IC);
    execute();
    steps(DSB2 | CSE);
    live_expect(&live, RULE, NULL, 1, 0, "behind the IC");
}

/* A literal pool: the newest store to the line is beside the code. */
static void a_store_to_data_in_the_line_is_noted(void **state)
{
    (void)state;
    store(1, 0);
    written.pa += 32;
    written.va += 32;
    execute();
    struct order_finding finding = live_expect(&live, RULE, NULL, 0, 1, NULL);
    assert_non_null(strstr(finding.detail, "beside"));
}

/* The line's newest store is to data beside the code; the code's own one is in order. */
static void a_store_beside_the_code_does_not_count(void **state)
{
    (void)state;
    store(1, 0);
    build_store(&live.build, 0, 1, live.pc, CODE_VA, CODE_PA, 0, TRACE_EVENT_CODE);
    steps(EVERY);
    written.time = live.build.events;
    written.pa = CODE_PA + 32;
    written.va = CODE_VA + 32;
    live_insn(&live, OP_NOP, 0);
    execute();
    live_clean(&live, RULE);

    store(1, 0); /* and the other way round */
    steps(EVERY);
    uint64_t write_pc = live.pc;
    build_store(&live.build, 0, 1, write_pc, CODE_VA, CODE_PA, 0, TRACE_EVENT_CODE);
    execute();
    struct order_finding finding = live_expect(&live, RULE, NULL, 1, 0, "no DC that cleans");
    assert_true(finding.write.pc == write_pc);
}

/* A loader that moved itself: whatever of the copy executes, one step is missing behind one store.
 */
static void one_copy_is_one_finding(void **state)
{
    (void)state;
    store(1, 0);
    for (unsigned int i = 0; i < 5; i++) {
        build_translate(&live.build, 0, 1, CODE_VA + i * 8, CODE_PA + i * 8, NOPS, 2, &written);
    }
    struct order_finding finding = live_expect(&live, RULE, NULL, 1, 0, "no DC that cleans");
    assert_true(finding.count == 5 && finding.consumer.pc == CODE_VA);

    store(1, 0); /* two steps, two findings: behind the second IC no DSB came */
    execute();
    steps(DC | DSB1 | IC);
    live_insn(&live, OP_ISB, 0);
    execute();
    live_expect(&live, RULE, NULL, 2, 0, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_step_is_asked_for_in_its_turn),
        cmocka_unit_test(other_forms_of_the_steps),
        cmocka_unit_test(the_wrong_line_or_operation_is_none),
        cmocka_unit_test(features_of_the_caches_lift_steps),
        cmocka_unit_test(code_that_the_emulator_loaded_is_nobodys),
        cmocka_unit_test(with_translation_off_it_is_noted),
        cmocka_unit_test(memory_that_was_never_executed_needs_an_ic_at_any_time),
        cmocka_unit_test(another_cpu_needs_its_own_cse),
        cmocka_unit_test(a_branch_may_be_replaced_under_another_cpu),
        cmocka_unit_test(code_that_is_being_patched_is_noted),
        cmocka_unit_test(a_store_to_data_in_the_line_is_noted),
        cmocka_unit_test(a_store_beside_the_code_does_not_count),
        cmocka_unit_test(one_copy_is_one_finding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
