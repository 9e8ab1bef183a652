/*
 * Translation tables that walks can reach: a copy of each, and how often it is pointed to.
 *
 * A frame may serve at several levels at once (a table that points to itself does); it is counted
 * at each of them, and what a table points to is one level further down, so no count depends on
 * itself. Who wants to know of a frame that comes or goes gets a call.
 *
 * Not thread-safe: the caller holds a lock.
 */
#ifndef RIG_PLUGIN_TABLE_FRAMES_H
#define RIG_PLUGIN_TABLE_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rigwalk.h"

enum { FRAME_LEVELS = 4, FRAMES_MOST = 16384 };

/* Where a table is, and what its descriptors mean. */
struct frame_place {
    uint64_t pa;
    uint32_t size; /* bytes, a multiple of 8 */
    uint8_t level;
    uint8_t upper; /* reached from TTBR1_EL1 */
    uint8_t granule_bits;
};

struct table_frame {
    struct frame_place place; /* as it was reached first */
    uint32_t refs[FRAME_LEVELS];
    uint32_t busy;    /* it is being dropped at a level */
    uint64_t *words;  /* NULL: not reachable now */
    uint64_t chunk;   /* for the caller: of its last chunk in the trace; 0 when it never had one */
    const void *told; /* for the caller: that chunk */
    struct table_frame *next; /* with the same hash */
};

struct frames_hooks {
    rig_walk_read_u64 read;
    void *memory; /* for `read` */
    void (*came)(struct table_frame *frame);
    void (*gone)(struct table_frame *frame);
};

struct table_frames {
    struct frames_hooks hooks;
    struct table_frame **slots; /* hash by pa / 64 */
    size_t slot_count, count;   /* frames ever seen */
    size_t live;
    bool cut; /* there were more than FRAMES_MOST, or memory was short */
};

/* The table at that place is pointed to once more, or once less. What it points to follows. */
void frames_add(struct table_frames *frames, const struct frame_place *place);
void frames_drop(struct table_frames *frames, const struct frame_place *place);

/* The reachable frame that holds that word, or NULL. */
struct table_frame *frames_find(const struct table_frames *frames, uint64_t pa);

/* The word at `pa` of that frame becomes `value`: frames come and go as it says. The old one. */
uint64_t frames_store(struct table_frames *frames, struct table_frame *frame, uint64_t pa,
                      uint64_t value);

void frames_free(struct table_frames *frames);

#endif
