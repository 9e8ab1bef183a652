/* The pass through the chunks of an event trace: what event_reader.c builds its view from. */
#ifndef RIG_EVENT_CHUNKS_H
#define RIG_EVENT_CHUNKS_H

#include "event_reader.h"

struct event_run {
    const struct trace_event *events;
    uint64_t first; /* number of events[0] */
    uint32_t count;
};

enum chunk_outcome { CHUNK_TAKEN, CHUNK_TORN, CHUNK_DAMAGED, CHUNK_NO_MEMORY };

/* Where chunks begin that events may refer to: a bit for each 8 bytes of the file. */
struct chunk_starts {
    uint64_t *bits;
    uint64_t end; /* of the last whole chunk */
};

/* Take every whole chunk up to `used`: runs, codes and event_count are set, torn_bytes tells the
 * rest. On anything but CHUNK_TAKEN `*offset` is the chunk in question. */
enum chunk_outcome event_chunks_take(struct event_trace *trace, uint64_t used,
                                     struct chunk_starts *starts, uint64_t *offset);

/* A chunk of that tag begins at the offset. */
bool event_chunk_at(const struct event_trace *trace, const struct chunk_starts *starts,
                    uint64_t offset, uint32_t tag);

#endif
