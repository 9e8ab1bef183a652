#include "trace_builder.h"

struct trace_header *builder_header(struct builder *builder)
{
    return (struct trace_header *)(void *)builder->data;
}

void builder_begin(struct builder *builder)
{
    memset(builder, 0, sizeof(*builder));
    struct trace_header *header = builder_header(builder);
    memcpy(header->magic, TRACE_MAGIC, sizeof(header->magic));
    header->version = TRACE_VERSION;
    header->kind = TRACE_COVERAGE;
    header->flags = TRACE_CLOSED;
    header->api = 1;
    header->cpus = 1;
    builder->used = sizeof(*header);
    builder_end(builder);
}

void builder_end(struct builder *builder)
{
    builder_header(builder)->used = builder->used;
}

static void *chunk(struct builder *builder, uint32_t tag, size_t size)
{
    size = (size + 7) / 8 * 8;
    assert_true(builder->used + size <= BUILDER_ROOM);
    struct trace_chunk *at = (struct trace_chunk *)(void *)(builder->data + builder->used);
    *at = (struct trace_chunk){.tag = tag, .size = (uint32_t)size};
    builder->used += size;
    return at;
}

struct trace_block *builder_block(struct builder *builder, uint64_t vaddr, const uint32_t *opcodes,
                                  uint32_t insns, const uint64_t *counts, const uint16_t *starts,
                                  uint32_t segments)
{
    size_t count_bytes = segments * sizeof(counts[0]);
    size_t opcode_bytes = insns * sizeof(opcodes[0]);
    size_t start_bytes = segments * sizeof(starts[0]);
    struct trace_block *block =
        chunk(builder, TRACE_BLOCK, sizeof(*block) + count_bytes + opcode_bytes + start_bytes);
    block->vaddr = vaddr;
    block->paddr = TRACE_UNKNOWN_ADDRESS;
    block->insns = insns;
    block->segments = segments;
    uint8_t *at = (uint8_t *)(block + 1);
    memcpy(at, counts, count_bytes);
    memcpy(at + count_bytes, opcodes, opcode_bytes);
    memcpy(at + count_bytes + opcode_bytes, starts, start_bytes);
    return block;
}

struct trace_epoch *builder_epoch(struct builder *builder, uint32_t after, uint32_t blocks,
                                  const uint64_t *counters, size_t count)
{
    struct trace_epoch *epoch =
        chunk(builder, TRACE_EPOCH, sizeof(*epoch) + count * sizeof(counters[0]));
    epoch->after = after;
    epoch->blocks = blocks;
    epoch->el = 1;
    memcpy(epoch + 1, counters, count * sizeof(counters[0]));
    return epoch;
}

void builder_read(struct builder *builder, struct trace *trace)
{
    char error[TRACE_ERROR_TEXT] = "";
    builder_end(builder);
    bool read = trace_parse(trace, builder->data, builder->used, error);
    if (!read) {
        fail_msg("%s", error);
    }
}
