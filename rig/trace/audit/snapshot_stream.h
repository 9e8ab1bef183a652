/* The unpacked bytes of a gzip file, in order, with every way in which such a file can be torn. */
#ifndef RIG_SNAPSHOT_STREAM_H
#define RIG_SNAPSHOT_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <zlib.h>

enum { STREAM_PACKED = 1 << 13, STREAM_UNPACKED = 1 << 15 };

struct snapshot_stream {
    FILE *file;
    z_stream zlib;
    bool begun;          /* zlib has memory of ours */
    bool ended;          /* the gzip stream is complete, its checksum has been compared */
    const char *problem; /* what is wrong; NULL: nothing so far */
    size_t at;           /* unpacked bytes that have been taken */
    size_t filled;
    unsigned char packed[STREAM_PACKED];
    unsigned char unpacked[STREAM_UNPACKED];
};

/* Begin to unpack the file, which stays the caller's, with zeroed memory. */
void stream_begin(struct snapshot_stream *stream, FILE *file);
void stream_finish(struct snapshot_stream *stream);

/* The next byte without taking it; -1 at the end or with `problem`. */
int stream_peek(struct snapshot_stream *stream);

/*
 * Up to the next end of line, which is taken and left out; the caller frees it. NULL with `problem`
 * when there is none within `limit` bytes.
 */
char *stream_line(struct snapshot_stream *stream, size_t limit, size_t *length);

/*
 * So many bytes, which the caller frees. NULL with `problem` when the file ends before; memory
 * grows with what is there, so that a small file cannot ask for much.
 */
unsigned char *stream_take(struct snapshot_stream *stream, size_t size);

/* Whether this is the end of the file and its checksum is right; `problem` when not. */
bool stream_at_end(struct snapshot_stream *stream);

#endif
