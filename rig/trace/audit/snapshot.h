/*
 * Snapshots: the registers of one stop of a guest and every translation table that they reach, in a
 * file that needs no guest any more (docs/architecture/address-space.md has the format).
 *
 * A snapshot is a gzip stream: one line of JSON that describes it, then the frames' bytes in the
 * order in which that line lists them.
 */
#ifndef RIG_SNAPSHOT_H
#define RIG_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

#include "rigwalk.h"

enum { SNAPSHOT_VERSION = 1, SNAPSHOT_ERROR_TEXT = 512 };

/* What the machine has at a physical address. */
enum snapshot_memory_kind { SNAPSHOT_RAM, SNAPSHOT_ROM, SNAPSHOT_IO };

struct snapshot_memory {
    uint64_t first; /* inclusive, as last */
    uint64_t last;
    enum snapshot_memory_kind kind;
    const char *name; /* the emulator's name of it, such as "pl011" */
};

/* One stretch of table frames, and their bytes. */
struct snapshot_frames {
    uint64_t pa;
    uint64_t size;
    unsigned char *bytes;
};

/* What the emulator itself said of an address at the stop (QEMU's monitor, gva2gpa). */
struct snapshot_witness {
    uint64_t va;
    uint64_t pa;
    bool translates;
};

struct snapshot {
    json_t *header; /* the first line, whole */
    struct rig_walk_regs regs;
    bool walkable; /* false: the stop's regime has no stage 1 that the walker knows (EL3, VHE) */
    const char *not_walkable;       /* why, when not walkable */
    struct snapshot_memory *memory; /* ascending, without overlaps; may be empty: not known */
    size_t memory_count;
    struct snapshot_frames *frames; /* ascending, without overlaps */
    size_t frame_count;
    uint64_t *unreadable; /* table frames that the guest points at and nothing answers, ascending */
    size_t unreadable_count;
    struct snapshot_witness *witnesses;
    size_t witness_count;
};

/*
 * Read a snapshot. Returns EXIT_HELD; EXIT_USAGE when there is no such file or it is none of ours;
 * EXIT_NOT_JUDGED when it is truncated, damaged or of a later version. What is wrong is in error.
 * The caller frees with snapshot_free, also after a failure.
 */
int snapshot_read(struct snapshot *snapshot, const char *path,
                  char error[static SNAPSHOT_ERROR_TEXT]);
/* The same from an open file that can be read from its start again; `name` is for the words. */
int snapshot_read_file(struct snapshot *snapshot, FILE *file, const char *name,
                       char error[static SNAPSHOT_ERROR_TEXT]);
void snapshot_free(struct snapshot *snapshot);

/*
 * The walker's reader; ctx is a struct snapshot. Returns 1 (nothing readable) for what is listed as
 * unreadable or lies where the machine has no memory, and 1 as well for RAM that the snapshot does
 * not hold: *missing counts the latter, as such a walk is no evidence.
 */
struct snapshot_reader {
    const struct snapshot *snapshot;
    uint64_t missing; /* reads of memory that exists and that the snapshot does not hold */
    uint64_t missing_pa;
};
int snapshot_read_u64(void *ctx, uint64_t pa, uint64_t *value);

/* A register of the stop by its architectural name; false when the snapshot does not have it. */
bool snapshot_register(const struct snapshot *snapshot, const char *name, uint64_t *value);

/* A text of the header's "made" object ("checkpoint", "guest", ...); "" when it is not there. */
const char *snapshot_made(const struct snapshot *snapshot, const char *key);

/* What the machine has at pa; NULL: nothing, or not known (memory_count is 0). */
const struct snapshot_memory *snapshot_memory_at(const struct snapshot *snapshot, uint64_t pa);

#endif
