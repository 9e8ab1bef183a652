/*
 * Events go to chunks that fill in place, behind whatever they refer to; windows open and end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs those above first. */
#include <cmocka.h>

#include <string.h>

#include "code_blocks.h"
#include "event_log.h"
#include "event_sites.h"
#include "event_window.h"
#include "memory_file.h"

/* The chunk at that offset, NULL behind the last. */
static const struct trace_chunk *chunk_at(const uint8_t *data, uint64_t offset)
{
    const struct trace_header *head = (const void *)data;
    return offset < head->used ? (const void *)(data + offset) : NULL;
}

/* Events in the file, each with its number as its pc; `*lists` of lists, `*unused` places. */
static uint32_t count_events(const uint8_t *data, uint32_t *lists, uint32_t *unused)
{
    uint32_t count = 0;
    *lists = 0;
    *unused = 0;
    uint64_t offset = sizeof(struct trace_header);
    for (const struct trace_chunk *chunk; (chunk = chunk_at(data, offset)) != NULL;
         offset += chunk->size) {
        const struct trace_event_list *list = (const void *)chunk;
        if (chunk->tag != TRACE_EVENT_LIST) {
            continue;
        }
        const struct trace_event *events = (const void *)(list + 1);
        assert_int_equal(chunk->size, sizeof *list + list->room * sizeof *events);
        for (uint32_t i = 0; i < list->count; i++) {
            assert_int_equal(events[i].pc, count++);
        }
        (*lists)++;
        *unused += list->room - list->count;
    }
    return count;
}

static bool add(struct event_log *log)
{
    return event_log_add(
        log, &(struct trace_event){.kind = TRACE_EVENT_INSN, .pc = event_log_time(log)});
}

static void survives_at_each_event(void **state)
{
    (void)state;
    struct memory_file file = open_file(1 << 20);
    struct event_log log;
    event_log_start(&log, file.writer, 1 << 20);
    for (uint32_t i = 0; i < 1000; i++) {
        assert_true(add(&log));
        if (i % 97 == 0) {
            /* The file as it would be if QEMU was killed now. */
            size_t size = 0;
            uint32_t lists = 0;
            uint32_t unused = 0;
            uint8_t *data = read_file(&file, &size);
            assert_int_equal(count_events(data, &lists, &unused), i + 1);
            free(data);
        }
    }
    assert_int_equal(event_log_time(&log), 1000);
    close_file(&file);
}

static void keeps_chunks_before_their_events(void **state)
{
    (void)state;
    struct memory_file file = open_file(1 << 20);
    struct event_log log;
    uint32_t lists = 0;
    uint32_t unused = 0;
    size_t size = 0;
    uint64_t before = 0;
    event_log_start(&log, file.writer, 1 << 20);
    for (uint32_t i = 0; i < 100; i++) {
        uint64_t offset = 0;
        struct trace_writer_note *note = event_log_chunk(&log, TRACE_WRITER, sizeof *note, &offset);
        assert_non_null(note);
        note->written.time = i;
        trace_writer_commit(file.writer);
        assert_true(offset > before);
        before = offset;
        uint8_t *data = read_file(&file, &size);
        const struct trace_writer_note *found = (const void *)chunk_at(data, offset);
        assert_int_equal(found->chunk.tag, TRACE_WRITER);
        assert_int_equal(found->written.time, i);
        free(data);
        assert_true(add(&log));
        assert_true((const uint8_t *)log.list > (const uint8_t *)note);
    }
    uint8_t *data = read_file(&file, &size);
    assert_int_equal(count_events(data, &lists, &unused), 100);
    assert_int_equal(lists, 100);
    assert_true(unused <= 100 * 8);
    free(data);
    close_file(&file);
}

static void fills_the_file_and_says_so(void **state)
{
    (void)state;
    enum { LIMIT = 50000 };
    struct memory_file file = open_file(LIMIT);
    struct event_log log;
    uint32_t lists = 0;
    uint32_t unused = 0;
    size_t size = 0;
    uint64_t offset = 0;
    event_log_start(&log, file.writer, LIMIT);
    uint32_t added = 0;
    while (add(&log)) {
        added++;
    }
    assert_true(log.full);
    assert_true(added > (LIMIT - 1000) / sizeof(struct trace_event));
    assert_false(add(&log)); /* nothing later either */
    assert_null(event_log_chunk(&log, TRACE_WRITER, sizeof(struct trace_writer_note), &offset));
    assert_int_equal(event_log_time(&log), added);
    uint8_t *data = read_file(&file, &size);
    assert_int_equal(count_events(data, &lists, &unused), added);
    assert_int_equal(unused, 0);
    assert_int_equal(((const struct trace_header *)(const void *)data)->flags, TRACE_FULL);
    free(data);
    close_file(&file);
}

static const struct a64_barrier FULL = {A64_SY, true, true};

static void weak_barriers_end_none(void **state)
{
    (void)state;
    struct event_window window = {0};
    window_open_dsb(&window, A64_NSH, false); /* a store to a table */
    window_dsb(&window, (struct a64_barrier){A64_NSH, true, false});
    assert_int_equal(window.needs, WINDOW_NEED_DSB);
    window_open_dsb(&window, A64_ISH, true); /* and a TLBI of all CPUs */
    window_dsb(&window, (struct a64_barrier){A64_NSH, true, true});
    window_dsb(&window, (struct a64_barrier){A64_ISH, false, true});
    window_cse(&window);
    assert_int_equal(window.needs, WINDOW_NEED_DSB);
    window_dsb(&window, (struct a64_barrier){A64_ISH, true, true});
    assert_int_equal(window.needs, WINDOW_NEED_CSE);
    window_cse(&window);
    assert_false(window_records(&window));
    window_open_dsb(&window, A64_NSH, false); /* what was asked for before is over */
    window_dsb(&window, (struct a64_barrier){A64_NSH, false, true});
    assert_int_equal(window.needs, WINDOW_NEED_CSE);
}

static void windows_end_with_their_barriers(void **state)
{
    (void)state;
    struct event_window window = {0};
    assert_false(window_records(&window));
    window_dsb(&window, FULL); /* a barrier alone opens none */
    window_cse(&window);
    assert_false(window_records(&window));
    window_open(&window, WINDOW_NEED_CSE);
    assert_true(window_records(&window));
    window_dsb(&window, FULL);
    assert_true(window_records(&window));
    window_cse(&window);
    assert_false(window_records(&window));
    window_open_dsb(&window, A64_ISH, true);
    window_cse(&window); /* too early */
    assert_true(window_records(&window));
    window_dsb(&window, FULL);
    assert_true(window_records(&window));
    window_cse(&window);
    assert_false(window_records(&window));
    window_open(&window, WINDOW_NEED_CSE);
    window_open_dsb(&window, A64_ISH, true);
    window_cse(&window);
    assert_true(window_records(&window));
    window_dsb(&window, FULL);
    window_cse(&window);
    assert_false(window_records(&window));
}

static void long_windows_are_cut_once(void **state)
{
    (void)state;
    struct event_window window = {0};
    window_open_dsb(&window, A64_ISH, true);
    for (uint32_t i = 0; i < WINDOW_EVENTS; i++) {
        assert_true(window_records(&window));
        assert_true(window_count(&window));
    }
    assert_true(window_records(&window));
    assert_false(window_count(&window)); /* the CUT's place */
    assert_false(window_records(&window));
    window_dsb(&window, FULL);
    assert_false(window_records(&window));
    window_open(&window, WINDOW_NEED_CSE); /* a new hazard is told anew */
    assert_true(window_records(&window));
    assert_true(window_count(&window));
}

static void sites_are_found_again(void **state)
{
    (void)state;
    enum { SITES = 20000 };
    static const struct event_site *known[SITES];
    struct event_sites sites = {0};
    for (uint32_t i = 0; i < SITES; i++) {
        known[i] = event_sites_get(
            &sites, &(struct event_site){.pc = i * 4, .pc_pa = i * 4, .opcode = i, .kind = 1});
        assert_non_null(known[i]);
    }
    for (uint32_t i = 0; i < SITES; i++) {
        struct event_site wanted = {.pc = i * 4, .pc_pa = i * 4, .opcode = i, .kind = 2};
        const struct event_site *found = event_sites_get(&sites, &wanted);
        assert_ptr_equal(found, known[i]);
        assert_int_equal(found->kind, 1);
        wanted.opcode++;
        assert_ptr_not_equal(event_sites_get(&sites, &wanted), known[i]);
    }
    assert_int_equal(sites.count, 2 * SITES);
    event_sites_free(&sites);
}

static void code_is_written_once(void **state)
{
    (void)state;
    struct memory_file file = open_file(1 << 20);
    struct event_log log;
    struct code_blocks blocks = {0};
    uint32_t opcodes[3] = {1, 2, 3};
    uint64_t offset = 0;
    uint64_t again = 0;
    size_t size = 0;
    event_log_start(&log, file.writer, 1 << 20);
    struct code_shape shape = {.vaddr = 0x1080, .paddr = 0x2080, .insns = 3, .opcodes = opcodes};
    struct code_block *block = code_blocks_get(&blocks, &shape);
    assert_true(block->vector);
    assert_false(block->written);
    assert_int_equal(block->end, 0x108c);
    assert_true(code_block_chunk(block, &log, &offset));
    assert_ptr_equal(code_blocks_get(&blocks, &shape), block);
    assert_true(code_block_chunk(block, &log, &again));
    assert_int_equal(again, offset);
    shape.writer = (struct trace_written){.time = 5, .pc = 7, .flags = TRACE_EVENT_VALUE};
    struct code_block *written = code_blocks_get(&blocks, &shape);
    assert_ptr_not_equal(written, block);
    assert_true(written->written);
    assert_ptr_equal(code_blocks_get(&blocks, &shape), written);
    shape.writer.time = 6; /* written again, with the same bytes by the same instruction */
    assert_ptr_not_equal(code_blocks_get(&blocks, &shape), written);
    opcodes[1] = 9;
    assert_ptr_not_equal(code_blocks_get(&blocks, &shape), written);
    for (uint32_t i = 0; i < 10000; i++) { /* the table grows */
        shape.vaddr = 0x100000 + 4 * i;
        assert_non_null(code_blocks_get(&blocks, &shape));
    }
    assert_int_equal(blocks.count, 10004);
    uint8_t *data = read_file(&file, &size);
    const struct trace_code *code = (const void *)chunk_at(data, offset);
    const uint32_t *words = (const void *)(code + 1);
    assert_int_equal(code->vaddr, 0x1080);
    assert_int_equal(code->paddr, 0x2080);
    assert_int_equal(code->insns, 3);
    assert_int_equal(code->chunk.size % 8, 0);
    assert_int_equal(words[0] + words[1] + words[2], 6);
    free(data);
    for (size_t i = 0; i < blocks.slot_count; i++) {
        for (struct code_block *next, *each = blocks.slots[i]; each != NULL; each = next) {
            next = each->next;
            free(each);
        }
    }
    free(blocks.slots);
    close_file(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(survives_at_each_event),
        cmocka_unit_test(keeps_chunks_before_their_events),
        cmocka_unit_test(fills_the_file_and_says_so),
        cmocka_unit_test(windows_end_with_their_barriers),
        cmocka_unit_test(weak_barriers_end_none),
        cmocka_unit_test(long_windows_are_cut_once),
        cmocka_unit_test(sites_are_found_again),
        cmocka_unit_test(code_is_written_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
