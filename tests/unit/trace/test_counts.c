/* Folding traces onto an image: segments, overlaps, aliases, other code, the MMU's states. */
#include "trace_builder.h"

#include <stdlib.h>

#include "counts.h"

enum { BASE = 0x1000, WORDS = 8 };

static const uint8_t CODE[4 * WORDS] = {1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0,
                                        5, 0, 0, 0, 6, 0, 0, 0, 7, 0, 0, 0, 8, 0, 0, 0};
static const uint32_t OPCODES[] = {1, 2, 3, 4, 5, 6, 7, 8};
static const uint16_t WHOLE[] = {0};

static struct image_section section = {.low = BASE, .high = BASE + sizeof(CODE), .bytes = CODE};
static const struct image image = {.sections = &section, .section_count = 1, .words = WORDS};
static struct builder builder;
static struct counts counts;

static struct trace_block *add_block(uint64_t vaddr, uint32_t first, uint32_t insns, uint64_t count)
{
    return builder_block(&builder, vaddr, OPCODES + first, insns, &count, WHOLE, 1);
}

static void fold(const struct count_rules *rules)
{
    static const struct count_rules none = {0};
    struct trace trace;
    builder_read(&builder, &trace);
    counts_init(&counts, &image);
    counts_add(&counts, &image, &trace, rules == NULL ? &none : rules);
    counts_finish(&counts);
    trace_close(&trace);
}

static void overlapping_blocks_add_up_and_segments_are_kept_apart(void **state)
{
    (void)state;
    const uint64_t two[] = {7, 5}; /* two of seven executions were cut behind the second word */
    const uint16_t starts[] = {0, 2};
    builder_begin(&builder);
    builder_block(&builder, BASE, OPCODES, 4, two, starts, 2);
    add_block(BASE + 12, 3, 2, 10);
    fold(NULL);
    const uint64_t expected[WORDS] = {7, 7, 5, 15, 10, 0, 0, 0};
    for (size_t i = 0; i < WORDS; i++) {
        assert_int_equal(counts_ran(&counts, i), expected[i]);
        assert_int_equal(counts.ran[TRACE_MMU_OFF][i], expected[i]);
    }
    counts_free(&counts);
}

static void edges_belong_to_the_last_instruction(void **state)
{
    (void)state;
    builder_begin(&builder);
    struct trace_block *block = add_block(BASE, 0, 3, 6);
    block->taken = 3;
    block->not_taken = 2;
    block->unknown = 1;
    fold(NULL);
    assert_int_equal(counts.edges[TRACE_SLOT_TAKEN][2], 3);
    assert_int_equal(counts.edges[TRACE_SLOT_NOT_TAKEN][2], 2);
    assert_int_equal(counts.edges[TRACE_SLOT_UNKNOWN][2], 1);
    assert_int_equal(counts.edges[TRACE_SLOT_TAKEN][1], 0);
    counts_free(&counts);
}

static void both_aliases_count_as_one(void **state)
{
    (void)state;
    /* Up and, by wrapping around, down. */
    const struct alias aliases[] = {
        {.start = 0x100, .size = 0x20, .by = BASE - 0x100},
        {.start = 0xffff000000001000, .size = 8, .by = 0x0001000000000000}};
    const struct count_rules rules = {.aliases = aliases, .alias_count = 2};
    builder_begin(&builder);
    add_block(BASE, 0, 1, 1);
    add_block(0x100, 0, 1, 20);
    add_block(0xffff000000001000, 0, 3, 300);
    fold(&rules);
    assert_int_equal(counts_ran(&counts, 0), 321);
    assert_int_equal(counts_ran(&counts, 1), 300);
    /* The third word is behind the alias's end. */
    assert_int_equal(counts_ran(&counts, 2), 0);
    assert_int_equal(counts.outside.count, 1);
    assert_true(counts.outside.items[0].address == 0xffff000000001008);
    assert_int_equal(counts.outside.items[0].count, 300);
    counts_free(&counts);
}

static void code_that_differs_is_not_credited(void **state)
{
    (void)state;
    const uint32_t patched[] = {1, 2, 99, 4};
    const uint32_t foreign[] = {91, 92, 93, 4};
    const uint64_t count = 5;
    builder_begin(&builder);
    builder_block(&builder, BASE, patched, 4, &count, WHOLE, 1);
    builder_block(&builder, BASE, foreign, 4, &count, WHOLE, 1);
    fold(NULL);
    assert_int_equal(counts_ran(&counts, 0), 5);
    assert_int_equal(counts_ran(&counts, 2), 0);
    /* Of a block that is another program's the word that agrees counts no more than the rest. */
    assert_int_equal(counts_ran(&counts, 3), 5);
    assert_int_equal(counts.differs.count, 5);
    assert_int_equal(counts.differs.items[0].address, BASE);
    assert_int_equal(counts.differs.items[0].opcode, 91);
    counts_free(&counts);
}

static void what_never_ran_is_no_stray(void **state)
{
    (void)state;
    builder_begin(&builder);
    add_block(0x9000, 0, 2, 0);
    add_block(BASE, 4, 2, 0);
    fold(NULL);
    assert_int_equal(counts.outside.count, 0);
    assert_int_equal(counts.differs.count, 0);
    counts_free(&counts);
}

static void the_same_stray_is_listed_once(void **state)
{
    (void)state;
    builder_begin(&builder);
    add_block(0x9004, 1, 1, 2);
    add_block(0x9000, 0, 2, 3);
    fold(NULL);
    assert_int_equal(counts.outside.count, 2);
    assert_int_equal(counts.outside.items[1].address, 0x9004);
    assert_int_equal(counts.outside.items[1].count, 5);
    counts_free(&counts);
}

static void epochs_keep_the_mmu_states_apart(void **state)
{
    (void)state;
    builder_begin(&builder);
    add_block(BASE, 0, 1, 100);
    const uint64_t first[] = {0, 0, 0, 10};
    const uint64_t second[] = {0, 0, 0, 40};
    builder_epoch(&builder, TRACE_MMU_ON, 1, first, 4);
    builder_epoch(&builder, TRACE_MMU_UNKNOWN, 1, second, 4);
    fold(NULL);
    assert_int_equal(counts.ran[TRACE_MMU_OFF][0], 10);
    assert_int_equal(counts.ran[TRACE_MMU_ON][0], 30);
    assert_int_equal(counts.ran[TRACE_MMU_UNKNOWN][0], 60);
    counts_free(&counts);
    /* The user tells the state where the trace does not; what the trace tells stands. */
    const enum trace_mmu told[] = {TRACE_MMU_OFF, TRACE_MMU_OFF};
    const struct count_rules rules = {.mmu = told, .mmu_count = 2};
    fold(&rules);
    assert_int_equal(counts.ran[TRACE_MMU_OFF][0], 70);
    assert_int_equal(counts.ran[TRACE_MMU_ON][0], 30);
    counts_free(&counts);
}

static void an_epoch_that_mixes_states_is_unknown(void **state)
{
    (void)state;
    builder_begin(&builder);
    builder_header(&builder)->flags |= TRACE_EPOCHS_CUT;
    add_block(BASE, 0, 1, 100);
    const uint64_t first[] = {0, 0, 0, 10};
    builder_epoch(&builder, TRACE_MMU_ON, 1, first, 4);
    fold(NULL);
    assert_int_equal(counts.ran[TRACE_MMU_OFF][0], 10);
    assert_int_equal(counts.ran[TRACE_MMU_UNKNOWN][0], 90);
    counts_free(&counts);
}

static void another_physical_address_means_translation(void **state)
{
    (void)state;
    builder_begin(&builder);
    add_block(BASE, 0, 1, 4)->paddr = 0x5000;
    add_block(BASE + 4, 1, 1, 4)->paddr = BASE + 4;
    fold(NULL);
    assert_int_equal(counts.ran[TRACE_MMU_ON][0], 4);
    assert_int_equal(counts.ran[TRACE_MMU_OFF][0], 0);
    assert_int_equal(counts.ran[TRACE_MMU_OFF][1], 4);
    counts_free(&counts);
}

static void huge_counts_stay_whole(void **state)
{
    (void)state;
    builder_begin(&builder);
    add_block(BASE, 0, 1, 0x123456789abcdef0);
    fold(NULL);
    assert_true(counts_ran(&counts, 0) == 0x123456789abcdef0);
    counts_free(&counts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(overlapping_blocks_add_up_and_segments_are_kept_apart),
        cmocka_unit_test(edges_belong_to_the_last_instruction),
        cmocka_unit_test(both_aliases_count_as_one),
        cmocka_unit_test(code_that_differs_is_not_credited),
        cmocka_unit_test(what_never_ran_is_no_stray),
        cmocka_unit_test(the_same_stray_is_listed_once),
        cmocka_unit_test(epochs_keep_the_mmu_states_apart),
        cmocka_unit_test(an_epoch_that_mixes_states_is_unknown),
        cmocka_unit_test(another_physical_address_means_translation),
        cmocka_unit_test(huge_counts_stay_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
