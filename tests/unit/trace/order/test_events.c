/* The reader of event traces: what it hands out, a torn tail, and each way a file can be damaged.
 */
#include "trace_build.h"

#include <stdlib.h>
#include <unistd.h>

static const uint32_t OPCODES[] = {OP_NOP, OP_ISB, OP_RET};
static const uint64_t WORDS[] = {3, 0, 5};

static struct build build;
static struct event_trace trace;
static char error[EVENT_ERROR_TEXT];

static const struct trace_written WRITER = {
    .time = 1, .pc = 0x40080010, .va = 0x40090000, .pa = 0x40090000, .flags = TRACE_EVENT_VALUE};

/* One event that refers to each kind of chunk, behind one that refers to none. */
static void build_some(void)
{
    const struct build_table table = {
        .pa = 0x40001000, .level = 1, .upper = 1, .words = WORDS, .count = 3, .written = &WRITER};
    build_begin(&build, 2);
    build_insn(&build, 0, 1, 0x40080000, OP_MSR(A64_TTBR1_EL1, 3), 0x40001000);
    build_frame(&build, 0, 1, 0x40080000, &table);
    build_block(&build, 1, 1, 0x40080004, 0x40080004, OPCODES, 3);
    build_off_read(&build, 1, 1, 0x40080008, 0x40090000, 0x40090000, &WRITER);
    build_translate(&build, 0, 1, 0x40090000, 0x40090000, OPCODES, 2, &WRITER);
}

static void read_whole(void)
{
    size_t size = 0;
    const uint8_t *data = build_finish(&build, &size);
    if (!event_trace_parse(&trace, data, size, error)) {
        fail_msg("%s", error);
    }
}

static void refused(size_t size, const char *words)
{
    error[0] = '\0';
    assert_false(event_trace_parse(&trace, build.data, size, error));
    if (strstr(error, words) == NULL) {
        fail_msg("'%s' does not say '%s'", error, words);
    }
    assert_null(trace.runs);
    assert_null(trace.codes);
}

static void events_come_back_with_what_they_refer_to(void **state)
{
    (void)state;
    build_some();
    read_whole();
    assert_int_equal(trace.cpus, 2);
    assert_int_equal(trace.event_count, 5);
    assert_int_equal(trace.torn_bytes, 0);
    const struct trace_event *insn = event_at(&trace, 0);
    assert_int_equal(insn->value, 0x40001000);
    assert_null(event_code(&trace, insn));
    assert_null(event_frame(&trace, insn));
    assert_null(event_writer(&trace, insn));
    const struct trace_frame *frame = event_frame(&trace, event_at(&trace, 1));
    assert_non_null(frame);
    assert_int_equal(frame->size, sizeof(WORDS));
    assert_memory_equal(trace_frame_words(frame), WORDS, sizeof(WORDS));
    assert_int_equal(frame->written.pc, WRITER.pc);
    const struct trace_code *code = event_code(&trace, event_at(&trace, 2));
    assert_non_null(code);
    assert_memory_equal(trace_code_opcodes(code), OPCODES, sizeof(OPCODES));
    assert_memory_equal(event_writer(&trace, event_at(&trace, 3)), &WRITER, sizeof(WRITER));
    assert_null(event_frame(&trace, event_at(&trace, 2)));
    event_trace_close(&trace);
    build_free(&build);
}

/* More events than a chunk has room for, and empty chunks between. */
static void the_cursor_and_the_number_agree(void **state)
{
    (void)state;
    enum { EVENTS = 100 };
    build_begin(&build, 1);
    for (uint64_t i = 0; i < EVENTS; i++) {
        build_insn(&build, 0, 1, 0x40080000 + 4 * i, OP_ISB, 0);
    }
    read_whole();
    struct event_cursor cursor = event_trace_begin(&trace);
    for (uint64_t i = 0; i < EVENTS; i++) {
        assert_int_equal(cursor.number, i);
        const struct trace_event *event = event_next(&cursor);
        assert_ptr_equal(event, event_at(&trace, i));
        assert_int_equal(event->pc, 0x40080000 + 4 * i);
    }
    assert_null(event_next(&cursor));
    assert_null(event_next(&cursor));
    event_trace_close(&trace);
    build_free(&build);
}

static void an_opcode_is_found_by_its_pc(void **state)
{
    (void)state;
    uint32_t opcode = 0;
    build_some();
    read_whole();
    assert_true(event_trace_opcode(&trace, 0x4008000c, &opcode));
    assert_int_equal(opcode, OP_RET);
    assert_true(event_trace_opcode(&trace, 0x40090000, &opcode));
    assert_int_equal(opcode, OP_NOP);
    assert_false(event_trace_opcode(&trace, 0x40080010, &opcode));
    assert_false(event_trace_opcode(&trace, 0x40080000, &opcode));
    assert_false(event_trace_opcode(&trace, 0x40080005, &opcode));
    event_trace_close(&trace);
    build_free(&build);
}

static void an_empty_trace_has_no_events(void **state)
{
    (void)state;
    build_begin(&build, 1);
    read_whole();
    struct event_cursor cursor = event_trace_begin(&trace);
    assert_int_equal(trace.event_count, 0);
    assert_null(event_next(&cursor));
    event_trace_close(&trace);
    build_free(&build);
}

/* At each length: what is left is a prefix of the events, whose references are all there. */
static void a_torn_tail_is_dropped_at_every_length(void **state)
{
    (void)state;
    uint64_t most = 0;
    build_some();
    size_t size = 0;
    build_finish(&build, &size);
    for (size_t cut = sizeof(struct trace_header); cut < size; cut++) {
        assert_true(event_trace_parse(&trace, build.data, cut, error));
        assert_true(trace.torn_bytes != 0);
        assert_true(trace.event_count >= most && trace.event_count < 5);
        most = trace.event_count;
        for (uint64_t i = 0; i < trace.event_count; i++) {
            const struct trace_code *code = event_code(&trace, event_at(&trace, i));
            assert_true(code == NULL ||
                        (const uint8_t *)code + code->chunk.size <= build.data + cut);
        }
        event_trace_close(&trace);
    }
    assert_int_equal(most, 4); /* all but the last, whose chunk is the last */
    build_free(&build);
}

static void a_torn_tail_excuses_no_damage(void **state)
{
    (void)state;
    size_t size = 0;
    build_some();
    build_finish(&build, &size);
    struct trace_event_list *list = (void *)(build.data + build.list);
    struct trace_event *events = (struct trace_event *)(void *)(list + 1);
    events[1].value += 8;
    refused(size - 8, "event 1 contradicts the file");
    build_free(&build);
}

static void zeros_of_lost_pages_are_a_torn_tail(void **state)
{
    (void)state;
    build_some();
    size_t size = 0;
    build_finish(&build, &size);
    build.data = realloc(build.data, size + 64);
    assert_non_null(build.data);
    memset(build.data + size, 0, 64);
    build_header(&build)->used = size + 64;
    assert_true(event_trace_parse(&trace, build.data, size + 64, error));
    assert_int_equal(trace.torn_bytes, 64);
    assert_int_equal(trace.event_count, 5);
    event_trace_close(&trace);
    build_free(&build);
}

static void a_damaged_header_is_refused(void **state)
{
    (void)state;
    build_some();
    size_t size = 0;
    build_finish(&build, &size);
    struct trace_header *header = build_header(&build);
    const struct trace_header sound = *header;
    refused(sizeof(*header) - 1, "shorter than a trace's header");
    header->magic[0] = 'X';
    refused(size, "does not begin with RIGTRACE");
    *header = sound;
    header->version = 2;
    refused(size, "version 2; this rig-trace reads 1");
    *header = sound;
    header->kind = TRACE_COVERAGE;
    refused(size, "a coverage trace and no event trace");
    *header = sound;
    header->cpus = 0;
    refused(size, "header contradicts itself");
    header->cpus = 256;
    refused(size, "header contradicts itself");
    *header = sound;
    header->used = 8;
    refused(size, "header contradicts itself");
    *header = sound;
    header->image_id_size = TRACE_IMAGE_ID_BYTES + 1;
    refused(size, "header contradicts itself");
    build_free(&build);
}

/* The builder's events lie in one list; the event of that number. */
static struct trace_event *built(uint64_t number)
{
    struct trace_event_list *list = (void *)(build.data + build.list);
    return (struct trace_event *)(void *)(list + 1) + number;
}

static void wrong_kind(void)
{
    built(0)->kind = TRACE_EVENT_KINDS;
}

static void kind_zero(void)
{
    built(0)->kind = 0;
}

static void wrong_cpu(void)
{
    built(0)->cpu = 2;
}

static void wrong_level(void)
{
    built(0)->el = 4;
}

static void refers_to_nothing(void)
{
    built(1)->value += 8;
}

static void refers_between_words(void)
{
    built(1)->value += 4;
}

static void refers_to_another_kind(void)
{
    built(1)->value = built(2)->value;
}

static void refers_behind_the_end(void)
{
    built(1)->value = UINT64_MAX - 7;
}

static void an_event_that_contradicts_the_file_is_refused(void **state)
{
    (void)state;
    void (*const damages[])(void) = {wrong_kind,
                                     kind_zero,
                                     wrong_cpu,
                                     wrong_level,
                                     refers_to_nothing,
                                     refers_between_words,
                                     refers_to_another_kind,
                                     refers_behind_the_end};
    for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
        size_t size = 0;
        build_some();
        build_finish(&build, &size);
        damages[i]();
        refused(size, "contradicts the file");
        build_free(&build);
    }
}

static struct trace_code *built_code(void)
{
    return (void *)(build.data + built(2)->value);
}

static struct trace_frame *built_frame(void)
{
    return (void *)(build.data + built(1)->value);
}

static void tag_of_nothing(void)
{
    built_code()->chunk.tag++;
}

static void size_of_nothing(void)
{
    built_code()->chunk.size = 0;
}

static void crooked_size(void)
{
    built_code()->chunk.size -= 4;
}

static void no_instructions(void)
{
    built_code()->insns = 0;
}

static void too_many_instructions(void)
{
    built_code()->insns = UINT32_MAX;
}

static void frame_too_big(void)
{
    built_frame()->size += 8;
}

static void frame_of_nothing(void)
{
    built_frame()->size = 0;
}

static void frame_around_the_end(void)
{
    built_frame()->pa = UINT64_MAX - 7;
}

static void frame_at_level_4(void)
{
    built_frame()->level = 4;
}

static void frame_of_a_third_half(void)
{
    built_frame()->upper = 2;
}

static void frame_by_no_cpu(void)
{
    built_frame()->written.cpu = 2;
}

static void more_events_than_room(void)
{
    struct trace_event_list *list = (void *)(build.data + build.list);
    list->count = list->room + 1;
}

static void more_room_than_chunk(void)
{
    struct trace_event_list *list = (void *)(build.data + build.list);
    list->room = UINT32_MAX;
}

static void a_chunk_that_contradicts_itself_is_refused(void **state)
{
    (void)state;
    void (*const damages[])(void) = {
        tag_of_nothing,      size_of_nothing,       crooked_size,     no_instructions,
        frame_of_nothing,    frame_around_the_end,  frame_at_level_4, frame_of_a_third_half,
        frame_by_no_cpu,     too_many_instructions, frame_too_big,    more_events_than_room,
        more_room_than_chunk};
    for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
        size_t size = 0;
        build_some();
        build_finish(&build, &size);
        damages[i]();
        refused(size, "contradicts itself");
        build_free(&build);
    }
}

static void files_are_read_and_what_is_none_is_refused(void **state)
{
    (void)state;
    char path[] = "/tmp/events-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_false(event_trace_open(&trace, path, error));
    assert_string_equal(error, "no trace: the file is empty");
    size_t size = 0;
    build_some();
    const uint8_t *data = build_finish(&build, &size);
    assert_int_equal(write(fd, data, size), size);
    assert_true(event_trace_open(&trace, path, error));
    assert_int_equal(trace.event_count, 5);
    event_trace_close(&trace);
    assert_int_equal(ftruncate(fd, 60), 0);
    assert_false(event_trace_open(&trace, path, error));
    close(fd);
    unlink(path);
    assert_false(event_trace_open(&trace, path, error));
    assert_string_equal(error, "No such file or directory");
    assert_false(event_trace_open(&trace, "/tmp", error));
    assert_string_equal(error, "no trace: it is no regular file");
    build_free(&build);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_come_back_with_what_they_refer_to),
        cmocka_unit_test(the_cursor_and_the_number_agree),
        cmocka_unit_test(an_opcode_is_found_by_its_pc),
        cmocka_unit_test(an_empty_trace_has_no_events),
        cmocka_unit_test(a_torn_tail_is_dropped_at_every_length),
        cmocka_unit_test(a_torn_tail_excuses_no_damage),
        cmocka_unit_test(zeros_of_lost_pages_are_a_torn_tail),
        cmocka_unit_test(a_damaged_header_is_refused),
        cmocka_unit_test(an_event_that_contradicts_the_file_is_refused),
        cmocka_unit_test(a_chunk_that_contradicts_itself_is_refused),
        cmocka_unit_test(files_are_read_and_what_is_none_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
