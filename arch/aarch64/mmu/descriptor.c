#include <arch/descriptor.h>

#include <sysregs.h>

#define PA_END    (1ULL << 48)
#define TYPE_BITS (DESC_VALID_BIT | DESC_TYPE_BIT)

/* Levels that hold leaves with the 4 KiB granule: 1 GiB and 2 MiB blocks, 4 KiB pages. */
static bool level_has_leaf(unsigned level)
{
    return level >= 1 && level <= LEVEL_PAGE;
}

/* Valid and type bits of a leaf: a page is 0b11, a block 0b01. */
static uint64_t leaf_type(unsigned level)
{
    return level == LEVEL_PAGE ? TYPE_BITS : DESC_VALID_BIT;
}

static uint64_t flag(bool set, uint64_t bit)
{
    return set ? bit : 0;
}

static uint64_t field(uint64_t raw, uint64_t mask, unsigned shift)
{
    return (raw & mask) >> shift;
}

enum descriptor_kind descriptor_kind(uint64_t raw, unsigned level)
{
    if ((raw & DESC_VALID_BIT) == 0) {
        return DESCRIPTOR_INVALID;
    }
    if (level == LEVEL_PAGE) {
        return (raw & DESC_TYPE_BIT) != 0 ? DESCRIPTOR_LEAF : DESCRIPTOR_RESERVED;
    }
    if ((raw & DESC_TYPE_BIT) != 0) {
        return DESCRIPTOR_TABLE;
    }
    return level_has_leaf(level) ? DESCRIPTOR_LEAF : DESCRIPTOR_RESERVED;
}

bool leaf_descriptor_encode(const struct leaf_descriptor *leaf, unsigned level, uint64_t *raw)
{
    if (!level_has_leaf(level) || leaf->output_pa % level_size(level) != 0 ||
        leaf->output_pa >= PA_END) {
        return false;
    }
    if (leaf->attr_index > 7 || leaf->ap > 3 || leaf->sh > 3 || leaf->sh == 1) {
        return false;
    }
    *raw = leaf_type(level) | leaf->output_pa |
           ((uint64_t)leaf->attr_index << DESC_LEAF_ATTRINDX_SHIFT) |
           ((uint64_t)leaf->ap << DESC_LEAF_AP_SHIFT) | ((uint64_t)leaf->sh << DESC_LEAF_SH_SHIFT) |
           flag(leaf->af, DESC_LEAF_AF_BIT) | flag(leaf->ng, DESC_LEAF_NG_BIT) |
           flag(leaf->contiguous, DESC_LEAF_CONTIGUOUS_BIT) | flag(leaf->pxn, DESC_LEAF_PXN_BIT) |
           flag(leaf->uxn, DESC_LEAF_UXN_BIT);
    return true;
}

bool leaf_descriptor_decode(uint64_t raw, unsigned level, struct leaf_descriptor *leaf)
{
    struct leaf_descriptor out;
    uint64_t again;

    if (descriptor_kind(raw, level) != DESCRIPTOR_LEAF) {
        return false;
    }
    out = (struct leaf_descriptor){
        .output_pa = raw & DESC_LEAF_OA_MASK,
        .attr_index = (uint8_t)field(raw, DESC_LEAF_ATTRINDX_MASK, DESC_LEAF_ATTRINDX_SHIFT),
        .ap = (uint8_t)field(raw, DESC_LEAF_AP_MASK, DESC_LEAF_AP_SHIFT),
        .sh = (uint8_t)field(raw, DESC_LEAF_SH_MASK, DESC_LEAF_SH_SHIFT),
        .af = (raw & DESC_LEAF_AF_BIT) != 0,
        .ng = (raw & DESC_LEAF_NG_BIT) != 0,
        .contiguous = (raw & DESC_LEAF_CONTIGUOUS_BIT) != 0,
        .pxn = (raw & DESC_LEAF_PXN_BIT) != 0,
        .uxn = (raw & DESC_LEAF_UXN_BIT) != 0,
    };
    /* Whatever the fields do not carry (GP, DBM, NS, software bits, a stray address bit) shows
     * here. */
    if (!leaf_descriptor_encode(&out, level, &again) || again != raw) {
        return false;
    }
    *leaf = out;
    return true;
}

bool table_descriptor_encode(uint64_t next_pa, uint64_t *raw)
{
    if ((next_pa & ~DESC_TABLE_NEXT_MASK) != 0) {
        return false;
    }
    *raw = next_pa | TYPE_BITS;
    return true;
}

uint64_t table_descriptor_next(uint64_t raw)
{
    return raw & DESC_TABLE_NEXT_MASK;
}
