/* Numbers of an event trace: what is counted, where windows open and end. */
#include "event_stats.h"
#include "trace_build.h"

static void count(struct build *build, struct event_stats *stats)
{
    char error[EVENT_ERROR_TEXT];
    struct event_trace trace;
    size_t size;
    const uint8_t *data = build_finish(build, &size);
    if (!event_trace_parse(&trace, data, size, error)) {
        fail_msg("%s", error);
    }
    event_stats_make(stats, &trace);
    event_trace_close(&trace);
    build_free(build);
}

static void kinds_classes_and_operands(void **state)
{
    (void)state;
    struct build build;
    struct event_stats stats;
    build_begin(&build, 1);
    build_insn(&build, 0, 1, 0x1000, OP_MSR(A64_TTBR0_EL1, 0), 0);
    build_insn_unknown(&build, 0, 1, 0x1000, OP_MSR(A64_TTBR0_EL1, 0));
    build_insn(&build, 0, 1, 0x1004, OP_ISB, 0);
    build_entry(&build, 0, 1, 0x2000, 0x200);
    build_cut(&build, 0);
    count(&build, &stats);
    assert_int_equal(stats.kinds[TRACE_EVENT_INSN], 3);
    assert_int_equal(stats.kinds[TRACE_EVENT_ENTRY], 1);
    assert_int_equal(stats.kinds[TRACE_EVENT_STORE], 0);
    assert_int_equal(stats.classes[A64_MSR], 2);
    assert_int_equal(stats.classes[A64_ISB], 1);
    assert_int_equal(stats.operands, 2);
    assert_int_equal(stats.unknown_operands, 1);
    assert_int_equal(stats.windows.cuts, 1);
    assert_int_equal(stats.sites.count, 2);
    assert_int_equal(stats.sites.items[0].pc, 0x1000);
    assert_int_equal(stats.sites.items[0].count, 2);
    event_stats_free(&stats);
}

static void a_weaker_dsb_leaves_the_window_open(void **state)
{
    (void)state;
    struct build build;
    struct event_stats stats;
    build_begin(&build, 1);
    build_insn(&build, 0, 1, 0x1000, OP_TLBI_VMALLE1IS, 0);
    build_insn(&build, 0, 1, 0x1004, OP_DSB_NSH, 0); /* this CPU's part only */
    build_insn(&build, 0, 1, 0x1008, OP_ISB, 0);
    build_access(&build, 0, 1, 0x100c, 0x5000, 0x5000, false);
    build_insn(&build, 0, 1, 0x1010, OP_DSB_ISHST, 0); /* stores only */
    build_insn(&build, 0, 1, 0x1014, OP_ISB, 0);
    build_access(&build, 0, 1, 0x1018, 0x5000, 0x5000, false);
    build_insn(&build, 0, 1, 0x101c, OP_DSB_ISH, 0);
    build_insn(&build, 0, 1, 0x1020, OP_ISB, 0);
    count(&build, &stats);
    assert_int_equal(stats.windows.count, 1);
    assert_int_equal(stats.windows.open_at_end, 0);
    assert_int_equal(stats.windows.recorded, 2);
    event_stats_free(&stats);
}

static void a_window_ends_with_its_barriers(void **state)
{
    (void)state;
    struct build build;
    struct event_stats stats;
    build_begin(&build, 1);
    build_insn(&build, 0, 1, 0x1000, OP_ISB, 0);
    build_insn(&build, 0, 1, 0x1004, OP_TLBI_VMALLE1, 0);
    build_access(&build, 0, 1, 0x1008, 0x5000, 0x5000, false);
    build_insn(&build, 0, 1, 0x100c, OP_ISB, 0); /* no DSB yet: it stays open */
    build_access(&build, 0, 1, 0x1010, 0x5000, 0x5000, false);
    build_insn(&build, 0, 1, 0x1014, OP_DSB_NSH, 0);
    build_access(&build, 0, 1, 0x1018, 0x5000, 0x5000, false);
    build_insn(&build, 0, 1, 0x101c, OP_ISB, 0);
    build_insn(&build, 0, 1, 0x1020, OP_MSR(A64_VBAR_EL1, 0), 0x800);
    build_access(&build, 0, 1, 0x1024, 0x5000, 0x5000, false);
    build_entry(&build, 0, 1, 0x800, 0x200);
    count(&build, &stats);
    assert_int_equal(stats.windows.count, 2);
    assert_int_equal(stats.windows.open_at_end, 0);
    assert_int_equal(stats.windows.recorded, 4);
    assert_int_equal(stats.windows.longest, 3);
    assert_int_equal(stats.windows.longest_at, 1);
    event_stats_free(&stats);
}

static void a_store_to_a_live_table_opens_one_with_the_mmu_on(void **state)
{
    (void)state;
    struct build build;
    struct event_stats stats;
    build_begin(&build, 2);
    build_store_table(&build, 0, 1, 0x1000, 0x5000, 0x5000, 3);
    build_insn(&build, 0, 1, 0x1004, OP_MSR(A64_SCTLR_EL1, 0), 1);
    build_insn(&build, 0, 1, 0x1008, OP_ISB, 0);
    build_store_table(&build, 0, 1, 0x100c, 0x5000, 0x5000, 0);
    build_store_table(&build, 1, 1, 0x100c, 0x5000, 0x5000, 0); /* this CPU's MMU is off */
    count(&build, &stats);
    assert_int_equal(stats.windows.count, 2);
    assert_int_equal(stats.windows.open_at_end, 1);
    event_stats_free(&stats);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds_classes_and_operands),
        cmocka_unit_test(a_window_ends_with_its_barriers),
        cmocka_unit_test(a_weaker_dsb_leaves_the_window_open),
        cmocka_unit_test(a_store_to_a_live_table_opens_one_with_the_mmu_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
