/* The timeline: what becomes a line of its own, what is counted, what "again" means. */
#include "timeline.h"

#include "disassembly.h"
#include "timeline_words.h"
#include "trace_build.h"

#define SCTLR(rt) OP_MSR(A64_SCTLR_EL1, rt)
#define TTBR0(rt) OP_MSR(A64_TTBR0_EL1, rt)

struct told {
    struct build build;
    struct event_trace trace;
    struct timeline timeline;
};

static int begin(void **state)
{
    static struct told told;
    told = (struct told){0};
    build_begin(&told.build, 2);
    *state = &told;
    return 0;
}

static int end(void **state)
{
    struct told *told = *state;
    timeline_free(&told->timeline);
    event_trace_close(&told->trace);
    build_free(&told->build);
    return 0;
}

static void tell(struct told *told, int cpu, size_t lines)
{
    char error[EVENT_ERROR_TEXT];
    size_t size;
    const uint8_t *data = build_finish(&told->build, &size);
    if (!event_trace_parse(&told->trace, data, size, error)) {
        fail_msg("%s", error);
    }
    timeline_make(&told->timeline, &told->trace, cpu);
    assert_int_equal(told->timeline.count, lines);
}

static const struct timeline_line *line_of(const struct told *told, size_t index)
{
    assert_true(index < told->timeline.count);
    return &told->timeline.lines[index];
}

static void the_mmu_is_told_when_it_changes(void **state)
{
    struct told *told = *state;
    build_insn(&told->build, 0, 1, 0x1000, SCTLR(0), 0x800);
    build_insn(&told->build, 0, 1, 0x1010, SCTLR(0), 0x801);
    build_insn(&told->build, 0, 1, 0x1020, SCTLR(0), 0x805);
    build_insn(&told->build, 0, 1, 0x1030, SCTLR(0), 0x804);
    build_insn_unknown(&told->build, 0, 1, 0x1040, SCTLR(0));
    tell(told, -1, 5);
    assert_int_equal(line_of(told, 0)->mmu, MMU_AS_BEFORE);
    assert_int_equal(line_of(told, 1)->mmu, MMU_TURNED_ON);
    assert_int_equal(line_of(told, 2)->mmu, MMU_AS_BEFORE);
    assert_int_equal(line_of(told, 3)->mmu, MMU_TURNED_OFF);
    assert_int_equal(line_of(told, 4)->mmu, MMU_AS_BEFORE);
    assert_false(line_of(told, 4)->has_value);
}

static void another_levels_sctlr_turns_nothing_on(void **state)
{
    struct told *told = *state;
    build_insn(&told->build, 0, 2, 0x1000, SCTLR(0), 1);
    tell(told, -1, 1);
    assert_int_equal(line_of(told, 0)->mmu, MMU_AS_BEFORE);
}

static void barriers_count_where_they_stand(void **state)
{
    struct told *told = *state;
    build_insn(&told->build, 0, 1, 0x1000, OP_ISB, 0);
    build_insn(&told->build, 0, 1, 0x1004, OP_TLBI_VMALLE1, 0);
    build_insn(&told->build, 0, 1, 0x1008, OP_DSB_NSH, 0);
    build_insn(&told->build, 0, 1, 0x100c, OP_DMB_ISH, 0);
    build_insn(&told->build, 0, 1, 0x1010, OP_ISB, 0);
    build_insn(&told->build, 0, 1, 0x1014, OP_ISB, 0);
    tell(told, -1, 2);
    assert_int_equal(line_of(told, 0)->act, LINE_BARRIERS);
    assert_int_equal(line_of(told, 0)->isb, 1);
    assert_int_equal(line_of(told, 1)->act, ACT_TLBI);
    assert_int_equal(line_of(told, 1)->dsb, 1);
    assert_int_equal(line_of(told, 1)->dmb, 1);
    assert_int_equal(line_of(told, 1)->isb, 2);
    char words[BARRIER_WORDS];
    assert_string_equal(timeline_barriers(line_of(told, 1), words), "dmb, dsb, isb x2");
}

static void a_loop_is_one_line_with_its_range(void **state)
{
    struct told *told = *state;
    for (uint64_t page = 0; page < 16; page++) {
        build_insn(&told->build, 0, 1, 0x1000, OP_TLBI_VAE1, (0x7fff0 + page) | UINT64_C(5) << 48);
        build_insn(&told->build, 0, 1, 0x1004, OP_DSB_ISH, 0);
    }
    tell(told, -1, 1);
    const struct timeline_line *line = line_of(told, 0);
    assert_int_equal(line->count, 16);
    assert_int_equal(line->dsb, 16);
    assert_int_equal(line->first, 0);
    assert_int_equal(line->last, 31);
    assert_true(line->has_range);
    assert_int_equal(line->low, 0x7fff0000);
    assert_int_equal(line->high, 0x7ffff000);
}

static void an_address_of_the_high_half_keeps_its_sign(void **state)
{
    struct told *told = *state;
    build_insn(&told->build, 0, 1, 0x1000, OP_TLBI_VAE1, 0xffffff40080);
    tell(told, -1, 1);
    assert_int_equal(line_of(told, 0)->low, 0xffffffff40080000);
}

static void what_was_there_before_is_counted_again(void **state)
{
    struct told *told = *state;
    for (int round = 0; round < 3; round++) {
        build_insn(&told->build, 0, 0, 0x8000, OP_SVC, 0);
        build_entry(&told->build, 0, 1, 0x2000, 0x400);
        build_insn(&told->build, 0, 1, 0x2100, TTBR0(0), 0x5000);
        build_insn(&told->build, 0, 1, 0x2104, OP_ISB, 0);
        build_insn(&told->build, 0, 1, 0x2108, OP_ERET, 0);
    }
    tell(told, -1, 5);
    const struct timeline_line *again = line_of(told, 4);
    assert_int_equal(again->act, LINE_AGAIN);
    assert_int_equal(again->count, 8);
    assert_int_equal(again->again[ACT_CALL], 2);
    assert_int_equal(again->again[ACT_ENTRY], 2);
    assert_int_equal(again->again[ACT_REGISTER], 2);
    assert_int_equal(again->again[ACT_RETURN], 2);
    assert_int_equal(again->again[ACT_TLBI], 0);
    assert_int_equal(again->isb, 2);
    assert_int_equal(again->first, 5);
    assert_int_equal(again->last, 14);
}

static void a_new_value_is_a_new_line_up_to_a_bound(void **state)
{
    struct told *told = *state;
    for (uint64_t value = 1; value <= 20; value++) {
        build_insn(&told->build, 0, 1, 0x1000, TTBR0(0), value << 12);
    }
    tell(told, -1, 17);
    assert_int_equal(line_of(told, 15)->value, 0x10000);
    assert_int_equal(line_of(told, 16)->act, LINE_AGAIN);
    assert_int_equal(line_of(told, 16)->again[ACT_REGISTER], 4);
}

static void a_saved_pstate_is_no_new_value(void **state)
{
    struct told *told = *state;
    build_insn(&told->build, 0, 1, 0x1000, OP_MSR(A64_SPSR_EL1, 0), 0x100);
    build_insn(&told->build, 0, 1, 0x1000, OP_MSR(A64_SPSR_EL1, 0), 0x200);
    tell(told, -1, 1);
    assert_int_equal(line_of(told, 0)->count, 2);
    assert_int_equal(line_of(told, 0)->value, 0x100);
}

static void tables_count_by_level(void **state)
{
    struct told *told = *state;
    const uint64_t words[4] = {3, 0, 1, 0};
    const struct build_table root = {.pa = 0x5000, .level = 1, .words = words, .count = 4};
    const struct build_table leaf = {.pa = 0x6000, .level = 3, .words = words, .count = 4};
    const struct build_table other = {.pa = 0x7000, .level = 3, .words = words, .count = 4};
    build_frame(&told->build, 0, 1, 0x1000, &root);
    build_frame(&told->build, 0, 1, 0x1000, &leaf);
    build_frame(&told->build, 0, 1, 0x1000, &other);
    tell(told, -1, 1);
    assert_int_equal(line_of(told, 0)->act, ACT_TABLES);
    assert_int_equal(line_of(told, 0)->reachable[1], 1);
    assert_int_equal(line_of(told, 0)->reachable[3], 2);
    assert_int_equal(line_of(told, 0)->gone, 0);
}

static void reads_of_uncached_memory_are_one_line_wherever_they_are(void **state)
{
    struct told *told = *state;
    const struct trace_written written = {.pc = 0x900, .flags = TRACE_EVENT_VALUE};
    build_off_read(&told->build, 0, 1, 0x1000, 0x5000, 0x5000, &written);
    build_off_read(&told->build, 0, 1, 0x1100, 0x5080, 0x5080, &written);
    build_insn(&told->build, 0, 1, 0x1200, OP_TLBI_VMALLE1, 0);
    build_off_read(&told->build, 0, 1, 0x1300, 0x5040, 0x5040, &written);
    tell(told, -1, 3);
    assert_int_equal(line_of(told, 0)->count, 2);
    assert_int_equal(line_of(told, 0)->low, 0x5000);
    assert_int_equal(line_of(told, 0)->high, 0x5080);
    assert_int_equal(line_of(told, 2)->act, LINE_AGAIN);
    assert_int_equal(line_of(told, 2)->again[ACT_OFF_READ], 1);
}

static void each_cpu_has_its_own_lines(void **state)
{
    struct told *told = *state;
    for (int round = 0; round < 2; round++) {
        build_insn(&told->build, 0, 1, 0x1000, OP_TLBI_VMALLE1, 0);
        build_insn(&told->build, 1, 1, 0x1000, OP_TLBI_VMALLE1, 0);
    }
    build_insn(&told->build, 1, 1, 0x1004, OP_DSB_NSH, 0);
    tell(told, -1, 2);
    assert_int_equal(line_of(told, 0)->cpu, 0);
    assert_int_equal(line_of(told, 0)->count, 2);
    assert_int_equal(line_of(told, 0)->dsb, 0);
    assert_int_equal(line_of(told, 1)->cpu, 1);
    assert_int_equal(line_of(told, 1)->dsb, 1);
}

static void one_cpu_alone(void **state)
{
    struct told *told = *state;
    build_insn(&told->build, 0, 1, 0x1000, OP_TLBI_VMALLE1, 0);
    build_insn(&told->build, 1, 1, 0x2000, OP_IC_IALLU, 0);
    tell(told, 1, 1);
    assert_int_equal(line_of(told, 0)->pc, 0x2000);
    assert_int_equal(line_of(told, 0)->first, 1);
}

static void accesses_and_blocks_are_no_acts(void **state)
{
    struct told *told = *state;
    const uint32_t code[1] = {OP_NOP};
    build_access(&told->build, 0, 1, 0x1000, 0x2000, 0x2000, true);
    build_block(&told->build, 0, 1, 0x1000, 0x1000, code, 1);
    build_insn(&told->build, 0, 1, 0x1000, OP_MRS(A64_PAR_EL1, 0), 0);
    tell(told, -1, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_mmu_is_told_when_it_changes, begin, end),
        cmocka_unit_test_setup_teardown(another_levels_sctlr_turns_nothing_on, begin, end),
        cmocka_unit_test_setup_teardown(barriers_count_where_they_stand, begin, end),
        cmocka_unit_test_setup_teardown(a_loop_is_one_line_with_its_range, begin, end),
        cmocka_unit_test_setup_teardown(an_address_of_the_high_half_keeps_its_sign, begin, end),
        cmocka_unit_test_setup_teardown(what_was_there_before_is_counted_again, begin, end),
        cmocka_unit_test_setup_teardown(a_new_value_is_a_new_line_up_to_a_bound, begin, end),
        cmocka_unit_test_setup_teardown(a_saved_pstate_is_no_new_value, begin, end),
        cmocka_unit_test_setup_teardown(tables_count_by_level, begin, end),
        cmocka_unit_test_setup_teardown(reads_of_uncached_memory_are_one_line_wherever_they_are,
                                        begin, end),
        cmocka_unit_test_setup_teardown(each_cpu_has_its_own_lines, begin, end),
        cmocka_unit_test_setup_teardown(one_cpu_alone, begin, end),
        cmocka_unit_test_setup_teardown(accesses_and_blocks_are_no_acts, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
