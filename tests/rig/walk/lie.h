/*
 * Walkers that are wrong in one way each, made by changing what the right one is given: the check
 * must notice every one of them, or it does not look at that.
 */
#ifndef WALK_LIE_H
#define WALK_LIE_H

#include "image.h"
#include "rigwalk.h"

/* What a lie changes; all zero: nothing. */
struct lie {
    const char *name;
    uint64_t sctlr; /* bits that are turned */
    uint64_t tcr_el1;
    uint64_t tcr_el2;
    uint64_t mair;
    uint64_t descriptor_clear; /* bits of every descriptor */
    uint64_t descriptor_set;
    uint64_t pa; /* of the answer itself */
    bool no_pan;
    bool other_regime;
    bool level; /* of the answer, as is fault_kind */
    bool fault_kind;
};

extern const struct lie lies[];
extern const size_t lie_count;

/*
 * The walker's answer with the lie, which may be NULL. Bits of `ignored` are 0 in every descriptor
 * that it reads.
 */
struct rig_walk_result lie_walk(const struct lie *lie, const struct rig_walk_regs *regs,
                                const struct image *image, uint64_t va, uint64_t ignored);

#endif
