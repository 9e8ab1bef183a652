/*
 * What became of the conditional branch that a block ends with, from where execution went on.
 */
#ifndef RIG_PLUGIN_OUTCOME_H
#define RIG_PLUGIN_OUTCOME_H

#include "a64_decode.h"
#include "blocks.h"

/*
 * The counter of `block` to increment: `complete` says that the branch itself executed, `pc` is
 * where the next block of this CPU begins. NULL when there is nothing to count.
 *
 * Under -icount QEMU restarts a block at an access to a device, behind which a block of its own
 * begins: the branch is still to come, and is counted there.
 */
static inline uint64_t *outcome_counter(struct trace_block *block, bool complete, uint64_t pc)
{
    uint64_t size = (uint64_t)block->insns * sizeof(uint32_t);
    if (!complete) {
        return pc - block->vaddr - 1 < size - 1 ? NULL : &block->unknown;
    }
    int64_t offset = 0;
    a64_conditional_branch(block_opcodes(block)[block->insns - 1], &offset);
    uint64_t next = block->vaddr + size;
    uint64_t target = next - sizeof(uint32_t) + (uint64_t)offset;
    if (target == next || (pc != next && pc != target)) {
        return &block->unknown; /* both look alike, or an interrupt came first */
    }
    return pc == target ? &block->taken : &block->not_taken;
}

#endif
