/*
 * A log, from a file or handed in piece by piece, into blocks of whole lines.
 *
 * The same bytes give the same records however they are cut into pieces. Memory is constant: of a
 * line that spans pieces at most LINE_KEEP bytes are kept (more than any record line or any stored
 * message needs), the rest of it is dropped.
 */
#ifndef RIG_GATE_LOG_READER_H
#define RIG_GATE_LOG_READER_H

#include "record.h"

enum { LINE_KEEP = 4096, READ_SIZE = 256 * 1024 };

struct log_reader {
    struct record_parser *parser;
    uint64_t bytes;
    size_t kept; /* bytes in `line`, the beginning of a line whose newline has not come */
    char line[LINE_KEEP + 1];
};

void log_reader_init(struct log_reader *reader, struct record_parser *parser);

/* The next piece of the log. */
void log_reader_feed(struct log_reader *reader, const char *data, size_t length);

/* The log has ended. */
void log_reader_finish(struct log_reader *reader);

/*
 * Read the whole file (or pipe) at `path`, and finish. 0, or the errno value of what failed; what
 * was read until then has been parsed. `progress` draws a percentage on standard error.
 */
int log_reader_file(struct log_reader *reader, const char *path, bool progress);

#endif
