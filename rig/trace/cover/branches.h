/*
 * The conditional branches of an image: b.cond, bc.cond, cbz, cbnz, tbz, tbnz.
 */
#ifndef RIG_COVER_BRANCHES_H
#define RIG_COVER_BRANCHES_H

#include <capstone/capstone.h>

#include "image.h"
#include "lines.h"

struct branch {
    size_t word;
    uint64_t address;
    uint64_t target;
    const char *function; /* the symbol it is in, or "" */
    uint64_t offset;      /* from the symbol, in bytes */
    uint32_t file;        /* or SOURCE_NONE */
    uint32_t line;        /* 0: the branch belongs to no line */
    uint32_t block; /* hash of function, its size and offset: the same in other images of the same
                       code; below 2^31 */
};

struct branches {
    struct branch *items; /* by address */
    size_t count;
    size_t room;
};

/*
 * Decode all instructions of functions, and code that a line covers without a function. False when
 * Capstone cannot be opened.
 */
bool branches_read(struct branches *branches, const struct image *image, const struct lines *lines);
void branches_free(struct branches *branches);

/* Whether the opcode is a conditional branch, with its target. Conditions that always hold (b.al,
 * b.nv) are none. `handle` is Capstone's with details on, `insn` from cs_malloc. */
bool branches_decode(size_t handle, cs_insn *insn, uint32_t opcode, uint64_t address,
                     uint64_t *target);

/*
 * Whether control that arrives at `address` runs straight into a call of (or jump to) one of the
 * named functions or their clones, with no other branch before. Returns the name, or NULL.
 */
const char *branches_runs_into(const struct image *image, uint64_t address,
                               const char *const *names, size_t name_count);

#endif
