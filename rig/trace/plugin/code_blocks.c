#include "code_blocks.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_SLOTS = 4096, VECTOR_SIZE = 0x80 };

static uint64_t mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * 0x9e3779b97f4a7c15U;
    return hash ^ hash >> 29;
}

static uint64_t hash_of(uint64_t vaddr, uint64_t paddr, uint32_t insns, const uint32_t *opcodes)
{
    uint64_t hash = mix(mix(mix(0, vaddr), paddr), insns);
    return mix(hash, (uint64_t)opcodes[0] << 32 | opcodes[insns - 1]);
}

static bool same(const struct code_block *block, const struct code_shape *shape)
{
    return block->vaddr == shape->vaddr && block->paddr == shape->paddr &&
           block->insns == shape->insns && block->writer.time == shape->writer.time &&
           block->writer.flags == shape->writer.flags && block->writer.pc == shape->writer.pc &&
           memcmp(block->opcodes, shape->opcodes, shape->insns * sizeof(uint32_t)) == 0;
}

static bool grow(struct code_blocks *blocks)
{
    if (blocks->count < blocks->slot_count) {
        return true;
    }
    size_t wanted = blocks->slot_count == 0 ? FIRST_SLOTS : blocks->slot_count * 2;
    struct code_block **slots = calloc(wanted, sizeof(void *));
    if (slots == NULL) {
        return false;
    }
    for (size_t i = 0; i < blocks->slot_count; i++) {
        for (struct code_block *block = blocks->slots[i]; block != NULL;) {
            struct code_block *next = block->next;
            size_t slot =
                hash_of(block->vaddr, block->paddr, block->insns, block->opcodes) & (wanted - 1);
            block->next = slots[slot];
            slots[slot] = block;
            block = next;
        }
    }
    free(blocks->slots);
    blocks->slots = slots;
    blocks->slot_count = wanted;
    return true;
}

static struct code_block *make(const struct code_shape *shape)
{
    struct code_block *block = calloc(1, sizeof *block + shape->insns * sizeof(uint32_t));
    if (block == NULL) {
        return NULL;
    }
    block->vaddr = shape->vaddr;
    block->paddr = shape->paddr;
    block->end = shape->vaddr + (uint64_t)shape->insns * sizeof(uint32_t);
    block->insns = shape->insns;
    block->vector = shape->vaddr % VECTOR_SIZE == 0;
    block->writer = shape->writer;
    block->written = shape->writer.flags != 0;
    memcpy(block->opcodes, shape->opcodes, shape->insns * sizeof(uint32_t));
    return block;
}

struct code_block *code_blocks_get(struct code_blocks *blocks, const struct code_shape *shape)
{
    if (!grow(blocks)) {
        return NULL;
    }
    uint64_t hash = hash_of(shape->vaddr, shape->paddr, shape->insns, shape->opcodes);
    struct code_block **slot = &blocks->slots[hash & (blocks->slot_count - 1)];
    for (struct code_block *block = *slot; block != NULL; block = block->next) {
        if (same(block, shape)) {
            return block;
        }
    }
    struct code_block *block = make(shape);
    if (block != NULL) {
        block->next = *slot;
        *slot = block;
        blocks->count++;
    }
    return block;
}

bool code_block_chunk(struct code_block *block, struct event_log *log, uint64_t *offset)
{
    if (block->chunk == 0) {
        size_t opcodes = block->insns * sizeof(uint32_t);
        size_t size = (sizeof(struct trace_code) + opcodes + 7) / 8 * 8;
        struct trace_code *code = event_log_chunk(log, TRACE_CODE, size, &block->chunk);
        if (code == NULL) {
            return false;
        }
        code->vaddr = block->vaddr;
        code->paddr = block->paddr;
        code->insns = block->insns;
        code->written = block->writer;
        memcpy(code + 1, block->opcodes, opcodes);
        trace_writer_commit(log->writer);
    }
    *offset = block->chunk;
    return true;
}
