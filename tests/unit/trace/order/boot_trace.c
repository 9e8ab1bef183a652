#include "boot_trace.h"

enum { TABLE_WORDS = 512, BLOCK_NOPS = 4 };

#define GIB UINT64_C(0x40000000)

static void fill(uint64_t pa, uint64_t words[static TABLE_WORDS])
{
    memset(words, 0, TABLE_WORDS * sizeof(words[0]));
    if (pa == LOW_TABLE || pa == HIGH_TABLE) {
        words[0] = BLOCK_DEVICE;
        words[1] = GIB | BLOCK_NORMAL;
    } else if (pa == OTHER_TABLE) {
        words[0] = BLOCK_DEVICE;
        words[1] = (2 * GIB) | BLOCK_NORMAL;
    }
}

void boot_table(struct boot *boot, uint64_t pa)
{
    uint64_t words[TABLE_WORDS];
    fill(pa, words);
    const struct build_table table = {
        .pa = pa, .level = 1, .upper = pa == HIGH_TABLE, .words = words, .count = TABLE_WORDS};
    build_frame(&boot->build, 0, 1, boot->pc, &table);
}

void boot_begin(struct boot *boot)
{
    build_begin(&boot->build, 1);
    boot->pc = LOW_VA;
    boot_table(boot, LOW_TABLE);
    boot_table(boot, OTHER_TABLE);
    boot_table(boot, HIGH_TABLE);
    boot_table(boot, EMPTY_TABLE);
}

uint64_t boot_insn(struct boot *boot, uint32_t opcode, uint64_t value)
{
    uint64_t number = build_insn(&boot->build, 0, 1, boot->pc, opcode, value);
    boot->pc += 4;
    return number;
}

uint64_t boot_unknown(struct boot *boot, uint32_t opcode)
{
    uint64_t number = build_insn_unknown(&boot->build, 0, 1, boot->pc, opcode);
    boot->pc += 4;
    return number;
}

uint64_t boot_msr(struct boot *boot, uint32_t sys, uint64_t value)
{
    return boot_insn(boot, OP_MSR(sys, 0), value);
}

uint64_t boot_isb(struct boot *boot)
{
    const uint32_t isb = OP_ISB;
    build_block(&boot->build, 0, 1, boot->pc, boot->pc, &isb, 1);
    return boot_insn(boot, OP_ISB, 0);
}

uint64_t boot_access(struct boot *boot, uint64_t va, bool write)
{
    uint64_t number = build_access(&boot->build, 0, 1, boot->pc, va, va, write);
    boot->pc += 4;
    return number;
}

uint64_t boot_block(struct boot *boot)
{
    const uint32_t nops[BLOCK_NOPS] = {OP_NOP, OP_NOP, OP_NOP, OP_NOP};
    return build_block(&boot->build, 0, 1, boot->pc, boot->pc, nops, BLOCK_NOPS);
}

void boot_mmu_on(struct boot *boot, bool high)
{
    boot_msr(boot, A64_MAIR_EL1, MAIR_VALUE);
    boot_msr(boot, A64_TCR_EL1, TCR_VALUE);
    boot_msr(boot, A64_TTBR0_EL1, LOW_TABLE);
    boot_msr(boot, A64_TTBR1_EL1, HIGH_TABLE);
    boot_isb(boot);
    boot_msr(boot, A64_SCTLR_EL1, SCTLR_ON);
    boot_isb(boot);
    if (high) {
        boot->pc = HIGH_VA;
    }
}

static struct order_result judge(struct boot *boot, const char *rule,
                                 const struct order_features *features)
{
    struct order_result result;
    build_judge_and_keep(&boot->build, rule, features, &result);
    assert_int_equal(result.rule_count, 1);
    assert_true(result.rules[0].judged);
    assert_true(result.rules[0].subjects != 0);
    return result;
}

struct order_result boot_judge(struct boot *boot, const char *rule)
{
    struct order_result result = judge(boot, rule, NULL);
    build_free(&boot->build);
    return result;
}

void boot_expect(struct boot *boot, const char *rule, size_t errors, size_t notes)
{
    boot_expect_with(boot, rule, NULL, errors, notes);
    build_free(&boot->build);
}

void boot_expect_with(struct boot *boot, const char *rule, const struct order_features *features,
                      size_t errors, size_t notes)
{
    struct order_result result = judge(boot, rule, features);
    for (size_t i = 0; i < result.finding_count; i++) {
        const struct order_finding *finding = &result.findings[i];
        assert_string_equal(finding->rule, rule);
        assert_true(finding->missing[0] != '\0' && finding->fix[0] != '\0');
        assert_true(strlen(finding->missing) < ORDER_TEXT - 1 &&
                    strlen(finding->detail) < ORDER_TEXT - 1);
    }
    if (result_count(&result, ORDER_ERROR) != errors ||
        result_count(&result, ORDER_NOTE) != notes) {
        for (size_t i = 0; i < result.finding_count; i++) {
            print_error("%d: %s; %s\n", (int)result.findings[i].level, result.findings[i].missing,
                        result.findings[i].detail);
        }
        fail_msg("%zu errors and %zu notes, not %zu and %zu", result_count(&result, ORDER_ERROR),
                 result_count(&result, ORDER_NOTE), errors, notes);
    }
    order_result_free(&result);
}
