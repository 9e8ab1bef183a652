/* The first line of a snapshot: its JSON as structures. For the snapshot's own files only. */
#ifndef RIG_SNAPSHOT_HEADER_H
#define RIG_SNAPSHOT_HEADER_H

#include "snapshot.h"

/*
 * Read the line; frames have no bytes yet. Returns as snapshot_read does, with words without the
 * file's name in error.
 */
int snapshot_header_read(struct snapshot *snapshot, const char *line, size_t length,
                         char error[static SNAPSHOT_ERROR_TEXT]);

/* Bytes of the larger granule in use: no table is larger. The largest one when none is known. */
uint64_t snapshot_granule(const struct snapshot *snapshot);

#endif
