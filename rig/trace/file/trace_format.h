/*
 * The trace file: what a plugin inside QEMU leaves behind, and what rig-trace reads.
 *
 * The plugin maps the file shared and writes in place, so whatever it had written is in the file
 * even when QEMU is killed. `used` says how much of the file is valid; it grows only after what it
 * covers is complete. All numbers are little-endian; every chunk starts at a multiple of 8.
 *
 * docs/architecture/coverage.md tells the format in words.
 */
#ifndef RIG_TRACE_FORMAT_H
#define RIG_TRACE_FORMAT_H

#include <stdint.h>

#define TRACE_MAGIC "RIGTRACE"

enum {
    TRACE_VERSION = 1,
    TRACE_IMAGE_ID_BYTES = 40, /* build-id of the image, zero-padded */
};

enum trace_kind {
    TRACE_COVERAGE = 1,
    TRACE_EVENTS = 2, /* trace_events.h */
};

enum trace_flags {
    TRACE_CLOSED = 1, /* QEMU ended by itself: everything was recorded */
    TRACE_FULL = 2,   /* the size limit was met: later blocks are missing */
    /* SCTLR was written more often than there was room for: the last epoch mixes states */
    TRACE_EPOCHS_CUT = 4,
};

struct trace_header {
    char magic[8];
    uint32_t version;
    uint32_t kind;
    uint64_t used; /* valid bytes from the start of the file, this header included */
    uint32_t flags;
    uint32_t api;  /* plugin API version of the QEMU that ran */
    uint32_t cpus; /* virtual CPUs of the guest */
    uint32_t image_id_size;
    uint8_t image_id[TRACE_IMAGE_ID_BYTES];
    uint64_t reserved[5];
};

_Static_assert(sizeof(struct trace_header) == 120, "trace_header is laid out without holes");

enum trace_tag {
    TRACE_BLOCK = 0x4b4c4230, /* struct trace_block */
    TRACE_EPOCH = 0x48504530, /* struct trace_epoch */
};

struct trace_chunk {
    uint32_t tag;
    uint32_t size; /* of the whole chunk in bytes, a multiple of 8 */
};

/*
 * A translated block: consecutive instructions that QEMU runs in one go. The same block (address,
 * physical address and instructions) is recorded once, however often QEMU translates it; blocks may
 * overlap.
 *
 * A block falls into segments: a new one starts at the first instruction and behind each
 * instruction that may end the block early by an exception (an access to memory above all).
 * counts[i] is how often the first instruction of segment i began; all instructions of one segment
 * began equally often.
 */
struct trace_block {
    struct trace_chunk chunk;
    uint64_t vaddr; /* address of the first instruction, as the PC had it */
    uint64_t paddr; /* its physical address, or TRACE_UNKNOWN_ADDRESS */
    uint32_t insns;
    uint32_t segments; /* at least 1 */
    /* What became of the conditional branch that the block ends with; 0 each when it ends
     * otherwise. */
    uint64_t not_taken;
    uint64_t taken;
    /* The block was cut by an exception, an interrupt came first, or both ways lead to the same
     * place. An access to a device under -icount ends a block, too, but the rest of it follows as a
     * block of its own, which counts the branch. */
    uint64_t unknown;
    /* uint64_t counts[segments]; */
    /* uint32_t opcodes[insns]; */
    /* uint16_t starts[segments]: index of the first instruction of each segment; starts[0] == 0 */
    /* zero bytes up to chunk.size, a multiple of 8 */
};

_Static_assert(sizeof(struct trace_block) == 56, "trace_block is laid out without holes");

#define TRACE_UNKNOWN_ADDRESS UINT64_MAX

enum trace_mmu {
    TRACE_MMU_OFF = 0,
    TRACE_MMU_ON = 1,
    TRACE_MMU_UNKNOWN = 2,
};

/*
 * A write to SCTLR_ELx is about to execute: what was counted up to here belongs to the translation
 * state before it. Counters of later epochs are differences to the last epoch chunk; what follows
 * the last epoch chunk in time is the counters' final value minus that chunk's. The first epoch
 * (from reset on, MMU off) has no chunk before it.
 */
struct trace_epoch {
    struct trace_chunk chunk;
    uint64_t vaddr;  /* of the MSR */
    uint32_t opcode; /* of the MSR; bits 4:0 are the source register */
    uint32_t after;  /* enum trace_mmu: SCTLR_ELx.M that the MSR writes, when QEMU tells it */
    uint32_t el;     /* x of SCTLR_ELx */
    uint32_t blocks; /* block chunks before this chunk in the file */
    /* For each of these blocks, in the file's order:
     *   uint64_t not_taken, taken, unknown, counts[segments]: as they stood */
};

_Static_assert(sizeof(struct trace_epoch) == 32, "trace_epoch is laid out without holes");

#endif
