/*
 * Write a trace file in place, through a shared mapping.
 *
 * The file is created (an old one is emptied first) and mapped into a range of addresses reserved
 * once, so a pointer into it stays good for as long as the process lives, and counters may be kept
 * right in it. What is written there survives SIGKILL. Space is allocated before it is mapped: a
 * full disk is an error of trace_writer_begin, never a SIGBUS.
 */
#ifndef RIG_TRACE_WRITER_H
#define RIG_TRACE_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trace_format.h"

struct trace_writer;

struct trace_writer_settings {
    const char *path;
    enum trace_kind kind;
    uint64_t limit; /* of the file, in bytes; TRACE_LIMIT_MIN to TRACE_LIMIT_MAX */
    uint32_t api;
    uint32_t cpus;
    const uint8_t *image_id; /* NULL when image_id_size is 0 */
    uint32_t image_id_size;  /* at most TRACE_IMAGE_ID_BYTES */
};

#define TRACE_LIMIT_MIN     ((uint64_t)4096)
#define TRACE_LIMIT_MAX     ((uint64_t)1 << 36)
#define TRACE_LIMIT_DEFAULT ((uint64_t)256 << 20)

/* A writer, or NULL with errno set. */
struct trace_writer *trace_writer_open(const struct trace_writer_settings *settings);

/*
 * Room for a chunk of `size` bytes (a multiple of 8, at least sizeof(struct trace_chunk)): its tag
 * and size are set, all else is zero. The writer is locked until trace_writer_commit. NULL, and not
 * locked, when the limit is met, the disk is full or the writer is closed; the first two set
 * TRACE_FULL.
 */
void *trace_writer_begin(struct trace_writer *writer, uint32_t tag, uint64_t size);

/* The chunk begun last is complete: it counts from now on. */
void trace_writer_commit(struct trace_writer *writer);

/* Set a flag of the header. */
void trace_writer_flag(struct trace_writer *writer, enum trace_flags flag);

/* Where the file's valid part ends, in bytes. */
uint64_t trace_writer_used(struct trace_writer *writer);

/*
 * Nothing more will be appended: set TRACE_CLOSED and cut the file to what is used. The mapping
 * stays, so that a counter touched later does no harm.
 */
void trace_writer_close(struct trace_writer *writer);

/* Give everything back, once nobody has a pointer into the file any more. NULL is fine. */
void trace_writer_free(struct trace_writer *writer);

#endif
