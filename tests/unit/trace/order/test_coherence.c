/* mmu-off-coherence: reads, and the walker's, of what was written past the caches. */
#include "live_trace.h"

#define RULE "mmu-off-coherence"
#define DATA UINT64_C(0x40200040)

static struct live live;

static struct trace_written off_store(void)
{
    return (struct trace_written){.time = live.build.events,
                                  .pc = live.pc,
                                  .va = DATA,
                                  .pa = DATA,
                                  .flags = TRACE_EVENT_VALUE | TRACE_EVENT_CACHES_OFF};
}

static void read_after(uint32_t dc, uint64_t operand)
{
    live_begin(&live, 1);
    struct trace_written written = off_store();
    live_insn(&live, OP_DSB_SY, 0);
    if (dc != 0) {
        live_insn(&live, dc, operand);
    }
    live_insn(&live, OP_DSB_SY, 0);
    build_off_read(&live.build, 0, 1, live.pc, LINEAR(DATA), DATA, &written);
}

static void a_read_needs_the_line_invalidated(void **state)
{
    (void)state;
    const struct {
        uint32_t dc;
        uint64_t operand;
        size_t notes;
    } cases[] = {
        {0, 0, 1},          {OP_DC_IVAC, LINEAR(DATA), 0}, {OP_DC_CIVAC, LINEAR(DATA) + 8, 0},
        {OP_DC_CISW, 0, 0}, {OP_DC_CVAC, LINEAR(DATA), 1}, {OP_DC_IVAC, LINEAR(DATA) + 64, 1},
        {OP_DSB_SY, 0, 1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        read_after(cases[i].dc, cases[i].operand);
        struct order_finding finding =
            live_expect(&live, RULE, NULL, 0, cases[i].notes, "no DC that invalidates the line");
        if (cases[i].notes != 0) {
            assert_true(finding.consumer.pc == live.pc || finding.consumer.pc == live.pc - 4 ||
                        finding.consumer.pc == live.pc + 4);
            assert_non_null(strstr(finding.detail, "PA 0x40200040"));
        }
    }
}

static void an_invalidation_before_the_store_does_not_help(void **state)
{
    (void)state;
    live_begin(&live, 1);
    live_insn(&live, OP_DC_IVAC, LINEAR(DATA));
    struct trace_written written = off_store();
    build_off_read(&live.build, 0, 1, live.pc, LINEAR(DATA), DATA, &written);
    live_expect(&live, RULE, NULL, 0, 1, NULL);
}

/* What is between the store and the DC, and between that and the read. */
static void the_dc_is_ordered_and_completed(void **state)
{
    (void)state;
    const uint32_t dmb_ishst = UINT32_C(0xd5033abf);
    const struct {
        uint32_t before, behind;
        const char *says;
    } cases[] = {
        {OP_DSB_SY, OP_DSB_SY, NULL},
        {OP_DMB_ISH, OP_DSB_NSH, NULL},
        {OP_NOP, OP_DSB_SY, "the DC of its line, before the read by the CPU"},
        {dmb_ishst, OP_DSB_SY, "the DC of its line, before the read by the CPU"},
        {OP_DSB_ISHST, OP_DSB_SY, "the DC of its line, before the read by the CPU"},
        {OP_ISB, OP_DSB_SY, "the DC of its line, before the read by the CPU"},
        {OP_DSB_SY, OP_NOP, "no DSB (of loads and stores) between the DC"},
        {OP_DSB_SY, OP_DMB_ISH, "no DSB (of loads and stores) between the DC"},
        {OP_DSB_SY, OP_DSB_ISHST, "no DSB (of loads and stores) between the DC"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        live_begin(&live, 1);
        struct trace_written written = off_store();
        live_insn(&live, cases[i].before, 0);
        live_insn(&live, OP_DC_IVAC, LINEAR(DATA));
        live_insn(&live, cases[i].behind, 0);
        build_off_read(&live.build, 0, 1, live.pc, LINEAR(DATA), DATA, &written);
        live_expect(&live, RULE, NULL, 0, cases[i].says != NULL, cases[i].says);
    }
}

/* The DC that counts is one behind the barrier, whatever was done to the line before. */
static void a_dc_too_many_does_no_harm(void **state)
{
    (void)state;
    live_begin(&live, 1);
    struct trace_written written = off_store();
    live_insn(&live, OP_DC_IVAC, LINEAR(DATA));
    live_insn(&live, OP_DSB_SY, 0);
    live_insn(&live, OP_DC_IVAC, LINEAR(DATA));
    live_insn(&live, OP_DSB_SY, 0);
    build_off_read(&live.build, 0, 1, live.pc, LINEAR(DATA), DATA, &written);
    live_expect(&live, RULE, NULL, 0, 0, NULL);
}

/* The barrier is the storing CPU's, the DSB the maintaining one's. */
static void each_barrier_is_of_its_own_cpu(void **state)
{
    (void)state;
    for (unsigned int cpu = 0; cpu <= 1; cpu++) {
        live_begin(&live, 2);
        struct trace_written written = off_store();
        build_insn(&live.build, (uint8_t)cpu, 1, live.pc, OP_DSB_SY, 0);
        build_insn(&live.build, 1, 1, live.pc, OP_DC_CISW, 0);
        build_insn(&live.build, 1, 1, live.pc, OP_DSB_SY, 0);
        build_off_read(&live.build, 0, 1, live.pc, LINEAR(DATA), DATA, &written);
        live_expect(&live, RULE, NULL, 0, cpu, NULL);
    }
}

/* One writer, many readers: one note that counts. */
static void readers_of_one_writer_are_one_note(void **state)
{
    (void)state;
    live_begin(&live, 1);
    struct trace_written written = off_store();
    for (unsigned int i = 0; i < 5; i++) {
        build_off_read(&live.build, 0, 1, live.pc + i * 4, LINEAR(DATA), DATA, &written);
    }
    struct order_finding finding = live_expect(&live, RULE, NULL, 0, 1, NULL);
    assert_int_equal(finding.count, 5);
}

static void boot(uint32_t dc, uint64_t sctlr)
{
    const uint64_t words[] = {0, UINT64_C(0x40000000) | BLOCK};
    live = (struct live){.el = 1, .pc = UINT64_C(0x40080000)};
    build_begin(&live.build, 1);
    struct trace_written written = off_store();
    const struct build_table table = {
        .pa = ROOT_LOW, .level = 1, .words = words, .count = 2, .written_off = &written};
    live_insn(&live, OP_DSB_SY, 0);
    if (dc != 0) {
        live_insn(&live, dc, DATA);
    }
    live_insn(&live, OP_DSB_SY, 0);
    build_frame(&live.build, 0, 1, live.pc, &table);
    live_registers(&live, sctlr);
}

static void the_walker_reads_through_the_caches_too(void **state)
{
    (void)state;
    const uint64_t on = UINT64_C(0x30d01805);
    boot(0, on);
    live_expect(&live, RULE, NULL, 0, 1, "the table walker");
    boot(OP_DC_IVAC, on);
    live_clean(&live, RULE);
    boot(0, on & ~UINT64_C(4)); /* caches still off */
    live_clean(&live, RULE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_read_needs_the_line_invalidated),
        cmocka_unit_test(an_invalidation_before_the_store_does_not_help),
        cmocka_unit_test(the_dc_is_ordered_and_completed),
        cmocka_unit_test(a_dc_too_many_does_no_harm),
        cmocka_unit_test(each_barrier_is_of_its_own_cpu),
        cmocka_unit_test(readers_of_one_writer_are_one_note),
        cmocka_unit_test(the_walker_reads_through_the_caches_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
