/*
 * Fuzz target: bytes choose, one after the other, events of a small machine; the trace is sound by
 * construction, so that every byte reaches the rules.
 *
 * Held for every input: the trace is accepted and judged; a finding's two ends are events of it,
 * the consumer not before the write; a rule finds the same alone as beside all others.
 */
#include <stdlib.h>

#include "trace_build.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CPUS = 2, TABLE_WORDS = 512, TABLES = 4 };

/* What is left of the input; zeros behind its end. */
struct choices {
    const uint8_t *at;
    size_t left;
};

static void must(bool condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "broken: %s\n", what);
        abort();
    }
}

static uint8_t choose(struct choices *choices, uint8_t below)
{
    if (choices->left == 0) {
        return 0;
    }
    choices->left--;
    return *choices->at++ % below;
}

#define CHOOSE(choices, values)                                                                    \
    ((values)[choose(choices, (uint8_t)(sizeof(values) / sizeof((values)[0])))])

static const uint64_t TABLE_PAS[TABLES] = {0x40001000, 0x40002000, 0x40003000, 0x40004000};

static const uint64_t ADDRESSES[] = {
    0,          0x9000000,          0x40001008,         0x40080000,
    0x40080ffc, 0x80000000,         0xffffff8040001008, 0xffffff8040080000,
    0x40003ff8, 0xffffff80c0000000, UINT64_MAX,         0x0100000040080000,
};

static const uint64_t WORDS[] = {
    0,          0x0040000000000401, 0x0040000040000705, 0x0060000080000705, 0x40002003,
    0x40003003, 0x0040000040000f07, 0x0050000040000705, 0x40080707,         0x0040000040000785,
    1,          UINT64_MAX,
};

static const uint64_t VALUES[] = {
    0,          0x30d00800, 0x30d01805, 0x30d00801,         0x2b5193519, 0x2b5193599,        0xff00,
    0x4400,     0x40001000, 0x40002000, 0x0005000040001000, 0x40003000,  0xffffff8040090000, 0x3c0,
    0x00300000, 0x40080,    0x3c5,      UINT64_C(1) << 34,  UINT64_MAX,
};

static const uint32_t SYSTEM[] = {
    A64_SCTLR_EL1, A64_TCR_EL1,        A64_TTBR0_EL1,          A64_TTBR1_EL1,
    A64_MAIR_EL1,  A64_VBAR_EL1,       A64_CPACR_EL1,          A64_SPSR_EL1,
    A64_PAR_EL1,   A64_CONTEXTIDR_EL1, A64_SCTLR_EL2,          A64_DAIF_REGISTER,
    A64_HCR_EL2,   A64_TTBR0_EL12,     A64_CPTR_EL2,           A64_VBAR_EL2,
    A64_SPSR_EL2,  A64_TCR_EL2,        A64_SYS(3, 3, 4, 4, 0),
};

static const uint32_t OTHERS[] = {
    OP_ISB,
    OP_DSB_SY,
    OP_DSB_ISH,
    OP_DSB_ISHST,
    OP_DSB_NSH,
    OP_DSB_NSHST,
    OP_DMB_ISH,
    OP_ERET,
    OP_SVC,
    OP_HVC,
    OP_SMC,
    OP_DAIFSET_IRQ,
    OP_DAIFCLR_IRQ,
    OP_TLBI_VMALLE1,
    OP_TLBI_VMALLE1IS,
    OP_TLBI_VAE1,
    OP_TLBI_VAE1IS,
    OP_TLBI_VALE1IS,
    OP_TLBI_ASIDE1IS,
    OP_DC_CVAU,
    OP_DC_CVAC,
    OP_DC_CIVAC,
    OP_DC_IVAC,
    OP_IC_IVAU,
    OP_IC_IALLU,
    OP_IC_IALLUIS,
    OP_AT_S1E1R,
    OP_SYS(0, 8, 2, 1, 0),
    OP_SYS(0, 7, 14, 2, 0),
    OP_SYS(3, 7, 4, 1, 0),
    OP_BR_X0,
    OP_MRS(A64_PAR_EL1, 1),
};

static const uint32_t CODES[][3] = {
    {OP_NOP, OP_ISB, OP_RET}, {OP_FMOV_D0_X0, OP_NOP, OP_RET}, {OP_NOP, OP_LDR_Q0_X0, OP_BR_X0}};

static const uint8_t LEVELS[] = {1, 1, 1, 0, 2, TRACE_EL_UNKNOWN, 3};

struct scene {
    struct build build;
    struct choices choices;
    uint8_t cpu;
    uint8_t el;
    uint64_t pc;
};

static struct trace_written somebody(struct scene *scene)
{
    uint64_t time = scene->build.events == 0 ? 0 : scene->build.events - 1;
    uint64_t address = CHOOSE(&scene->choices, ADDRESSES);
    return (struct trace_written){.time = time - time % (1 + choose(&scene->choices, 8)),
                                  .pc = scene->pc,
                                  .va = address,
                                  .pa = address,
                                  .cpu = choose(&scene->choices, CPUS),
                                  .flags = choose(&scene->choices, 64)};
}

static void add_table(struct scene *scene)
{
    static uint64_t words[TABLE_WORDS];
    memset(words, 0, sizeof(words));
    words[0] = CHOOSE(&scene->choices, WORDS);
    words[1] = CHOOSE(&scene->choices, WORDS);
    const struct trace_written written = somebody(scene);
    const struct build_table table = {.pa = CHOOSE(&scene->choices, TABLE_PAS),
                                      .level = choose(&scene->choices, 4),
                                      .upper = choose(&scene->choices, 2),
                                      .words = words,
                                      .count = TABLE_WORDS,
                                      .written = &written,
                                      .written_off = &written};
    build_frame(&scene->build, scene->cpu, scene->el, scene->pc, &table);
}

static void add_insn(struct scene *scene, uint32_t opcode, const uint64_t *values, uint8_t count)
{
    uint64_t value = values[choose(&scene->choices, count)];
    if (choose(&scene->choices, 16) == 15) {
        build_insn_unknown(&scene->build, scene->cpu, scene->el, scene->pc, opcode);
    } else {
        build_insn(&scene->build, scene->cpu, scene->el, scene->pc, opcode, value);
    }
    scene->pc += 4;
}

static void add_store(struct scene *scene)
{
    uint64_t pa = CHOOSE(&scene->choices, TABLE_PAS) + 8 * (uint64_t)choose(&scene->choices, 2);
    uint8_t flags = choose(&scene->choices, 64) & (uint8_t)~TRACE_EVENT_VALUE;
    build_store(&scene->build, scene->cpu, scene->el, scene->pc, pa | UINT64_C(0xffffff8000000000),
                pa, CHOOSE(&scene->choices, WORDS), flags);
}

static void add_block(struct scene *scene, bool translated)
{
    const uint32_t *code = CODES[choose(&scene->choices, 3)];
    const struct trace_written written = somebody(scene);
    scene->pc = CHOOSE(&scene->choices, ADDRESSES) & ~UINT64_C(3);
    uint64_t pa = choose(&scene->choices, 4) == 3 ? TRACE_UNKNOWN_ADDRESS : scene->pc & 0xffffffff;
    if (translated) {
        build_translate(&scene->build, scene->cpu, scene->el, scene->pc, pa, code, 3, &written);
    } else {
        build_block(&scene->build, scene->cpu, scene->el, scene->pc, pa, code, 3);
    }
}

static void add_event(struct scene *scene)
{
    struct choices *choices = &scene->choices;
    uint64_t address;
    switch (choose(choices, 16)) {
    case 0:
        scene->cpu = choose(choices, CPUS);
        scene->el = CHOOSE(choices, LEVELS);
        return;
    case 1:
        add_table(scene);
        return;
    case 2:
        build_frame_gone(&scene->build, scene->cpu, CHOOSE(choices, TABLE_PAS));
        return;
    case 3:
    case 4:
        add_store(scene);
        return;
    case 5:
    case 6:
        address = CHOOSE(choices, ADDRESSES);
        build_access(&scene->build, scene->cpu, scene->el, scene->pc, address, address,
                     choose(choices, 2) != 0);
        return;
    case 7:
        add_block(scene, false);
        return;
    case 8:
        add_block(scene, true);
        return;
    case 9:
        build_entry(&scene->build, scene->cpu, 1 + choose(choices, 2), 0xffffff8040090000,
                    (uint32_t)choose(choices, 16) * 0x80);
        return;
    case 10: {
        const struct trace_written written = somebody(scene);
        address = CHOOSE(choices, ADDRESSES);
        build_off_read(&scene->build, scene->cpu, scene->el, scene->pc, address, address, &written);
        return;
    }
    case 11:
        build_cut(&scene->build, scene->cpu);
        return;
    case 12:
    case 13:
        add_insn(scene, OP_MSR(CHOOSE(choices, SYSTEM), 1), VALUES,
                 sizeof(VALUES) / sizeof(VALUES[0]));
        return;
    default:
        add_insn(scene, CHOOSE(choices, OTHERS), ADDRESSES,
                 sizeof(ADDRESSES) / sizeof(ADDRESSES[0]));
        return;
    }
}

static void check_findings(const struct order_result *result)
{
    for (size_t i = 0; i < result->finding_count; i++) {
        const struct order_finding *finding = &result->findings[i];
        must(finding->write.event <= finding->consumer.event, "a consumer is behind its write");
        must(finding->consumer.event < result->events, "a consumer is an event");
        must(finding->count != 0 && finding->missing[0] != '\0' && finding->fix[0] != '\0',
             "a finding says what is missing");
        must(memchr(finding->missing, 0, ORDER_TEXT) != NULL &&
                 memchr(finding->detail, 0, ORDER_TEXT) != NULL &&
                 memchr(finding->fix, 0, ORDER_TEXT) != NULL,
             "a text ends");
    }
}

static size_t count_of(const struct order_result *result, const char *rule)
{
    size_t count = 0;
    for (size_t i = 0; i < result->finding_count; i++) {
        count += strcmp(result->findings[i].rule, rule) == 0;
    }
    return count;
}

/* Every rule beside the others, and one of them alone. */
static void judge(const struct event_trace *trace, struct choices *features)
{
    char error[ORDER_TEXT] = "";
    struct order_result all;
    struct order_result alone;
    struct order_settings settings = {.finding_limit = 1000000};
    settings.features.ets2 = choose(features, 2) != 0;
    settings.features.bbm = choose(features, 3);
    settings.features.idc = choose(features, 2) != 0;
    settings.features.dic = choose(features, 2) != 0;
    must(order_check(trace, &settings, &all, error), "memory");
    check_findings(&all);
    size_t rule = choose(features, (uint8_t)all.rule_count);
    const char *const rules[] = {all.rules[rule].id, NULL};
    settings.rules = rules;
    must(order_check(trace, &settings, &alone, error), "memory");
    must(alone.finding_count == count_of(&all, rules[0]), "a rule does not depend on another");
    must(alone.rules[0].subjects == all.rules[rule].subjects, "nor does what it looked at");
    order_result_free(&alone);
    order_result_free(&all);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { FEATURES = 5 };
    if (size < FEATURES) {
        return 0;
    }
    struct choices features = {data, FEATURES};
    struct scene scene = {.choices = {data + FEATURES, size - FEATURES}, .el = 1, .pc = 0x40080000};
    build_begin(&scene.build, CPUS);
    while (scene.choices.left != 0) {
        add_event(&scene);
    }
    struct event_trace trace;
    char error[EVENT_ERROR_TEXT] = "";
    size_t bytes = 0;
    const uint8_t *file = build_finish(&scene.build, &bytes);
    must(event_trace_parse(&trace, file, bytes, error), "what the builder writes is accepted");
    must(trace.event_count == scene.build.events, "and all of it is read");
    judge(&trace, &features);
    event_trace_close(&trace);
    build_free(&scene.build);
    return 0;
}
