#include "trace_reader.h"

#include <endian.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "trace_input.h"

enum outcome { CHUNK_TAKEN, CHUNK_TORN, CHUNK_DAMAGED, CHUNK_NO_MEMORY };

/* The arrays of views while they grow. */
struct growing {
    size_t blocks;
    size_t epochs;
    uint64_t slots; /* counters of all blocks so far */
};

static uint16_t get16(const uint8_t *at)
{
    uint16_t value;
    memcpy(&value, at, sizeof(value));
    return le16toh(value);
}

static uint32_t get32(const uint8_t *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof(value));
    return le32toh(value);
}

static uint64_t get64(const uint8_t *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof(value));
    return le64toh(value);
}

#define FIELD32(base, type, field) get32((base) + offsetof(type, field))
#define FIELD64(base, type, field) get64((base) + offsetof(type, field))

static bool refuse(char *error, const char *text)
{
    snprintf(error, TRACE_ERROR_TEXT, "%s", text);
    return false;
}

/* Room for one more view; the array doubles. */
static void *one_more(void *items, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity) {
        return items;
    }
    size_t wanted = *capacity == 0 ? 64 : *capacity * 2;
    void *grown = reallocarray(items, wanted, size);
    if (grown != NULL) {
        *capacity = wanted;
    }
    return grown;
}

static bool starts_are_sound(const struct trace_block_view *block)
{
    uint32_t before = trace_segment_start(block, 0);
    if (before != 0) {
        return false;
    }
    for (uint32_t i = 1; i < block->segments; i++) {
        uint32_t start = trace_segment_start(block, i);
        if (start <= before || start >= block->insns) {
            return false;
        }
        before = start;
    }
    return true;
}

static enum outcome take_block(struct trace *trace, struct growing *growing, const uint8_t *chunk,
                               uint32_t size)
{
    if (size < sizeof(struct trace_block)) {
        return CHUNK_DAMAGED;
    }
    struct trace_block_view block = {
        .vaddr = FIELD64(chunk, struct trace_block, vaddr),
        .paddr = FIELD64(chunk, struct trace_block, paddr),
        .insns = FIELD32(chunk, struct trace_block, insns),
        .segments = FIELD32(chunk, struct trace_block, segments),
        .counters = chunk + offsetof(struct trace_block, not_taken),
        .first_slot = growing->slots,
    };
    uint64_t counts = 8ULL * block.segments;
    uint64_t opcodes = 4ULL * block.insns;
    uint64_t end = sizeof(struct trace_block) + counts + opcodes + 2ULL * block.segments;
    if (block.segments == 0 || block.segments > block.insns || end > size) {
        return CHUNK_DAMAGED;
    }
    block.opcodes = chunk + sizeof(struct trace_block) + counts;
    block.starts = block.opcodes + opcodes;
    if (!starts_are_sound(&block)) {
        return CHUNK_DAMAGED;
    }
    void *grown =
        one_more(trace->blocks, trace->block_count, &growing->blocks, sizeof(trace->blocks[0]));
    if (grown == NULL) {
        return CHUNK_NO_MEMORY;
    }
    trace->blocks = grown;
    trace->blocks[trace->block_count++] = block;
    growing->slots += TRACE_SLOT_COUNTS + (uint64_t)block.segments;
    return CHUNK_TAKEN;
}

static enum outcome take_epoch(struct trace *trace, struct growing *growing, const uint8_t *chunk,
                               uint32_t size)
{
    if (size < sizeof(struct trace_epoch)) {
        return CHUNK_DAMAGED;
    }
    uint32_t after = FIELD32(chunk, struct trace_epoch, after);
    struct trace_epoch_view epoch = {
        .vaddr = FIELD64(chunk, struct trace_epoch, vaddr),
        .opcode = FIELD32(chunk, struct trace_epoch, opcode),
        .after = (enum trace_mmu)after,
        .el = FIELD32(chunk, struct trace_epoch, el),
        .blocks = FIELD32(chunk, struct trace_epoch, blocks),
        .counters = chunk + sizeof(struct trace_epoch),
    };
    if (after > TRACE_MMU_UNKNOWN || epoch.blocks > trace->block_count) {
        return CHUNK_DAMAGED;
    }
    uint64_t slots = epoch.blocks == trace->block_count ? growing->slots
                                                        : trace->blocks[epoch.blocks].first_slot;
    if (sizeof(struct trace_epoch) + 8 * slots > size) {
        return CHUNK_DAMAGED;
    }
    void *grown =
        one_more(trace->epochs, trace->epoch_count, &growing->epochs, sizeof(trace->epochs[0]));
    if (grown == NULL) {
        return CHUNK_NO_MEMORY;
    }
    trace->epochs = grown;
    trace->epochs[trace->epoch_count++] = epoch;
    return CHUNK_TAKEN;
}

/* Take the chunk at `offset`, with `left` bytes up to the end of what is valid. */
static enum outcome take_chunk(struct trace *trace, struct growing *growing, uint64_t offset,
                               uint64_t left, uint32_t *size)
{
    const uint8_t *chunk = trace->data + offset;
    if (left < sizeof(struct trace_chunk)) {
        return CHUNK_TORN;
    }
    uint32_t tag = FIELD32(chunk, struct trace_chunk, tag);
    *size = FIELD32(chunk, struct trace_chunk, size);
    /* Zeros are what is left of pages that never reached the disk. */
    if (*size > left || (tag == 0 && *size == 0)) {
        return CHUNK_TORN;
    }
    if (*size < sizeof(struct trace_chunk) || *size % 8 != 0) {
        return CHUNK_DAMAGED;
    }
    if (tag == TRACE_BLOCK) {
        return take_block(trace, growing, chunk, *size);
    }
    return tag == TRACE_EPOCH ? take_epoch(trace, growing, chunk, *size) : CHUNK_DAMAGED;
}

static bool take_chunks(struct trace *trace, uint64_t used, char *error)
{
    struct growing growing = {0};
    uint64_t end = used < trace->size ? used : trace->size;
    uint64_t offset = sizeof(struct trace_header);
    while (offset < end) {
        uint32_t size = 0;
        enum outcome outcome = take_chunk(trace, &growing, offset, end - offset, &size);
        if (outcome == CHUNK_TORN) {
            break;
        }
        if (outcome == CHUNK_NO_MEMORY) {
            return refuse(error, "out of memory");
        }
        if (outcome == CHUNK_DAMAGED) {
            snprintf(error, TRACE_ERROR_TEXT,
                     "damaged trace: the chunk at offset %" PRIu64 " contradicts itself", offset);
            return false;
        }
        offset += size;
    }
    trace->torn_bytes = used - offset;
    return true;
}

static bool take_header(struct trace *trace, uint64_t *used, char *error)
{
    struct trace_header header;
    if (!trace_input_header(trace->data, trace->size, TRACE_COVERAGE, &header, error)) {
        return false;
    }
    *used = header.used;
    trace->flags = header.flags;
    trace->api = header.api;
    trace->cpus = header.cpus;
    trace->image_id_size = header.image_id_size;
    memcpy(trace->image_id, header.image_id, TRACE_IMAGE_ID_BYTES);
    return true;
}

bool trace_parse(struct trace *trace, const uint8_t *data, size_t size,
                 char error[static TRACE_ERROR_TEXT])
{
    *trace = (struct trace){.data = data, .size = size};
    uint64_t used = 0;
    if (take_header(trace, &used, error) && take_chunks(trace, used, error)) {
        return true;
    }
    trace_close(trace);
    return false;
}

bool trace_open(struct trace *trace, const char *path, char error[static TRACE_ERROR_TEXT])
{
    *trace = (struct trace){0};
    size_t size = 0;
    const uint8_t *data = trace_input_map(path, &size, error);
    if (data == NULL) {
        return false;
    }
    if (!trace_parse(trace, data, size, error)) {
        trace_input_unmap(data, size);
        return false;
    }
    trace->mapped = true;
    return true;
}

void trace_close(struct trace *trace)
{
    free(trace->blocks);
    free(trace->epochs);
    if (trace->mapped) {
        trace_input_unmap(trace->data, trace->size);
    }
    *trace = (struct trace){0};
}

uint32_t trace_opcode(const struct trace_block_view *block, uint32_t index)
{
    return get32(block->opcodes + 4ULL * index);
}

uint32_t trace_segment_start(const struct trace_block_view *block, uint32_t segment)
{
    return get16(block->starts + 2ULL * segment);
}

/* The counter as it stood at the end of an epoch. */
static uint64_t value_at(const struct trace *trace, size_t index, size_t epoch, uint32_t slot)
{
    const struct trace_block_view *block = &trace->blocks[index];
    if (epoch == trace->epoch_count) {
        return get64(block->counters + 8ULL * slot);
    }
    const struct trace_epoch_view *view = &trace->epochs[epoch];
    return index < view->blocks ? get64(view->counters + 8 * (block->first_slot + slot)) : 0;
}

uint64_t trace_growth(const struct trace *trace, size_t index, size_t epoch, uint32_t slot)
{
    uint64_t now = value_at(trace, index, epoch, slot);
    uint64_t before = epoch == 0 ? 0 : value_at(trace, index, epoch - 1, slot);
    return now > before ? now - before : 0;
}
