/*
 * The trace file's writer: what is in the file while it is written, when it is full and at its end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs those above first. */
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "trace_writer.h"

static char path[] = "/tmp/rig-writer-XXXXXX";

static struct trace_writer *open_writer(uint64_t limit)
{
    static const uint8_t id[] = {0xab, 0xcd};
    return trace_writer_open(&(struct trace_writer_settings){
        .path = path,
        .kind = TRACE_COVERAGE,
        .limit = limit,
        .api = 1,
        .cpus = 2,
        .image_id = id,
        .image_id_size = sizeof id,
    });
}

static struct trace_header head(void)
{
    struct trace_header header;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(read(fd, &header, sizeof header), sizeof header);
    close(fd);
    return header;
}

static off_t size_of_file(void)
{
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    return status.st_size;
}

static void header_is_there_at_once(void **state)
{
    (void)state;
    struct trace_writer *writer = open_writer(TRACE_LIMIT_DEFAULT);
    assert_non_null(writer);
    struct trace_header header = head();
    assert_memory_equal(header.magic, TRACE_MAGIC, 8);
    assert_int_equal(header.version, TRACE_VERSION);
    assert_int_equal(header.kind, TRACE_COVERAGE);
    assert_int_equal(header.used, sizeof header);
    assert_int_equal(header.flags, 0);
    assert_int_equal(header.cpus, 2);
    assert_int_equal(header.image_id_size, 2);
    assert_int_equal(header.image_id[1], 0xcd);
    trace_writer_close(writer);
    assert_int_equal(head().flags, TRACE_CLOSED);
    assert_int_equal(size_of_file(), sizeof header);
    trace_writer_free(writer);
}

/* Addresses stay, across many steps of growth, and what is written there is in the file. */
static void grows_in_place(void **state)
{
    (void)state;
    struct trace_writer *writer = open_writer((uint64_t)16 << 20);
    uint64_t *first = trace_writer_begin(writer, TRACE_BLOCK, 4096);
    assert_non_null(first);
    assert_int_equal(head().used, sizeof(struct trace_header)); /* not before it is complete */
    trace_writer_commit(writer);
    for (int i = 0; i < 3000; i++) {
        assert_non_null(trace_writer_begin(writer, TRACE_BLOCK, 4096));
        trace_writer_commit(writer);
    }
    first[1] = 0x1234;
    assert_int_equal(head().used, sizeof(struct trace_header) + 3001 * 4096);
    assert_int_equal(trace_writer_used(writer), head().used);
    trace_writer_close(writer);
    assert_int_equal(size_of_file(), head().used);
    uint64_t words[2];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(pread(fd, words, sizeof words, sizeof(struct trace_header)), sizeof words);
    close(fd);
    assert_int_equal(words[0], (uint64_t)4096 << 32 | TRACE_BLOCK);
    assert_int_equal(words[1], 0x1234);
    assert_null(trace_writer_begin(writer, TRACE_BLOCK, 64)); /* closed */
    assert_int_equal(head().flags, TRACE_CLOSED);
    trace_writer_free(writer);
}

static void full_is_a_flag(void **state)
{
    (void)state;
    struct trace_writer *writer = open_writer(TRACE_LIMIT_MIN);
    uint64_t room = TRACE_LIMIT_MIN - sizeof(struct trace_header);
    assert_null(trace_writer_begin(writer, TRACE_BLOCK, room + 8));
    assert_int_equal(head().flags, TRACE_FULL);
    assert_non_null(trace_writer_begin(writer, TRACE_BLOCK, room)); /* smaller ones still fit */
    trace_writer_commit(writer);
    trace_writer_close(writer);
    assert_int_equal(head().flags, TRACE_FULL | TRACE_CLOSED);
    assert_int_equal(size_of_file(), TRACE_LIMIT_MIN);
    trace_writer_free(writer);
}

static void refuses_what_it_cannot_do(void **state)
{
    (void)state;
    errno = 0;
    assert_null(open_writer(TRACE_LIMIT_MIN - 1));
    assert_int_equal(errno, EINVAL);
    assert_null(open_writer(TRACE_LIMIT_MAX + 1));
    assert_null(trace_writer_open(&(struct trace_writer_settings){
        .path = "/nonexistent/trace", .kind = TRACE_COVERAGE, .limit = TRACE_LIMIT_MIN}));
    assert_int_equal(errno, ENOENT);
    /* A device that has no room: an error, no signal. */
    assert_null(trace_writer_open(&(struct trace_writer_settings){
        .path = "/dev/full", .kind = TRACE_COVERAGE, .limit = TRACE_LIMIT_MIN}));
}

int main(void)
{
    int fd = mkstemp(path);
    if (fd < 0) {
        return 1;
    }
    close(fd);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(header_is_there_at_once),
        cmocka_unit_test(grows_in_place),
        cmocka_unit_test(full_is_a_flag),
        cmocka_unit_test(refuses_what_it_cannot_do),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    return failed;
}
