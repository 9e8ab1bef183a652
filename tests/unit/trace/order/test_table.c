/* table-before-walk: prepared tables, live tables, and what needs no barrier. */
#include "live_trace.h"

#define RULE "table-before-walk"
#define NEW  (PAGE_AT(9) | PAGE)

static struct live live;

/* A boot whose tables are written by the CPU itself, and what stands between them and the MMU. */
static void boot(uint8_t writer, uint32_t dsb)
{
    live = (struct live){.el = 1, .pc = UINT64_C(0x40080000)};
    build_begin(&live.build, 2);
    const struct trace_written written = {.time = 1,
                                          .pc = 0x40070000,
                                          .va = HIGH_WORD(3),
                                          .pa = HIGH_WORD(3),
                                          .cpu = writer,
                                          .flags = TRACE_EVENT_VALUE};
    live_insn(&live, OP_ISB, 0);
    live.cpu = writer;
    if (dsb != 0) {
        live_insn(&live, dsb, 0);
    }
    live.cpu = 0;
    live_tables(&live, &written);
    live_registers(&live, UINT64_C(0x30d01805));
}

static void tables_filled_before_the_mmu_need_a_dsb(void **state)
{
    (void)state;
    const struct {
        uint32_t dsb;
        size_t errors;
    } cases[] = {
        {0, 1},         {OP_DSB_LD, 1},  {OP_DMB_ISH, 1}, {OP_DSB_NSHST, 0}, {OP_DSB_ISHST, 0},
        {OP_DSB_SY, 0}, {OP_DSB_NSH, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        boot(0, cases[i].dsb);
        struct order_finding finding = live_expect(&live, RULE, NULL, cases[i].errors, 0, "no DSB");
        if (cases[i].errors != 0) {
            assert_int_equal(finding.count, 6); /* tables, one store and one ISB */
            assert_true(finding.write.pc == 0x40070000);
            assert_int_equal(finding.consumer.opcode, OP_ISB);
            assert_true(finding.consumer.pc == UINT64_C(0x40080000) + 7 * 4 ||
                        finding.consumer.pc == live.pc - 4);
        }
    }
}

static void another_cpus_tables_need_a_dsb_of_that_cpu_in_the_ish_domain(void **state)
{
    (void)state;
    boot(1, OP_DSB_NSHST);
    live_expect(&live, RULE, NULL, 1, 0, "Inner Shareable domain by the CPU that wrote it");
    boot(1, OP_DSB_ISHST);
    live_clean(&live, RULE);
}

static void what_nobody_wrote_needs_nothing(void **state)
{
    (void)state;
    live_begin(&live, 1); /* told without a writer: the emulator loaded them */
    live_word(&live, HIGH_WORD(9), NEW);
    live_insn(&live, OP_DSB_ISHST, 0);
    live_insn(&live, OP_ISB, 0);
    live_read(&live, HIGH_PAGE(9));
    live_clean(&live, RULE);
}

static void stores_into_a_table_in_ttbr_before_the_mmu_is_on(void **state)
{
    (void)state;
    for (unsigned int fixed = 0; fixed < 2; fixed++) {
        live = (struct live){.el = 1, .pc = UINT64_C(0x40080000)};
        build_begin(&live.build, 1);
        live_tables(&live, NULL);
        uint64_t write_pc = live.pc;
        live_word(&live, LOW_WORD(9), NEW);
        live_insn(&live, OP_ISB, 0); /* the MMU is off: nobody walks yet */
        if (fixed == 1) {
            live_insn(&live, OP_DSB_NSHST, 0);
        }
        live_registers(&live, UINT64_C(0x30d01805));
        struct order_finding finding = live_expect(&live, RULE, NULL, fixed == 0, 0, "no DSB");
        assert_true(fixed == 1 || finding.write.pc == write_pc);
    }
}

static void a_use_through_a_new_descriptor_needs_dsb_and_cse(void **state)
{
    (void)state;
    const struct order_features ets2 = {.ets2 = true};
    const struct {
        uint32_t dsb;
        bool isb;
        bool fetch;
        size_t errors, errors_ets2;
        const char *says;
    } cases[] = {
        {0, false, false, 1, 1, "no DSB"},
        {OP_DMB_ISH, true, false, 1, 1, "no DSB"},
        {OP_DSB_LD, true, false, 1, 1, "no DSB"},
        {0, true, true, 1, 1, "no DSB"},
        {OP_DSB_ISHST, false, false, 1, 0, "no context synchronization event"},
        {OP_DSB_ISHST, false, true, 1, 1, "no context synchronization event"},
        {OP_DSB_ISHST, true, false, 0, 0, NULL},
        {OP_DSB_ISHST, true, true, 0, 0, NULL},
        {OP_DSB_NSHST, true, false, 0, 0, NULL},
    };
    for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
        bool with = i % 2 != 0;
        live_begin(&live, 1);
        uint64_t write_pc = live.pc;
        live_word(&live, HIGH_WORD(9), NEW);
        if (cases[i / 2].dsb != 0) {
            live_insn(&live, cases[i / 2].dsb, 0);
        }
        if (cases[i / 2].isb) {
            live_insn(&live, OP_ISB, 0);
        }
        live_read(&live, HIGH_PAGE(1)); /* not through it */
        uint64_t pc = cases[i / 2].fetch ? HIGH_PAGE(9) : live.pc;
        if (cases[i / 2].fetch) {
            live_jump(&live, pc);
        } else {
            live_read(&live, HIGH_PAGE(9) + 16);
        }
        struct order_finding finding = live_expect(
            &live, RULE, with ? &ets2 : NULL, with ? cases[i / 2].errors_ets2 : cases[i / 2].errors,
            0, cases[i / 2].says);
        if (finding.count != 0) {
            assert_true(finding.write.pc == write_pc && finding.consumer.pc == pc);
            assert_non_null(strstr(finding.detail, "was 0x0 (invalid) and became 0x48009707"));
        }
    }
}

static void a_page_of_el0_may_be_found_late(void **state)
{
    (void)state;
    live_begin(&live, 1);
    live_word(&live, LOW_WORD(9), NEW | USER | NOT_GLOBAL);
    live_insn(&live, OP_MSR(A64_SPSR_EL1, 0), 0);
    live_insn(&live, OP_ERET, 0);
    live.el = 0;
    live.pc = LOW_PAGE(0);
    live_read(&live, LOW_PAGE(9));
    live_expect(&live, RULE, NULL, 0, 1, "no DSB");

    live_begin(&live, 1); /* the kernel, copying to the user's page */
    live_word(&live, LOW_WORD(9), NEW | USER | NOT_GLOBAL);
    live_write(&live, LOW_PAGE(9));
    live_expect(&live, RULE, NULL, 0, 1, "no DSB");
}

static void changes_of_valid_descriptors_and_unmapping_are_other_rules(void **state)
{
    (void)state;
    live_begin(&live, 1);
    live_word(&live, HIGH_WORD(9), NEW); /* a subject, taken back */
    live_word(&live, HIGH_WORD(9), 0);
    live_word(&live, HIGH_WORD(1), PAGE_AT(1) | PAGE | READ_ONLY);
    live_read(&live, HIGH_PAGE(1));
    live_clean(&live, RULE);
}

/* A new level 3 table, filled and then linked by a store. */
static void link_table(uint32_t dsb, bool interrupted)
{
    live_begin(&live, 1);
    const uint64_t words[] = {NEW};
    const struct trace_written written = {.time = live.build.events,
                                          .pc = live.pc,
                                          .va = LINEAR(UINT64_C(0x40029000)),
                                          .pa = 0x40029000,
                                          .flags = TRACE_EVENT_VALUE};
    live_insn(&live, OP_NOP, 0);
    live_word(&live, L2_HIGH + 16, UINT64_C(0x40029000) | TABLE);
    live_frame(&live, 0x40029000, 3, true, words, 1, &written);
    if (interrupted) {
        build_entry(&live.build, 0, 1, LINEAR(UINT64_C(0x40090000)), 0x280);
        live_insn(&live, OP_ERET, 0);
    }
    if (dsb != 0) {
        live_insn(&live, dsb, 0);
    }
    live_insn(&live, OP_ISB, 0);
    live_read(&live, UINT64_C(0xffffff8080400000));
}

static void a_table_linked_into_a_live_one(void **state)
{
    (void)state;
    link_table(OP_DSB_ISHST, false);
    live_clean(&live, RULE);
    link_table(OP_DSB_ISHST, true); /* an interrupt between link and DSB */
    live_clean(&live, RULE);
    link_table(0, true); /* the table and its link, both at the load */
    struct order_finding finding = live_expect(&live, RULE, NULL, 2, 0, "no DSB");
    assert_true(finding.consumer.address == UINT64_C(0xffffff8080400000));
    link_table(0, false); /* the table at the ISB, its link at the load */
    finding = live_expect(&live, RULE, NULL, 2, 0, "no DSB");
    assert_int_equal(finding.consumer.opcode, OP_ISB);
}

/* A kernel in the high half installs a task's tables: its last descriptors have no DSB yet. */
static void a_tasks_tables_are_noted(void **state)
{
    (void)state;
    live_begin(&live, 1);
    const uint64_t words[] = {0, UINT64_C(0x80000000) | BLOCK | USER};
    const struct trace_written written = {.time = live.build.events,
                                          .pc = live.pc,
                                          .va = LINEAR(UINT64_C(0x40030000)),
                                          .pa = 0x40030008,
                                          .flags = TRACE_EVENT_VALUE};
    live_insn(&live, OP_NOP, 0);
    live_insn(&live, OP_MSR(A64_TTBR0_EL1, 0), 0x40030000);
    live_frame(&live, 0x40030000, 1, false, words, 2, &written);
    live_insn(&live, OP_ISB, 0);
    live_expect(&live, RULE, NULL, 0, 1, "no DSB");
}

/* The same from code that itself runs in the low half is no excuse. */
static void the_tables_one_runs_by_are_an_error(void **state)
{
    (void)state;
    live_begin(&live, 1);
    live.pc = UINT64_C(0x40080000);
    const uint64_t words[] = {0, UINT64_C(0x40000000) | BLOCK};
    const struct trace_written written = {.time = live.build.events,
                                          .pc = live.pc,
                                          .va = LINEAR(UINT64_C(0x40030000)),
                                          .pa = 0x40030008,
                                          .flags = TRACE_EVENT_VALUE};
    live_insn(&live, OP_NOP, 0);
    live_insn(&live, OP_MSR(A64_TTBR0_EL1, 0), 0x40030000);
    live_frame(&live, 0x40030000, 1, false, words, 2, &written);
    live_insn(&live, OP_ISB, 0);
    live_expect(&live, RULE, NULL, 1, 0, "no DSB");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_filled_before_the_mmu_need_a_dsb),
        cmocka_unit_test(another_cpus_tables_need_a_dsb_of_that_cpu_in_the_ish_domain),
        cmocka_unit_test(what_nobody_wrote_needs_nothing),
        cmocka_unit_test(stores_into_a_table_in_ttbr_before_the_mmu_is_on),
        cmocka_unit_test(a_use_through_a_new_descriptor_needs_dsb_and_cse),
        cmocka_unit_test(a_page_of_el0_may_be_found_late),
        cmocka_unit_test(changes_of_valid_descriptors_and_unmapping_are_other_rules),
        cmocka_unit_test(a_table_linked_into_a_live_one),
        cmocka_unit_test(a_tasks_tables_are_noted),
        cmocka_unit_test(the_tables_one_runs_by_are_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
