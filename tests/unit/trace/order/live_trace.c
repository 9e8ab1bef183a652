#include "live_trace.h"

#include <stdlib.h>

enum { TABLE_WORDS = 512, GIB_SHIFT = 30 };

#define MAIR_VALUE UINT64_C(0xff00) /* 0: Device-nGnRnE; 1: Normal, Write-Back */
#define TCR_VALUE  UINT64_C(0x2b5193519)
#define SCTLR_ON   UINT64_C(0x30d01805)
#define GIB        (UINT64_C(1) << GIB_SHIFT)

void live_frame(struct live *live, uint64_t pa, uint8_t level, bool upper, const uint64_t *words,
                uint32_t count, const struct trace_written *written)
{
    uint64_t all[TABLE_WORDS] = {0};
    memcpy(all, words, count * sizeof(words[0]));
    const struct build_table table = {.pa = pa,
                                      .level = level,
                                      .upper = upper,
                                      .words = all,
                                      .count = TABLE_WORDS,
                                      .written = written};
    build_frame(&live->build, live->cpu, live->el, live->pc, &table);
}

static void half(struct live *live, uint64_t root, bool upper, const struct trace_written *written)
{
    uint64_t l2 = root + 0x1000;
    uint64_t l3 = root + 0x2000;
    uint64_t rights = upper ? 0 : USER | NOT_GLOBAL;
    const uint64_t root_words[] = {0, GIB | BLOCK, l2 | TABLE};
    const uint64_t l2_words[] = {l3 | TABLE, UINT64_C(0x48200000) | BLOCK};
    const uint64_t l3_words[] = {PAGE_AT(0) | PAGE | rights, PAGE_AT(1) | PAGE | rights,
                                 PAGE_AT(2) | PAGE | rights, PAGE_AT(3) | PAGE | rights};
    live_frame(live, root, 1, upper, root_words, 3, written);
    live_frame(live, l2, 2, upper, l2_words, 2, written);
    live_frame(live, l3, 3, upper, l3_words, 4, written);
}

void live_tables(struct live *live, const struct trace_written *written)
{
    half(live, ROOT_LOW, false, written);
    half(live, ROOT_HIGH, true, written);
}

void live_registers(struct live *live, uint64_t sctlr)
{
    live_insn(live, OP_MSR(A64_MAIR_EL1, 0), MAIR_VALUE);
    live_insn(live, OP_MSR(A64_TCR_EL1, 0), TCR_VALUE);
    live_insn(live, OP_MSR(A64_TTBR0_EL1, 0), ROOT_LOW);
    live_insn(live, OP_MSR(A64_TTBR1_EL1, 0), ROOT_HIGH);
    live_insn(live, OP_ISB, 0);
    live_insn(live, OP_MSR(A64_SCTLR_EL1, 0), sctlr);
    live_insn(live, OP_ISB, 0);
}

void live_begin(struct live *live, uint32_t cpus)
{
    *live = (struct live){.el = 1, .pc = UINT64_C(0x40080000)};
    build_begin(&live->build, cpus);
    for (uint32_t i = 0; i < cpus; i++) {
        live->cpu = (uint8_t)i;
        live_registers(live, SCTLR_ON);
    }
    live->cpu = 0;
    live_tables(live, NULL);
    live->pc = LINEAR(UINT64_C(0x40080000));
}

uint64_t live_insn(struct live *live, uint32_t opcode, uint64_t value)
{
    uint64_t number = build_insn(&live->build, live->cpu, live->el, live->pc, opcode, value);
    live->pc += 4;
    return number;
}

uint64_t live_unknown(struct live *live, uint32_t opcode)
{
    uint64_t number = build_insn_unknown(&live->build, live->cpu, live->el, live->pc, opcode);
    live->pc += 4;
    return number;
}

uint64_t live_tlbi(struct live *live, uint32_t opcode, uint64_t va)
{
    return live_insn(live, opcode, VA_OPERAND(va));
}

uint64_t live_word(struct live *live, uint64_t word_pa, uint64_t value)
{
    uint64_t number = build_store_table(&live->build, live->cpu, live->el, live->pc,
                                        LINEAR(word_pa), word_pa, value);
    live->pc += 4;
    return number;
}

static uint64_t access_at(struct live *live, uint64_t va, bool write)
{
    uint64_t number =
        build_access(&live->build, live->cpu, live->el, live->pc, va, TRACE_UNKNOWN_ADDRESS, write);
    live->pc += 4;
    return number;
}

uint64_t live_read(struct live *live, uint64_t va)
{
    return access_at(live, va, false);
}

uint64_t live_write(struct live *live, uint64_t va)
{
    return access_at(live, va, true);
}

uint64_t live_jump(struct live *live, uint64_t va)
{
    const uint32_t nops[] = {OP_NOP, OP_NOP};
    live->pc = va;
    return build_block(&live->build, live->cpu, live->el, va, TRACE_UNKNOWN_ADDRESS, nops, 2);
}

struct order_finding live_expect(struct live *live, const char *rule,
                                 const struct order_features *features, size_t errors, size_t notes,
                                 const char *says)
{
    struct order_result result;
    struct order_finding first = {0};
    build_judge(&live->build, rule, features, &result);
    assert_int_equal(result.rule_count, 1);
    assert_true(result.rules[0].judged);
    bool right = result.rules[0].subjects != 0 && result_count(&result, ORDER_ERROR) == errors &&
                 result_count(&result, ORDER_NOTE) == notes;
    for (size_t i = 0; i < result.finding_count; i++) {
        const struct order_finding *finding = &result.findings[i];
        assert_string_equal(finding->rule, rule);
        assert_true(finding->missing[0] != '\0' && finding->fix[0] != '\0');
        assert_true(strlen(finding->missing) < ORDER_TEXT - 1);
        assert_true(strlen(finding->detail) < ORDER_TEXT - 1);
        right = right && (says == NULL || strstr(finding->missing, says) != NULL);
    }
    for (size_t i = 0; !right && i < result.finding_count; i++) {
        print_error("%d: %s; %s\n", (int)result.findings[i].level, result.findings[i].missing,
                    result.findings[i].detail);
    }
    if (!right) {
        fail_msg("%zu subjects, %zu errors, %zu notes; expected %zu and %zu saying '%s'",
                 (size_t)result.rules[0].subjects, result_count(&result, ORDER_ERROR),
                 result_count(&result, ORDER_NOTE), errors, notes, says == NULL ? "" : says);
    }
    if (result.finding_count != 0) {
        first = result.findings[0];
    }
    order_result_free(&result);
    return first;
}

void live_clean(struct live *live, const char *rule)
{
    live_expect(live, rule, NULL, 0, 0, NULL);
}
