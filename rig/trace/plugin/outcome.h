/*
 * What became of the conditional branch that a block ends with, from where execution went on.
 */
#ifndef RIG_PLUGIN_OUTCOME_H
#define RIG_PLUGIN_OUTCOME_H

#include "a64_decode.h"
#include "blocks.h"

/* Pages of the guest are at least this large, and vectors lie this far apart (DDI 0487, D1.3). */
enum { OUTCOME_PAGE = 4096, OUTCOME_VECTOR = 0x80 };

/*
 * From QEMU 8 on one translation serves all virtual addresses of the same code, and `pc`, where
 * QEMU says that a block begins, is the one that it was made for. Is it all the same the code at
 * `place`, which is `distance` bytes from the start of `block`? In the same page the physical
 * address tells; elsewhere the offset in the page, unless an interrupt's vector could have it, too.
 */
static inline bool outcome_alias(const struct trace_block *block, uint64_t distance, uint64_t pc,
                                 uint64_t paddr)
{
    uint64_t place = block->vaddr + distance;
    if ((pc ^ place) % OUTCOME_PAGE != 0) {
        return false;
    }
    bool known = paddr != TRACE_UNKNOWN_ADDRESS && block->paddr != TRACE_UNKNOWN_ADDRESS;
    if (known && place / OUTCOME_PAGE == block->vaddr / OUTCOME_PAGE) {
        return paddr == block->paddr + distance;
    }
    return pc % OUTCOME_VECTOR != 0;
}

/* Does a block at `pc` go on behind an access to a device inside of `block`? */
static inline bool outcome_rest(const struct trace_block *block, uint64_t pc, uint64_t paddr)
{
    uint64_t size = (uint64_t)block->insns * sizeof(uint32_t);
    uint64_t distance = (pc - block->vaddr) % OUTCOME_PAGE;
    if (pc - block->vaddr < size) {
        return pc != block->vaddr;
    }
    return distance != 0 && distance < size && outcome_alias(block, distance, pc, paddr);
}

/*
 * The counter of `block` to increment: `complete` says that the branch itself executed, the next
 * block of this CPU begins at `pc` (and `paddr`, which may be unknown). NULL when there is nothing
 * to count.
 *
 * Under -icount QEMU restarts a block at an access to a device, behind which a block of its own
 * begins: the branch is still to come, and is counted there.
 */
static inline uint64_t *outcome_counter(struct trace_block *block, bool complete, uint64_t pc,
                                        uint64_t paddr)
{
    if (!complete) {
        return outcome_rest(block, pc, paddr) ? NULL : &block->unknown;
    }
    uint64_t size = (uint64_t)block->insns * sizeof(uint32_t);
    int64_t offset = 0;
    a64_conditional_branch(block_opcodes(block)[block->insns - 1], &offset);
    uint64_t distance = size - sizeof(uint32_t) + (uint64_t)offset;
    if (distance == size) {
        return &block->unknown; /* both ways look alike */
    }
    if (pc - block->vaddr == size || pc - block->vaddr == distance) {
        return pc - block->vaddr == size ? &block->not_taken : &block->taken;
    }
    bool to_next = outcome_alias(block, size, pc, paddr);
    bool to_target = outcome_alias(block, distance, pc, paddr);
    if (to_next != to_target) {
        return to_next ? &block->not_taken : &block->taken;
    }
    return &block->unknown; /* an interrupt came first */
}

#endif
