/*
 * Who wrote a line last, which lines were written with caches off, and which words are watched.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs those above first. */
#include <cmocka.h>

#include "last_writer.h"

static struct last_writer writer;

static int start(void **state)
{
    (void)state;
    return last_writer_start(&writer) ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    last_writer_free(&writer);
    return 0;
}

static void store(uint64_t pa, uint64_t time, uint8_t more_flags)
{
    struct writer_page *page = last_writer_make(&writer, pa);
    assert_non_null(page);
    last_writer_note(&writer, page, pa,
                     &(struct writer_line){.time = time,
                                           .pc = 0x1000 + time,
                                           .va = pa + 0x100000000,
                                           .cpu = 3,
                                           .flags = TRACE_EVENT_VALUE | more_flags});
}

static void nobody_wrote(void **state)
{
    (void)state;
    assert_null(last_writer_find(&writer, 0x40000000));
    struct trace_written none = last_writer_newest(&writer, 0x40000000, 4096, false);
    assert_int_equal(none.flags, 0);
    assert_int_equal(none.pc, 0);
    assert_null(last_writer_find(&writer, UINT64_MAX));
    assert_null(last_writer_make(&writer, UINT64_C(1) << 44));
    assert_non_null(last_writer_make(&writer, (UINT64_C(1) << 44) - 1));
}

static void newest_of_several_lines(void **state)
{
    (void)state;
    store(0x40000ff8, 10, 0);
    store(0x40001000, 12, TRACE_EVENT_ZVA);
    store(0x40001040, 11, 0);
    struct trace_written found = last_writer_newest(&writer, 0x40000f00, 0x200, false);
    assert_int_equal(found.time, 12);
    assert_int_equal(found.pc, 0x1000 + 12);
    assert_int_equal(found.pa, 0x40001000);
    assert_int_equal(found.va, 0x140001000);
    assert_int_equal(found.cpu, 3);
    assert_int_equal(found.flags, TRACE_EVENT_VALUE | TRACE_EVENT_ZVA);
    found = last_writer_newest(&writer, 0x40001044, 4, false);
    assert_int_equal(found.time, 11);
    assert_int_equal(found.pa, 0x40001040);
    found = last_writer_newest(&writer, 0x40000fff, 1, false);
    assert_int_equal(found.pa, 0x40000ff8); /* of the line, not of the byte */
    assert_int_equal(last_writer_newest(&writer, 0x40001080, 64, false).flags, 0);
    store(0x40001048, 20, 0);
    assert_int_equal(last_writer_newest(&writer, 0x40001040, 8, false).time, 20);
}

static void caches_off_until_read(void **state)
{
    (void)state;
    store(0x40000000, 1, TRACE_EVENT_CACHES_OFF);
    store(0x40000008, 2, TRACE_EVENT_CACHES_OFF); /* the same line counts once */
    store(0x40000040, 3, TRACE_EVENT_CACHES_OFF);
    store(0x40000080, 4, 0);
    struct writer_page *page = last_writer_find(&writer, 0x40000000);
    assert_int_equal(page->off, 3);
    assert_int_equal(writer.off_lines, 2);
    assert_int_equal(last_writer_newest(&writer, 0x40000000, 4096, true).time, 3);
    assert_int_equal(last_writer_newest(&writer, 0x40000000, 4096, false).time, 4);
    last_writer_read(&writer, page, 0);
    last_writer_read(&writer, page, 0);
    assert_int_equal(page->off, 2);
    assert_int_equal(writer.off_lines, 1);
    store(0x40000040, 5, 0); /* written with caches on: nothing is left to be told */
    assert_int_equal(page->off, 0);
    assert_int_equal(writer.off_lines, 0);
    assert_int_equal(last_writer_newest(&writer, 0x40000040, 64, true).flags, 0);
    store(0x40000000, 6, TRACE_EVENT_CACHES_OFF);
    assert_int_equal(writer.off_lines, 1);
}

static bool watched(uint64_t pa)
{
    const struct writer_page *page = last_writer_find(&writer, pa);
    return page != NULL && (page->watched >> writer_line_of(pa) & 1) != 0;
}

static void code_is_watched_by_the_word(void **state)
{
    (void)state;
    last_writer_watch_code(&writer, 0x40000ff4, 3); /* up to the end of the page */
    last_writer_watch_code(&writer, 0x40000104, 1);
    struct writer_page *page = last_writer_find(&writer, 0x40000000);
    assert_true(watched(0x40000fc0));
    assert_false(watched(0x40001000));
    assert_true(last_writer_code_store(page, 0x40000ff0));
    assert_true(last_writer_code_store(page, 0x40000ff8));
    assert_false(last_writer_code_store(page, 0x40000fe8));
    assert_true(last_writer_code_store(page, 0x40000100));
    assert_false(last_writer_code_store(page, 0x40000108));
    assert_false(watched(0x400000c0));
}

static void data_where_code_was(void **state)
{
    (void)state;
    last_writer_watch_code(&writer, 0x40000000, 4);
    struct writer_page *page = last_writer_find(&writer, 0x40000000);
    for (unsigned int i = 0; i < WRITER_CODE_STORES; i++) {
        assert_true(last_writer_code_store(page, 0x40000000));
    }
    assert_false(last_writer_code_store(page, 0x40000000));
    assert_false(watched(0x40000000));
    last_writer_watch_code(&writer, 0x40000000, 4); /* translated again */
    assert_true(watched(0x40000000));
    assert_true(last_writer_code_store(page, 0x40000008));
}

static void tables_and_code_share_a_page(void **state)
{
    (void)state;
    last_writer_watch_table(&writer, 0x40000000, 8192, true);
    assert_true(watched(0x40000000) && watched(0x40001fc0) && !watched(0x40002000));
    last_writer_watch_code(&writer, 0x40001000, 2);
    last_writer_watch_table(&writer, 0x40000000, 8192, false);
    assert_false(watched(0x40000000));
    assert_true(watched(0x40001000));
    assert_false(watched(0x40001040));
    last_writer_watch_table(&writer, 0x40003020, 32, true); /* a small root: its line */
    assert_true(watched(0x40003000));
    assert_false(watched(0x40003040));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nobody_wrote, start, stop),
        cmocka_unit_test_setup_teardown(newest_of_several_lines, start, stop),
        cmocka_unit_test_setup_teardown(caches_off_until_read, start, stop),
        cmocka_unit_test_setup_teardown(code_is_watched_by_the_word, start, stop),
        cmocka_unit_test_setup_teardown(data_where_code_was, start, stop),
        cmocka_unit_test_setup_teardown(tables_and_code_share_a_page, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
