/* The trace reader: what it hands out, a torn tail, and each way a file can be damaged. */
#include "trace_builder.h"

#include <stdlib.h>
#include <unistd.h>

static const uint32_t OPCODES[] = {0x11, 0x22, 0x33};
static const uint64_t COUNTS[] = {7, 5};
static const uint16_t STARTS[] = {0, 2};

static struct builder builder;
static struct trace trace;
static char error[TRACE_ERROR_TEXT];

static struct trace_block *add_block(void)
{
    return builder_block(&builder, 0x40080000, OPCODES, 3, COUNTS, STARTS, 2);
}

static void assert_refused(size_t size, const char *words)
{
    error[0] = '\0';
    assert_false(trace_parse(&trace, builder.data, size, error));
    if (strstr(error, words) == NULL) {
        fail_msg("'%s' does not say '%s'", error, words);
    }
    assert_null(trace.blocks);
}

static void a_block_comes_back_as_it_was_written(void **state)
{
    (void)state;
    builder_begin(&builder);
    struct trace_block *block = add_block();
    block->taken = 3;
    block->not_taken = 2;
    block->unknown = 1;
    builder_read(&builder, &trace);
    assert_int_equal(trace.block_count, 1);
    assert_int_equal(trace.blocks[0].vaddr, 0x40080000);
    assert_true(trace.blocks[0].paddr == TRACE_UNKNOWN_ADDRESS);
    assert_int_equal(trace.blocks[0].insns, 3);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(trace_opcode(&trace.blocks[0], i), OPCODES[i]);
    }
    assert_int_equal(trace_segment_start(&trace.blocks[0], 1), 2);
    assert_int_equal(trace_growth(&trace, 0, 0, TRACE_SLOT_NOT_TAKEN), 2);
    assert_int_equal(trace_growth(&trace, 0, 0, TRACE_SLOT_TAKEN), 3);
    assert_int_equal(trace_growth(&trace, 0, 0, TRACE_SLOT_UNKNOWN), 1);
    assert_int_equal(trace_growth(&trace, 0, 0, TRACE_SLOT_COUNTS), 7);
    assert_int_equal(trace_growth(&trace, 0, 0, TRACE_SLOT_COUNTS + 1), 5);
    assert_int_equal(trace.torn_bytes, 0);
    trace_close(&trace);
}

static void a_chunk_may_be_padded_behind_its_contents(void **state)
{
    (void)state;
    builder_begin(&builder);
    struct trace_block *block = add_block();
    block->chunk.size += 64;
    builder.used += 64;
    add_block();
    builder_read(&builder, &trace);
    assert_int_equal(trace.block_count, 2);
    trace_close(&trace);
}

static void an_epoch_splits_the_counters_in_time(void **state)
{
    (void)state;
    builder_begin(&builder);
    add_block();
    const uint64_t then[] = {0, 0, 0, 4, 1};
    builder_epoch(&builder, TRACE_MMU_ON, 1, then, 5);
    add_block();
    builder_read(&builder, &trace);
    assert_int_equal(trace.epoch_count, 1);
    assert_int_equal(trace.epochs[0].after, TRACE_MMU_ON);
    assert_int_equal(trace_growth(&trace, 0, 0, TRACE_SLOT_COUNTS), 4);
    assert_int_equal(trace_growth(&trace, 0, 1, TRACE_SLOT_COUNTS), 3);
    assert_int_equal(trace_growth(&trace, 0, 1, TRACE_SLOT_COUNTS + 1), 4);
    /* The second block was not there yet. */
    assert_int_equal(trace_growth(&trace, 1, 0, TRACE_SLOT_COUNTS), 0);
    assert_int_equal(trace_growth(&trace, 1, 1, TRACE_SLOT_COUNTS), 7);
    trace_close(&trace);
}

static void a_counter_that_went_back_reads_as_no_growth(void **state)
{
    (void)state;
    builder_begin(&builder);
    add_block();
    const uint64_t then[] = {0, 0, 0, 9, 9};
    builder_epoch(&builder, TRACE_MMU_ON, 1, then, 5);
    builder_read(&builder, &trace);
    assert_int_equal(trace_growth(&trace, 0, 1, TRACE_SLOT_COUNTS), 0);
    trace_close(&trace);
}

static void a_torn_tail_is_dropped_at_every_length(void **state)
{
    (void)state;
    builder_begin(&builder);
    add_block();
    size_t whole = builder.used;
    add_block();
    builder_end(&builder);
    for (size_t size = whole; size < builder.used; size++) {
        assert_true(trace_parse(&trace, builder.data, size, error));
        assert_int_equal(trace.block_count, 1);
        assert_int_equal(trace.torn_bytes, builder.used - whole);
        trace_close(&trace);
    }
}

static void zeros_of_lost_pages_are_a_torn_tail(void **state)
{
    (void)state;
    builder_begin(&builder);
    add_block();
    size_t whole = builder.used;
    builder.used += 256;
    builder_end(&builder);
    assert_true(trace_parse(&trace, builder.data, builder.used, error));
    assert_int_equal(trace.block_count, 1);
    assert_int_equal(trace.torn_bytes, builder.used - whole);
    trace_close(&trace);
}

static void what_lies_behind_used_is_not_read(void **state)
{
    (void)state;
    builder_begin(&builder);
    add_block();
    builder_end(&builder);
    add_block(); /* behind `used` */
    assert_true(trace_parse(&trace, builder.data, builder.used, error));
    assert_int_equal(trace.block_count, 1);
    assert_int_equal(trace.torn_bytes, 0);
    trace_close(&trace);
}

static void a_damaged_header_is_refused(void **state)
{
    (void)state;
    builder_begin(&builder);
    struct trace_header *header = builder_header(&builder);
    assert_refused(sizeof(*header) - 1, "shorter than a trace's header");
    assert_refused(0, "shorter than a trace's header");
    header->magic[3] = 'X';
    assert_refused(builder.used, "does not begin with RIGTRACE");
    builder_begin(&builder);
    header->version = 2;
    assert_refused(builder.used, "version 2; this rig-trace reads 1");
    builder_begin(&builder);
    header->kind = 9;
    assert_refused(builder.used, "not one of coverage");
    builder_begin(&builder);
    header->used = 8;
    assert_refused(builder.used, "header contradicts itself");
    builder_begin(&builder);
    header->image_id_size = TRACE_IMAGE_ID_BYTES + 1;
    assert_refused(builder.used, "header contradicts itself");
}

/* Build one block, let `damage` change it, and see it refused. */
static void refuse_block(void (*damage)(struct trace_block *block))
{
    builder_begin(&builder);
    damage(add_block());
    builder_end(&builder);
    assert_refused(builder.used, "chunk at offset 120 contradicts itself");
}

static void other_tag(struct trace_block *block)
{
    block->chunk.tag++;
}

static void tiny(struct trace_block *block)
{
    block->chunk.size = 8;
}

static void crooked(struct trace_block *block)
{
    block->chunk.size--;
}

static void nothing(struct trace_block *block)
{
    block->chunk.size = 0;
}

static void no_segment(struct trace_block *block)
{
    block->segments = 0;
}

static void more_segments_than_instructions(struct trace_block *block)
{
    block->segments = block->insns + 1;
}

static void huge(struct trace_block *block)
{
    block->insns = UINT32_MAX;
    block->segments = UINT32_MAX;
}

static uint16_t *starts_of(struct trace_block *block)
{
    return (uint16_t *)(void *)((uint8_t *)(block + 1) + sizeof(COUNTS) + sizeof(OPCODES));
}

static void first_start_not_zero(struct trace_block *block)
{
    starts_of(block)[0] = 1;
}

static void starts_not_ascending(struct trace_block *block)
{
    starts_of(block)[1] = 0;
}

static void start_behind_the_end(struct trace_block *block)
{
    starts_of(block)[1] = 3;
}

static void a_block_that_contradicts_itself_is_refused(void **state)
{
    (void)state;
    void (*const damages[])(struct trace_block * block) = {
        other_tag,
        tiny,
        crooked,
        nothing,
        no_segment,
        more_segments_than_instructions,
        huge,
        first_start_not_zero,
        starts_not_ascending,
        start_behind_the_end,
    };
    for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
        refuse_block(damages[i]);
    }
}

static void an_epoch_that_contradicts_itself_is_refused(void **state)
{
    (void)state;
    const uint64_t then[5] = {0};
    builder_begin(&builder);
    add_block();
    builder_epoch(&builder, TRACE_MMU_ON, 2, then, 5); /* a block too many */
    builder_end(&builder);
    assert_refused(builder.used, "contradicts itself");
    builder_begin(&builder);
    add_block();
    builder_epoch(&builder, TRACE_MMU_ON, 1, then, 4); /* a counter too few */
    builder_end(&builder);
    assert_refused(builder.used, "contradicts itself");
    builder_begin(&builder);
    add_block();
    builder_epoch(&builder, TRACE_MMU_UNKNOWN + 1, 1, then, 5);
    builder_end(&builder);
    assert_refused(builder.used, "contradicts itself");
}

static void files_are_read_and_what_is_none_is_refused(void **state)
{
    (void)state;
    char path[] = "/tmp/trace-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_false(trace_open(&trace, path, error));
    assert_string_equal(error, "no trace: the file is empty");
    builder_begin(&builder);
    add_block();
    builder_end(&builder);
    assert_int_equal(write(fd, builder.data, builder.used), builder.used);
    assert_true(trace_open(&trace, path, error));
    assert_int_equal(trace.block_count, 1);
    trace_close(&trace);
    close(fd);
    unlink(path);
    assert_false(trace_open(&trace, path, error));
    assert_string_equal(error, "No such file or directory");
    assert_false(trace_open(&trace, "/tmp", error));
    assert_string_equal(error, "no trace: it is no regular file");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_block_comes_back_as_it_was_written),
        cmocka_unit_test(a_chunk_may_be_padded_behind_its_contents),
        cmocka_unit_test(an_epoch_splits_the_counters_in_time),
        cmocka_unit_test(a_counter_that_went_back_reads_as_no_growth),
        cmocka_unit_test(a_torn_tail_is_dropped_at_every_length),
        cmocka_unit_test(zeros_of_lost_pages_are_a_torn_tail),
        cmocka_unit_test(what_lies_behind_used_is_not_read),
        cmocka_unit_test(a_damaged_header_is_refused),
        cmocka_unit_test(a_block_that_contradicts_itself_is_refused),
        cmocka_unit_test(an_epoch_that_contradicts_itself_is_refused),
        cmocka_unit_test(files_are_read_and_what_is_none_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
