#include "log_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void log_reader_init(struct log_reader *reader, struct record_parser *parser)
{
    reader->parser = parser;
    reader->bytes = 0;
    reader->kept = 0;
}

static void keep(struct log_reader *reader, const char *data, size_t length)
{
    size_t room = LINE_KEEP - reader->kept;
    size_t taken = length < room ? length : room;
    memcpy(reader->line + reader->kept, data, taken);
    reader->kept += taken;
}

void log_reader_feed(struct log_reader *reader, const char *data, size_t length)
{
    if (length == 0) {
        return;
    }
    reader->bytes += length;
    if (reader->kept > 0) {
        const char *newline = memchr(data, '\n', length);
        if (newline == NULL) {
            keep(reader, data, length);
            return;
        }
        size_t rest = (size_t)(newline - data);
        keep(reader, data, rest);
        reader->line[reader->kept] = '\n';
        record_parser_block(reader->parser, reader->line, reader->kept + 1);
        reader->kept = 0;
        data += rest + 1;
        length -= rest + 1;
    }
    const char *last = memrchr(data, '\n', length);
    size_t whole = last == NULL ? 0 : (size_t)(last - data) + 1;
    record_parser_block(reader->parser, data, whole);
    keep(reader, data + whole, length - whole);
}

void log_reader_finish(struct log_reader *reader)
{
    record_parser_finish(reader->parser, reader->line, reader->kept);
    reader->kept = 0;
}

static void draw_progress(uint64_t bytes, uint64_t size)
{
    if (size > 0) {
        fprintf(stderr, "\rrig-trace: %3u%% of %llu MiB", (unsigned)(bytes * 100 / size),
                (unsigned long long)(size >> 20));
    }
}

static int read_all(struct log_reader *reader, int fd, uint64_t size, bool progress)
{
    static char buffer[READ_SIZE];
    const uint64_t step = 256U << 20;
    uint64_t next = step;
    for (;;) {
        ssize_t got = read(fd, buffer, sizeof(buffer));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            if (progress && next > step) {
                fputs("\r\033[K", stderr);
            }
            return got < 0 ? errno : 0;
        }
        log_reader_feed(reader, buffer, (size_t)got);
        if (progress && reader->bytes >= next) {
            draw_progress(reader->bytes, size);
            next += step;
        }
    }
}

int log_reader_file(struct log_reader *reader, const char *path, bool progress)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return errno;
    }
    struct stat about;
    uint64_t size = fstat(fd, &about) == 0 && S_ISREG(about.st_mode) ? (uint64_t)about.st_size : 0;
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    int error = read_all(reader, fd, size, progress);
    close(fd);
    if (error == 0) {
        log_reader_finish(reader);
    }
    return error;
}
