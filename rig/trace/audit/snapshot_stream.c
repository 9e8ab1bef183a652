#include "snapshot_stream.h"

#include <stdlib.h>
#include <string.h>

#include "memory.h"

enum { GZIP_ONLY = 16 + MAX_WBITS, GROWTH = 1 << 20 };

void stream_begin(struct snapshot_stream *stream, FILE *file)
{
    stream->file = file;
    stream->begun = inflateInit2(&stream->zlib, GZIP_ONLY) == Z_OK;
    if (!stream->begun) {
        stream->problem = "out of memory";
    }
}

void stream_finish(struct snapshot_stream *stream)
{
    if (stream->begun) {
        inflateEnd(&stream->zlib);
        stream->begun = false;
    }
}

/* More packed bytes, when zlib has none left; false at the end of the file. */
static bool refill(struct snapshot_stream *stream)
{
    z_stream *zlib = &stream->zlib;

    if (zlib->avail_in > 0) {
        return true;
    }
    zlib->next_in = stream->packed;
    zlib->avail_in = (unsigned)fread(stream->packed, 1, sizeof(stream->packed), stream->file);
    return zlib->avail_in > 0;
}

static void judge(struct snapshot_stream *stream, int result)
{
    switch (result) {
    case Z_OK:
    case Z_BUF_ERROR: /* nothing to do without more input; refill() tells when there is none */
        break;
    case Z_STREAM_END:
        stream->ended = true;
        break;
    case Z_MEM_ERROR:
        stream->problem = "out of memory";
        break;
    default:
        /* zlib names its check of the trailer "incorrect data check" and "incorrect length check".
         */
        stream->problem = stream->zlib.msg != NULL && strstr(stream->zlib.msg, "check") != NULL
                              ? "its checksum is wrong"
                              : "its compressed data is damaged";
        break;
    }
}

/* Make sure that there is an unpacked byte; false at the end or with `problem`. */
static bool have(struct snapshot_stream *stream)
{
    z_stream *zlib = &stream->zlib;

    while (stream->at == stream->filled && !stream->ended && stream->problem == NULL) {
        if (!refill(stream)) {
            stream->problem =
                ferror(stream->file) != 0 ? "it cannot be read to its end" : "it is cut short";
            return false;
        }
        zlib->next_out = stream->unpacked;
        zlib->avail_out = sizeof(stream->unpacked);
        judge(stream, inflate(zlib, Z_NO_FLUSH));
        stream->at = 0;
        stream->filled = sizeof(stream->unpacked) - zlib->avail_out;
    }
    /* What was unpacked before the damage counts as damaged, too. */
    return stream->problem == NULL && stream->at < stream->filled;
}

int stream_peek(struct snapshot_stream *stream)
{
    return have(stream) ? stream->unpacked[stream->at] : -1;
}

/* A text or an array of bytes that grows; always with room for a 0 behind it. */
struct growing {
    unsigned char *bytes;
    size_t size;
    size_t room;
};

static bool append(struct growing *growing, const unsigned char *bytes, size_t size)
{
    if (growing->room - growing->size <= size) {
        size_t room = growing->room * 2 > growing->size + size + 1 ? growing->room * 2
                                                                   : growing->size + size + 1;
        unsigned char *grown = realloc(growing->bytes, room);

        if (grown == NULL) {
            return false;
        }
        growing->bytes = grown;
        growing->room = room;
    }
    memcpy(growing->bytes + growing->size, bytes, size);
    growing->size += size;
    growing->bytes[growing->size] = 0;
    return true;
}

static unsigned char *give_up(struct snapshot_stream *stream, struct growing *growing,
                              const char *problem)
{
    free(growing->bytes);
    if (stream->problem == NULL) {
        stream->problem = problem;
    }
    return NULL;
}

char *stream_line(struct snapshot_stream *stream, size_t limit, size_t *length)
{
    struct growing line = {0};

    while (have(stream)) {
        const unsigned char *from = stream->unpacked + stream->at;
        size_t size = stream->filled - stream->at;
        const unsigned char *end = memchr(from, '\n', size);
        size_t taken = end != NULL ? (size_t)(end - from) : size;

        if (taken > limit - line.size) {
            return (char *)give_up(stream, &line, "its first line is too long");
        }
        if (!append(&line, from, taken)) {
            return (char *)give_up(stream, &line, "out of memory");
        }
        stream->at += taken;
        if (end != NULL) {
            stream->at++;
            *length = line.size;
            return (char *)line.bytes;
        }
    }
    return (char *)give_up(stream, &line, "its first line does not end");
}

unsigned char *stream_take(struct snapshot_stream *stream, size_t size)
{
    struct growing bytes = {.room = size < GROWTH ? size + 1 : GROWTH};

    bytes.bytes = memory_get(bytes.room, 1);
    while (bytes.size < size) {
        if (!have(stream)) {
            return give_up(stream, &bytes, "its tables are shorter than it lists");
        }
        size_t wanted = size - bytes.size;
        size_t taken = stream->filled - stream->at;

        taken = taken < wanted ? taken : wanted;
        if (!append(&bytes, stream->unpacked + stream->at, taken)) {
            return give_up(stream, &bytes, "out of memory");
        }
        stream->at += taken;
    }
    return bytes.bytes;
}

bool stream_at_end(struct snapshot_stream *stream)
{
    if (have(stream)) {
        stream->problem = "there is more in it than it lists";
    } else if (stream->problem == NULL && refill(stream)) {
        stream->problem = "something follows it";
    }
    return stream->problem == NULL;
}
