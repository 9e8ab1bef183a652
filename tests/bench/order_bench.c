/*
 * How fast the ordering checker judges, beside only reading the same events in the same run.
 *
 *     order_bench [EVENTS]
 *
 * The trace is a kernel's day in small, over and over, right in every rule: task switches, pages
 * mapped and unmapped in live tables, code written and run, exceptions, caches cleaned; three of
 * four events are accesses and blocks in windows, as in a real trace. Fails when the checker finds
 * anything, did not follow a rule, or takes more than four times as long for each event of a trace
 * that is eight times as long.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#include "boot_trace.h"

enum {
    EVENTS_DEFAULT = 4000000,
    RUNS = 3,
    ACCESSES = 48,
    LINES = 8,
    SLOWER = 4,
    SHORT_PART = 8, /* the shorter trace is that part of the longer one */
};

#define BENCH_ENTRY (HIGH_TABLE + 8 * 5) /* maps 0xffff_ff81_4000_0000 */

struct bench {
    struct boot boot;
    uint64_t code; /* the chunk of four NOPs that every block is */
};

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time); /* other processes do not count */
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void insn(struct bench *bench, uint32_t opcode, uint64_t value)
{
    build_insn(&bench->boot.build, 0, 1, bench->boot.pc, opcode, value);
    bench->boot.pc += 4;
}

/* A block whose chunk is there already, as a plugin writes each once. */
static void block(struct bench *bench, uint8_t kind, uint64_t pc)
{
    const struct trace_event event = {.kind = kind,
                                      .el = 1,
                                      .pc = pc,
                                      .pc_pa = pc & 0xffffffff,
                                      .va = pc,
                                      .pa = pc & 0xffffffff,
                                      .value = bench->code};
    build_event(&bench->boot.build, &event);
}

static void accesses(struct bench *bench, uint64_t salt)
{
    for (uint64_t i = 0; i < ACCESSES; i++) {
        build_access(&bench->boot.build, 0, 1, bench->boot.pc + 4 * i,
                     HIGH_DATA + (salt * 4096 + i * 72) % 0x800000 / 8 * 8, 0x40100000, i % 3 == 0);
        if (i % 4 == 0) {
            block(bench, TRACE_EVENT_BLOCK, bench->boot.pc + 16 * i);
        }
    }
}

static void switch_task(struct bench *bench, uint64_t round)
{
    insn(bench, OP_MSR(A64_TTBR0_EL1, 0),
         (round % 2 == 0 ? LOW_TABLE : OTHER_TABLE) | (round % 256) << 48);
    accesses(bench, round);
    insn(bench, OP_ISB, 0);
}

/* Break-before-make of a live entry. */
static void remap(struct bench *bench, uint64_t round)
{
    struct build *build = &bench->boot.build;
    build_store_table(build, 0, 1, bench->boot.pc, HIGH_DATA, BENCH_ENTRY, 0);
    insn(bench, OP_DSB_ISHST, 0);
    insn(bench, OP_TLBI_VAE1IS, 0xffffff8140000000 >> 12 & 0xfffffffffff);
    accesses(bench, round);
    insn(bench, OP_DSB_ISH, 0);
    insn(bench, OP_ISB, 0);
    build_store_table(build, 0, 1, bench->boot.pc, HIGH_DATA, BENCH_ENTRY,
                      (UINT64_C(0x40000000) << round % 2) | BLOCK_NORMAL);
    insn(bench, OP_DSB_ISHST, 0);
    insn(bench, OP_ISB, 0);
}

/* Code written and made visible to fetches. */
static void write_code(struct bench *bench)
{
    build_store(&bench->boot.build, 0, 1, bench->boot.pc, HIGH_DATA, LOW_DATA, OP_NOP,
                TRACE_EVENT_CODE);
    for (uint64_t i = 0; i < LINES; i++) {
        insn(bench, OP_DC_CVAU, HIGH_DATA + 64 * i);
    }
    insn(bench, OP_DSB_ISH, 0);
    for (uint64_t i = 0; i < LINES; i++) {
        insn(bench, OP_IC_IVAU, HIGH_DATA + 64 * i);
    }
    insn(bench, OP_DSB_ISH, 0);
    insn(bench, OP_ISB, 0);
}

static void exceptions(struct bench *bench, uint64_t round)
{
    insn(bench, OP_MSR(A64_CPACR_EL1, 0), round % 2 << 20);
    insn(bench, OP_MSR(A64_VBAR_EL1, 0), VBAR_VALUE + round % 2 * 0x800);
    insn(bench, OP_ISB, 0);
    insn(bench, OP_SVC, 0);
    build_entry(&bench->boot.build, 0, 1, VBAR_VALUE, 0x280);
    insn(bench, OP_AT_S1E1R, HIGH_DATA);
    insn(bench, OP_ISB, 0);
    insn(bench, OP_MRS(A64_PAR_EL1, 0), 0);
    insn(bench, OP_ERET, 0);
}

static void begin(struct bench *bench)
{
    const uint32_t nops[] = {OP_NOP, OP_NOP, OP_NOP, OP_NOP};
    struct build *build = &bench->boot.build;
    boot_begin(&bench->boot);
    boot_mmu_on(&bench->boot, true);
    const struct trace_written written = {.time = build->events,
                                          .pc = HIGH_VA,
                                          .va = HIGH_DATA,
                                          .pa = LOW_DATA,
                                          .flags = TRACE_EVENT_VALUE};
    write_code(bench);
    bench->code = build->size; /* where the builder puts the chunk */
    build_translate(build, 0, 1, HIGH_DATA, LOW_DATA, nops, 4, &written);
}

static const uint8_t *make_trace(struct bench *bench, uint64_t events, size_t *size)
{
    *bench = (struct bench){.code = 0};
    begin(bench);
    for (uint64_t round = 0; bench->boot.build.events < events; round++) {
        bench->boot.pc = HIGH_VA + round % 16 * 0x1000;
        switch_task(bench, round);
        remap(bench, round);
        write_code(bench);
        block(bench, TRACE_EVENT_TRANSLATE, HIGH_DATA);
        exceptions(bench, round);
    }
    return build_finish(&bench->boot.build, size);
}

/* Read every event once; the sum keeps the compiler from leaving it out. */
static uint64_t read_only(const struct event_trace *trace)
{
    struct event_cursor cursor = event_trace_begin(trace);
    const struct trace_event *event;
    uint64_t sum = 0;
    while ((event = event_next(&cursor)) != NULL) {
        sum += event->kind + event->pc + event->va + event->value;
    }
    return sum;
}

static bool right(const struct order_result *result)
{
    for (size_t i = 0; i < result->finding_count; i++) {
        const struct order_finding *finding = &result->findings[i];
        fprintf(stderr, "%s: %s; %s\n", finding->rule, finding->missing, finding->detail);
    }
    for (size_t i = 0; i < result->rule_count; i++) {
        const struct order_rule_result *rule = &result->rules[i];
        if (!rule->judged || (rule->subjects == 0 && strcmp(rule->id, "mmu-off-coherence") != 0)) {
            fprintf(stderr, "%s followed nothing\n", rule->id);
            return false;
        }
    }
    return result->finding_count == 0;
}

struct times {
    double parse;
    double read;
    double judge;
};

static double least(double left, double right_value)
{
    return left < right_value ? left : right_value;
}

/* The best of some runs, in seconds; false when the result is wrong. */
static bool measure(const uint8_t *data, size_t size, struct times *best, uint64_t *events)
{
    const struct order_settings settings = {.finding_limit = 0};
    volatile uint64_t sink = 0;
    *best = (struct times){1e9, 1e9, 1e9};
    for (int i = 0; i < RUNS; i++) {
        struct event_trace trace;
        struct order_result result;
        char error[ORDER_TEXT] = "";
        double start = now();
        if (!event_trace_parse(&trace, data, size, error)) {
            fprintf(stderr, "%s\n", error);
            return false;
        }
        double parsed = now();
        sink += read_only(&trace);
        double read = now();
        if (!order_check(&trace, &settings, &result, error)) {
            fprintf(stderr, "%s\n", error);
            return false;
        }
        *best = (struct times){least(best->parse, parsed - start), least(best->read, read - parsed),
                               least(best->judge, now() - read)};
        bool is_right = right(&result);
        *events = trace.event_count;
        order_result_free(&result);
        event_trace_close(&trace);
        if (!is_right) {
            return false;
        }
    }
    return true;
}

static double million(uint64_t events, double seconds)
{
    return (double)events / seconds / 1e6;
}

int main(int argc, char **argv)
{
    uint64_t wanted = argc > 1 ? strtoull(argv[1], NULL, 10) : EVENTS_DEFAULT;
    double slowest = 0;
    double fastest = 1e9;
    const uint64_t parts[] = {SHORT_PART, 1};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        static struct bench bench;
        struct times times;
        uint64_t events = 0;
        size_t size = 0;
        const uint8_t *data = make_trace(&bench, wanted / parts[i], &size);
        bool done = measure(data, size, &times, &events);
        build_free(&bench.boot.build);
        if (!done) {
            return 1;
        }
        printf("%" PRIu64 " events, %zu bytes: parse %.1f M/s, read %.1f M/s, judge %.2f M/s; "
               "judging takes %.1f times the reading, %.1f times parse and read\n",
               events, size, million(events, times.parse), million(events, times.read),
               million(events, times.judge), times.judge / times.read,
               times.judge / (times.read + times.parse));
        double each = times.judge / (double)events;
        slowest = each > slowest ? each : slowest;
        fastest = least(fastest, each);
    }
    if (slowest > SLOWER * fastest) {
        fprintf(stderr, "an event takes %.1f times as long in one trace as in the other\n",
                slowest / fastest);
        return 1;
    }
    return 0;
}
