/*
 * Blocks of code as QEMU translates them: found again when the same block (addresses, opcodes,
 * writer) is translated anew, and written to the trace when an event first refers to them.
 *
 * Not thread-safe: the caller holds a lock. Blocks are never freed: QEMU keeps pointers to them.
 */
#ifndef RIG_PLUGIN_CODE_BLOCKS_H
#define RIG_PLUGIN_CODE_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "event_log.h"

struct code_block {
    uint64_t vaddr, paddr;
    uint64_t end;  /* vaddr behind it */
    uint64_t seen; /* a bit for each CPU (the last for all from there on) that began it */
    bool vector;   /* it begins where a vector may */
    bool written;  /* the guest wrote its memory: by `writer` */
    uint32_t insns;
    uint64_t chunk; /* its chunk's offset in the file, 0 as long as it has none */
    struct trace_written writer;
    struct code_block *next; /* with the same hash */
    uint32_t opcodes[];
};

/* What is being translated. */
struct code_shape {
    uint64_t vaddr, paddr;
    uint32_t insns;
    const uint32_t *opcodes;
    struct trace_written writer;
};

struct code_blocks {
    struct code_block **slots;
    size_t slot_count, count;
};

/* NULL when memory is short. */
struct code_block *code_blocks_get(struct code_blocks *blocks, const struct code_shape *shape);

/* The offset of its chunk, which is made when there is none; false when there is no room. */
bool code_block_chunk(struct code_block *block, struct event_log *log, uint64_t *offset);

#endif
