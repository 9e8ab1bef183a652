/* A trace in a temporary file, for tests of what writes one. */
#ifndef EVENTS_MEMORY_FILE_H
#define EVENTS_MEMORY_FILE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "trace_events.h"
#include "trace_writer.h"

struct memory_file {
    char path[32];
    struct trace_writer *writer;
};

static inline struct memory_file open_file(uint64_t limit)
{
    struct memory_file file = {.path = "/tmp/rig-events-XXXXXX"};
    int fd = mkstemp(file.path);
    close(fd);
    file.writer = trace_writer_open(&(struct trace_writer_settings){
        .path = file.path,
        .kind = TRACE_EVENTS,
        .limit = limit,
        .api = 1,
        .cpus = 1,
    });
    return file;
}

/* All of it, as it is in the file; to be freed. */
static inline uint8_t *read_file(const struct memory_file *file, size_t *size)
{
    FILE *stream = fopen(file->path, "rbe");
    uint8_t *data = NULL;
    *size = 0;
    if (stream != NULL && fseek(stream, 0, SEEK_END) == 0) {
        *size = (size_t)ftell(stream);
        rewind(stream);
        data = malloc(*size);
        if (data != NULL && fread(data, 1, *size, stream) != *size) {
            *size = 0;
        }
    }
    if (stream != NULL) {
        fclose(stream);
    }
    return data;
}

static inline void close_file(struct memory_file *file)
{
    trace_writer_free(file->writer);
    unlink(file->path);
}

#endif
