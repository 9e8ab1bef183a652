/*
 * The block records of a coverage trace: one for each distinct translated block, found again when
 * QEMU translates it anew.
 *
 * Not thread-safe: the caller holds a lock.
 */
#ifndef RIG_PLUGIN_BLOCKS_H
#define RIG_PLUGIN_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trace_format.h"
#include "trace_writer.h"

enum { BLOCK_INSNS = 1024 }; /* above QEMU's own bound, 512 */

/* A block as QEMU translates it, cut into segments. */
struct block_shape {
    uint64_t vaddr, paddr;
    uint32_t insns, segments;
    uint32_t opcodes[BLOCK_INSNS];
    uint16_t starts[BLOCK_INSNS];
};

struct blocks {
    struct trace_writer *writer;
    struct trace_block **list; /* in the file's order */
    size_t count, room;
    uint32_t *slots; /* hash table: index into the list plus one; 0 is empty */
    size_t slot_count;
    uint64_t counters; /* of all blocks: 3 + segments each */
};

/* Find the segments of a shape whose opcodes are set. */
void block_cut(struct block_shape *shape);

/* The record of this block, made when it is new; NULL when there is no room for it. */
struct trace_block *blocks_record(struct blocks *blocks, const struct block_shape *shape);

/* Counters of a record's segments, and its instructions. */
static inline uint64_t *block_counts(struct trace_block *block)
{
    return (uint64_t *)(void *)(block + 1);
}

static inline const uint32_t *block_opcodes(struct trace_block *block)
{
    return (const uint32_t *)(const void *)(block_counts(block) + block->segments);
}

#endif
