/*
 * Read a trace file (trace_format.h): check all of it first, then hand out views that cannot run
 * over.
 *
 * A file that ends inside a chunk (QEMU was killed, or the disk was full) is read up to that chunk;
 * how much was dropped is told. A file whose header or a whole chunk contradicts itself is refused.
 */
#ifndef RIG_TRACE_READER_H
#define RIG_TRACE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trace_format.h"

enum { TRACE_ERROR_TEXT = 256 };

/* Counters of a block, in the file's order; segment i's is TRACE_SLOT_COUNTS + i. */
enum trace_slot {
    TRACE_SLOT_NOT_TAKEN,
    TRACE_SLOT_TAKEN,
    TRACE_SLOT_UNKNOWN,
    TRACE_SLOT_COUNTS,
};

struct trace_block_view {
    uint64_t vaddr;
    uint64_t paddr; /* or TRACE_UNKNOWN_ADDRESS */
    uint32_t insns; /* at least 1 */
    uint32_t segments;
    const uint8_t *counters;
    const uint8_t *opcodes;
    const uint8_t *starts;
    uint64_t first_slot; /* where its counters stand in each epoch that has them */
};

struct trace_epoch_view {
    uint64_t vaddr;
    uint32_t opcode;
    enum trace_mmu after;
    uint32_t el;
    uint32_t blocks; /* the first so many blocks have counters in it */
    const uint8_t *counters;
};

struct trace {
    const uint8_t *data; /* the file */
    size_t size;
    bool mapped;
    uint32_t flags; /* enum trace_flags */
    uint32_t api;
    uint32_t cpus;
    uint32_t image_id_size; /* bytes, 0 when the image has none */
    uint8_t image_id[TRACE_IMAGE_ID_BYTES];
    uint64_t torn_bytes; /* bytes at the end that were said to be valid and are no whole chunk */
    struct trace_block_view *blocks;
    size_t block_count;
    struct trace_epoch_view *epochs;
    size_t epoch_count;
};

/* Read a file; false with `error` (no path in it) when it is missing or damaged, and nothing is
 * held. */
bool trace_open(struct trace *trace, const char *path, char error[static TRACE_ERROR_TEXT]);

/* The same from memory, which must stay as long as the trace is in use. */
bool trace_parse(struct trace *trace, const uint8_t *data, size_t size,
                 char error[static TRACE_ERROR_TEXT]);

void trace_close(struct trace *trace);

/* The opcode of instruction `index` < insns. */
uint32_t trace_opcode(const struct trace_block_view *block, uint32_t index);

/* The index of the first instruction of a segment < segments. */
uint32_t trace_segment_start(const struct trace_block_view *block, uint32_t segment);

/*
 * What a counter of block `index` grew by in epoch `epoch` (0: up to the first epoch chunk;
 * epoch_count: after the last one). A counter that several CPUs raced for may have gone back: that
 * reads as 0.
 */
uint64_t trace_growth(const struct trace *trace, size_t index, size_t epoch, uint32_t slot);

#endif
