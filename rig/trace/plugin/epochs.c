#include "epochs.h"

#include <string.h>

#include "a64_decode.h"

enum { CHUNK_ALIGN = 64 }; /* keeps the blocks behind it aligned to cache lines */

void epochs_start(struct epochs *epochs, const struct plugin *plugin)
{
    *epochs = (struct epochs){.writer = plugin->writer, .room = plugin->limit / 2};
}

static void fill(struct trace_epoch *epoch, const struct blocks *blocks)
{
    uint64_t *out = (uint64_t *)(void *)(epoch + 1);
    for (size_t i = 0; i < blocks->count; i++) {
        struct trace_block *block = blocks->list[i];
        *out++ = block->not_taken;
        *out++ = block->taken;
        *out++ = block->unknown;
        memcpy(out, block_counts(block), block->segments * sizeof *out);
        out += block->segments;
    }
}

void epochs_add(struct epochs *epochs, const struct blocks *blocks, uint64_t vaddr, uint32_t opcode,
                enum trace_mmu after)
{
    uint64_t size = sizeof(struct trace_epoch) + blocks->counters * sizeof(uint64_t);
    size = (size + CHUNK_ALIGN - 1) / CHUNK_ALIGN * CHUNK_ALIGN;
    struct trace_epoch *epoch = NULL;
    if (!epochs->cut && epochs->count < EPOCHS_MAX && size <= epochs->room) {
        epoch = trace_writer_begin(epochs->writer, TRACE_EPOCH, size);
    }
    if (epoch == NULL) {
        if (!epochs->cut) {
            epochs->cut = true;
            trace_writer_flag(epochs->writer, TRACE_EPOCHS_CUT);
            plugin_say("more writes to SCTLR than the trace has room for: what follows write %u "
                       "counts for the MMU state behind it",
                       epochs->count);
        }
        return;
    }
    epoch->vaddr = vaddr;
    epoch->opcode = opcode;
    epoch->after = after;
    epoch->el = a64_writes_sctlr(opcode);
    epoch->blocks = (uint32_t)blocks->count;
    fill(epoch, blocks);
    trace_writer_commit(epochs->writer);
    epochs->room -= size;
    epochs->count++;
}
