#include "blocks.h"

#include <stdlib.h>
#include <string.h>

#include "a64_decode.h"

/*
 * Chunks are a multiple of a cache line. With the file's header before them this puts what a
 * block's execution touches, from vaddr to counts[0], into one line.
 */
enum { CHUNK_ALIGN = 64, FIRST_SLOTS = 4096 };
_Static_assert((sizeof(struct trace_header) + offsetof(struct trace_block, vaddr)) % CHUNK_ALIGN ==
                   0,
               "vaddr begins a cache line");

void block_cut(struct block_shape *shape)
{
    shape->segments = 1;
    shape->starts[0] = 0;
    for (uint32_t i = 0; i + 1 < shape->insns; i++) {
        if (a64_may_fault(shape->opcodes[i])) {
            shape->starts[shape->segments++] = (uint16_t)(i + 1);
        }
    }
}

static uint64_t mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * 0x9e3779b97f4a7c15U;
    return hash ^ hash >> 29;
}

static uint64_t hash_of(uint64_t vaddr, uint64_t paddr, const uint32_t *opcodes, uint32_t insns)
{
    uint64_t hash = mix(mix(mix(0, vaddr), paddr), insns);
    for (uint32_t i = 0; i < insns; i++) {
        hash = mix(hash, opcodes[i]);
    }
    return hash;
}

static bool same(struct trace_block *block, const struct block_shape *shape)
{
    return block->vaddr == shape->vaddr && block->paddr == shape->paddr &&
           block->insns == shape->insns &&
           memcmp(block_opcodes(block), shape->opcodes, shape->insns * sizeof(uint32_t)) == 0;
}

static void put(struct blocks *blocks, uint64_t hash, size_t index)
{
    size_t slot = hash & (blocks->slot_count - 1);
    while (blocks->slots[slot] != 0) {
        slot = (slot + 1) & (blocks->slot_count - 1);
    }
    blocks->slots[slot] = (uint32_t)index + 1;
}

/* Keep the table at most half full. */
static bool grow_slots(struct blocks *blocks)
{
    if (blocks->count * 2 < blocks->slot_count) {
        return true;
    }
    size_t wanted = blocks->slot_count == 0 ? FIRST_SLOTS : blocks->slot_count * 2;
    uint32_t *slots = calloc(wanted, sizeof *slots);
    if (slots == NULL) {
        return false;
    }
    free(blocks->slots);
    blocks->slots = slots;
    blocks->slot_count = wanted;
    for (size_t i = 0; i < blocks->count; i++) {
        struct trace_block *block = blocks->list[i];
        put(blocks, hash_of(block->vaddr, block->paddr, block_opcodes(block), block->insns), i);
    }
    return true;
}

static bool grow_list(struct blocks *blocks)
{
    if (blocks->count < blocks->room) {
        return true;
    }
    size_t room = blocks->room == 0 ? FIRST_SLOTS : blocks->room * 2;
    struct trace_block **list = realloc(blocks->list, room * sizeof(void *));
    if (list == NULL) {
        return false;
    }
    blocks->list = list;
    blocks->room = room;
    return true;
}

static struct trace_block *append(struct blocks *blocks, const struct block_shape *shape)
{
    size_t size = sizeof(struct trace_block) + shape->segments * sizeof(uint64_t) +
                  shape->insns * sizeof(uint32_t) + shape->segments * sizeof(uint16_t);
    size = (size + CHUNK_ALIGN - 1) / CHUNK_ALIGN * CHUNK_ALIGN;
    struct trace_block *block = trace_writer_begin(blocks->writer, TRACE_BLOCK, size);
    if (block == NULL) {
        return NULL;
    }
    block->vaddr = shape->vaddr;
    block->paddr = shape->paddr;
    block->insns = shape->insns;
    block->segments = shape->segments;
    uint8_t *opcodes = (uint8_t *)(block_counts(block) + shape->segments);
    size_t opcode_bytes = shape->insns * sizeof(uint32_t);
    memcpy(opcodes, shape->opcodes, opcode_bytes);
    memcpy(opcodes + opcode_bytes, shape->starts, shape->segments * sizeof(uint16_t));
    trace_writer_commit(blocks->writer);
    return block;
}

struct trace_block *blocks_record(struct blocks *blocks, const struct block_shape *shape)
{
    if (!grow_slots(blocks) || !grow_list(blocks)) {
        trace_writer_flag(blocks->writer, TRACE_FULL);
        return NULL;
    }
    uint64_t hash = hash_of(shape->vaddr, shape->paddr, shape->opcodes, shape->insns);
    size_t slot = hash & (blocks->slot_count - 1);
    while (blocks->slots[slot] != 0) {
        struct trace_block *known = blocks->list[blocks->slots[slot] - 1];
        if (same(known, shape)) {
            return known;
        }
        slot = (slot + 1) & (blocks->slot_count - 1);
    }
    struct trace_block *block = append(blocks, shape);
    if (block != NULL) {
        blocks->slots[slot] = (uint32_t)blocks->count + 1;
        blocks->list[blocks->count++] = block;
        blocks->counters += 3 + (uint64_t)shape->segments;
    }
    return block;
}
