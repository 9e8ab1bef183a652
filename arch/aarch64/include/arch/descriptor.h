/*
 * VMSAv8-64 stage 1 translation table descriptors, 4 KiB granule, 48-bit output addresses
 * (DDI 0487, section D8.3 "Translation table descriptor formats"). Encode and decode come in pairs.
 */
#ifndef ARCH_DESCRIPTOR_H
#define ARCH_DESCRIPTOR_H

#include <stdbool.h>
#include <stdint.h>
#include <sysregs.h>

#define TABLE_ENTRIES 512U
#define LEVEL_ROOT    0U
#define LEVEL_PAGE    3U

/* Bytes that one descriptor of `level` (0 to 3) covers. */
static inline uint64_t level_size(unsigned level)
{
    return 1ULL << (12U + 9U * (LEVEL_PAGE - level));
}

/* Index into the table of `level` (0 to 3) for `va`. */
static inline unsigned level_index(unsigned level, uint64_t va)
{
    return (unsigned)(va / level_size(level)) % TABLE_ENTRIES;
}

enum descriptor_kind {
    DESCRIPTOR_INVALID,
    DESCRIPTOR_TABLE,
    DESCRIPTOR_LEAF,     /* block (levels 1 and 2) or page (level 3) */
    DESCRIPTOR_RESERVED, /* an encoding that the level does not have: faults when walked */
};

/* What `raw` is at `level` (0 to 3). */
enum descriptor_kind descriptor_kind(uint64_t raw, unsigned level);

/* A block or page descriptor in fields, named as in the architecture. */
struct leaf_descriptor {
    uint64_t output_pa; /* aligned to level_size(level), below 2^48 */
    uint8_t attr_index; /* 0 to 7, index into MAIR_EL1 */
    uint8_t ap;         /* 0 to 3, AP[2:1] */
    uint8_t sh;         /* 0, 2 or 3, shareability */
    bool af;            /* access flag */
    bool ng;            /* not global */
    bool contiguous;
    bool pxn;
    bool uxn;
};

/*
 * Encode `leaf` for `level` into `*raw`. False, with `*raw` untouched, if the level has no leaf,
 * the address is not aligned to the level's size or not below 2^48, or a field does not fit.
 */
__attribute__((warn_unused_result)) bool leaf_descriptor_encode(const struct leaf_descriptor *leaf,
                                                                unsigned level, uint64_t *raw);

/*
 * Decode `raw` at `level`. False, with `*leaf` untouched, if it is no leaf there or holds a bit
 * that leaf_descriptor_encode() never sets.
 */
__attribute__((warn_unused_result)) bool leaf_descriptor_decode(uint64_t raw, unsigned level,
                                                                struct leaf_descriptor *leaf);

/*
 * Encode a table descriptor that points at the table at `next_pa` (4 KiB aligned, below 2^48), with
 * no hierarchical restrictions. False, with `*raw` untouched, if the address does not fit.
 */
__attribute__((warn_unused_result)) bool table_descriptor_encode(uint64_t next_pa, uint64_t *raw);

/* The table that `raw`, a table descriptor, points at. */
uint64_t table_descriptor_next(uint64_t raw);

/*
 * Table descriptors that also hold how many entries of the next table are in use, 0 to
 * TABLE_ENTRIES, in bits 11:2, which the walker ignores in this regime: TCR_EL1.DS = 0 gives bits
 * 9:8 no meaning, TCR2_EL1.HAFT = 0 keeps bit 10 from being an access flag (DDI 0487, D8.3 "Table
 * descriptor format"). A new count in a live descriptor needs no break-before-make.
 *
 * Inline, since every step of a walk in kernel/mm decodes one.
 * Encode: false, with `*raw` untouched, if the address or `live` does not fit. Decode: false, with
 * the results untouched, if `raw` is no table descriptor or one that encoding never makes.
 */
__attribute__((warn_unused_result)) static inline bool
counted_table_descriptor_encode(uint64_t next_pa, unsigned live, uint64_t *raw)
{
    if ((next_pa & ~DESC_TABLE_NEXT_MASK) != 0 || live > TABLE_ENTRIES) {
        return false;
    }
    *raw = next_pa | (uint64_t)live << DESC_TABLE_IGNORED_SHIFT | DESC_TYPE_BIT | DESC_VALID_BIT;
    return true;
}

__attribute__((warn_unused_result)) static inline bool
counted_table_descriptor_decode(uint64_t raw, uint64_t *next_pa, unsigned *live)
{
    uint64_t count = (raw & DESC_TABLE_IGNORED_MASK) >> DESC_TABLE_IGNORED_SHIFT;

    if ((raw & ~(DESC_TABLE_NEXT_MASK | DESC_TABLE_IGNORED_MASK)) !=
            (DESC_TYPE_BIT | DESC_VALID_BIT) ||
        count > TABLE_ENTRIES) {
        return false;
    }
    *next_pa = raw & DESC_TABLE_NEXT_MASK;
    *live = (unsigned)count;
    return true;
}

#endif
