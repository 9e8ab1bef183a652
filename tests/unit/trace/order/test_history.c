/* The indexes behind the rules: barriers, maintenance by line, tables, and words of tables. */
#include <stdlib.h>

#include "history.h"
#include "tables.h"
#include "trace_build.h"
#include "words.h"

static void the_first_barrier_that_is_wide_and_full_enough(void **state)
{
    (void)state;
    struct cpu_history history = {0};
    const uint32_t dsb[] = {OP_DSB_NSHST, OP_DSB_NSH, OP_DSB_ISHST, UINT32_C(0xd503399f),
                            OP_DSB_ISH,   OP_DSB_SY,  OP_DSB_NSHST};
    for (unsigned int i = 0; i < sizeof(dsb) / sizeof(dsb[0]); i++) {
        assert_true(history_add(&history.dsb, 10 + i, dsb[i]));
    }
    assert_true(history_dsb(&history, 0, A64_NSH, false) == 10);
    assert_true(history_dsb(&history, 0, A64_NSH, true) == 11);
    assert_true(history_dsb(&history, 0, A64_ISH, false) == 12);
    assert_true(history_dsb(&history, 13, A64_ISH, false) == 14); /* 13 orders loads only */
    assert_true(history_dsb(&history, 0, A64_ISH, true) == 14);
    assert_true(history_dsb(&history, 0, A64_OSH, true) == 15);
    assert_true(history_dsb(&history, 15, A64_OSH, true) == 15);
    assert_true(history_dsb(&history, 16, A64_NSH, false) == 16);
    assert_true(history_dsb(&history, 16, A64_NSH, true) == HISTORY_NEVER);
    assert_true(history_dsb(&history, HISTORY_NEVER, A64_NSH, false) == HISTORY_NEVER);
    assert_true(history_cse(&history, 0) == HISTORY_NEVER);
    assert_true(history_add(&history.cse, 3, OP_ISB) && history_add(&history.cse, 9, 0));
    assert_true(history_cse(&history, 3) == 3 && history_cse(&history, 4) == 9);
    assert_true(history_cse(&history, 10) == HISTORY_NEVER);
    cpu_history_free(&history);
}

static void a_barrier_is_either_of_loads_and_stores(void **state)
{
    (void)state;
    struct cpu_history history = {0};
    assert_true(history_barrier(&history, 0) == HISTORY_NEVER);
    assert_true(history_add(&history.dmb, 2, UINT32_C(0xd5033abf))); /* ISHST */
    assert_true(history_add(&history.dmb, 3, UINT32_C(0xd5033dbf))); /* LD */
    assert_true(history_add(&history.dsb, 4, OP_DSB_ISHST));
    assert_true(history_barrier(&history, 0) == HISTORY_NEVER);
    assert_true(history_add(&history.dmb, 5, OP_DMB_ISH));
    assert_true(history_add(&history.dsb, 6, OP_DSB_NSH));
    assert_true(history_add(&history.dmb, 7, OP_DMB_ISH));
    assert_true(history_barrier(&history, 0) == 5 && history_barrier(&history, 6) == 6);
    assert_true(history_barrier(&history, 7) == 7);
    assert_true(history_dsb(&history, 0, A64_NSH, true) == 6); /* a DMB is no DSB */
    assert_true(history_barrier(&history, 8) == HISTORY_NEVER);
    cpu_history_free(&history);
}

/* The same sequence in each run: xorshift. */
static uint64_t next_number(uint64_t below)
{
    static uint64_t now = UINT64_C(0x9e3779b97f4a7c15);
    now ^= now << 13;
    now ^= now >> 7;
    now ^= now << 17;
    return now % below;
}

/* Against a search through all of them. */
static void lines_are_found_as_by_looking_at_each(void **state)
{
    (void)state;
    enum { MARKS = 2000, LINES = 300 };
    struct cpu_history history = {0};
    static uint64_t lines[MARKS];
    static uint32_t opcodes[MARKS];
    const uint32_t kinds[] = {OP_DC_CVAU, OP_DC_CVAC, OP_DC_CIVAC, OP_DC_IVAC};
    for (unsigned int i = 0; i < MARKS; i++) {
        lines[i] = next_number(50) == 0 ? HISTORY_NEVER : next_number(LINES) * 4096;
        opcodes[i] = kinds[next_number(4)];
        assert_true(history_add_line(&history.dc, i, lines[i], opcodes[i]));
        assert_true(history_add_line(&history.ic, i, lines[i], OP_IC_IVAU));
    }
    for (unsigned int query = 0; query < MARKS; query++) {
        uint64_t line = next_number(LINES) * 4096;
        uint64_t t = next_number(MARKS);
        unsigned int what = 1 + (unsigned int)next_number(3);
        bool poc = next_number(2) != 0;
        uint64_t dc = HISTORY_NEVER;
        uint64_t ic = HISTORY_NEVER;
        for (unsigned int i = MARKS; i > t; i--) {
            struct a64_dc how = a64_dc(opcodes[i - 1]);
            bool own = lines[i - 1] == line || lines[i - 1] == HISTORY_NEVER;
            ic = own ? i - 1 : ic;
            dc = own && (how.what & what) == what && (!poc || how.point == A64_POC) ? i - 1 : dc;
        }
        assert_true(history_dc(&history, t, line, what, poc) == dc);
        assert_true(history_ic(&history, t, line) == ic);
    }
    cpu_history_free(&history);
}

static void add(struct tables *tables, uint64_t pa, uint32_t size, uint8_t level, uint64_t first)
{
    struct {
        struct trace_frame frame;
        uint64_t words[8192];
    } *content = calloc(1, sizeof(*content));
    assert_non_null(content);
    content->frame.pa = pa;
    content->frame.size = size;
    content->frame.level = level;
    content->words[0] = first;
    assert_true(tables_add(tables, &content->frame, 7));
    free(content);
}

static void tables_of_all_sizes_are_found_and_forgotten(void **state)
{
    (void)state;
    struct tables tables = {0};
    uint64_t value = 0;
    uint64_t before = 0;
    assert_null(tables_find(&tables, 0x1000));
    assert_true(tables_read(&tables, 0x1000, &value) > 0);
    add(&tables, 0x10000, 0x10000, 3, 1); /* 64 KiB */
    add(&tables, 0x24000, 0x4000, 3, 2);  /* 16 KiB */
    add(&tables, 0x31000, 0x200, 1, 3);   /* two small roots in one page */
    add(&tables, 0x31200, 0x200, 1, 4);
    for (uint64_t i = 0; i < 300; i++) {
        add(&tables, 0x100000 + i * 0x1000, 0x1000, 3, 100 + i);
    }
    assert_true(tables_find(&tables, 0x1fff8)->pa == 0x10000);
    assert_null(tables_find(&tables, 0x20000));
    assert_true(tables_find(&tables, 0x27ff8)->pa == 0x24000);
    assert_true(tables_find(&tables, 0x31208)->pa == 0x31200);
    assert_null(tables_find(&tables, 0x31400));
    assert_int_equal(tables_read(&tables, 0x31200, &value), 0);
    assert_int_equal(value, 4);
    assert_true(tables_store(&tables, 0x1fff8, 55, &before) && before == 0);
    assert_true(tables_store(&tables, 0x1fff8, 56, &before) && before == 55);
    assert_false(tables_store(&tables, 0x31400, 1, &before));
    for (uint64_t i = 0; i < 300; i += 2) {
        tables_remove(&tables, 0x100000 + i * 0x1000);
    }
    for (uint64_t i = 0; i < 300; i++) {
        uint64_t pa = 0x100000 + i * 0x1000;
        assert_true((tables_find(&tables, pa) != NULL) == (i % 2 != 0));
        assert_true(i % 2 == 0 || (tables_read(&tables, pa, &value) == 0 && value == 100 + i));
    }
    add(&tables, 0x101000, 0x1000, 2, 9); /* told again */
    assert_true(tables_find(&tables, 0x101000)->level == 2);
    tables_remove(&tables, 0x101000);
    assert_null(tables_find(&tables, 0x101000));
    tables_free(&tables);
}

static void the_word_that_leads_to_a_table_is_known(void **state)
{
    (void)state;
    struct tables tables = {0};
    uint64_t word = 0;
    uint64_t before = 0;
    add(&tables, 0x1000, 0x1000, 1, 0x2003);
    add(&tables, 0x2000, 0x1000, 2, 0x3001); /* a block, no table */
    add(&tables, 0x3000, 0x1000, 3, 0x4003); /* a page, no table */
    assert_true(tables_parent(&tables, 0x2000, &word) && word == 0x1000);
    assert_false(tables_parent(&tables, 0x3000, &word));
    assert_false(tables_parent(&tables, 0x4000, &word));
    assert_true(tables_store(&tables, 0x2010, 0x3003, &before));
    assert_true(tables_parent(&tables, 0x3000, &word) && word == 0x2010);
    assert_true(tables_store(&tables, 0x2010, 0, &before));
    assert_false(tables_parent(&tables, 0x3000, &word));
    tables_free(&tables);
}

static void words_are_kept_while_others_come_and_go(void **state)
{
    (void)state;
    enum { COUNT = 1000 };
    struct words words = {0};
    assert_null(words_find(&words, 8));
    for (uint64_t i = 0; i < COUNT; i++) {
        struct table_word *word = words_put(&words, i * 8);
        assert_non_null(word);
        word->after = i;
    }
    assert_int_equal(words.count, COUNT);
    assert_true(words_put(&words, 80)->after == 10);
    assert_int_equal(words.count, COUNT);
    for (size_t i = words.count; i > 0; i--) {
        if (words.items[i - 1].after % 3 != 0) {
            words_remove(&words, &words.items[i - 1]);
        }
    }
    for (uint64_t i = 0; i < COUNT; i++) {
        const struct table_word *word = words_find(&words, i * 8);
        assert_true((word != NULL) == (i % 3 == 0));
        assert_true(word == NULL || (word->pa == i * 8 && word->after == i));
    }
    words_free(&words);
    assert_int_equal(words.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_barrier_that_is_wide_and_full_enough),
        cmocka_unit_test(a_barrier_is_either_of_loads_and_stores),
        cmocka_unit_test(lines_are_found_as_by_looking_at_each),
        cmocka_unit_test(tables_of_all_sizes_are_found_and_forgotten),
        cmocka_unit_test(the_word_that_leads_to_a_table_is_known),
        cmocka_unit_test(words_are_kept_while_others_come_and_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
