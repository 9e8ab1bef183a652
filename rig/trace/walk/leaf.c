/* One descriptor: its kind, what it inherits, the rights it gives and the memory it names. */
#include <string.h>

#include "internal.h"

enum { MAIR_ATTR_BITS = 8, SH_OUTER = DESC_LEAF_SH_OUTER >> DESC_LEAF_SH_SHIFT };

/*
 * DDI 0487 D8.3, "Block descriptor": levels that may hold blocks, without TCR_EL1.DS. (QEMU 7.2
 * takes blocks at every level; the architecture does not.)
 */
static bool block_allowed(const struct rw_half *half, unsigned level)
{
    if (level == 2) {
        return true;
    }
    return level == 1 &&
           (half->granule_bits == 12 || (half->granule_bits == 16 && half->pa52_implemented));
}

enum rw_kind rw_classify(const struct rw_half *half, unsigned level, uint64_t descriptor)
{
    bool type = (descriptor & DESC_TYPE_BIT) != 0;

    if ((descriptor & DESC_VALID_BIT) == 0) {
        return RW_INVALID;
    }
    if (level == RW_LAST_LEVEL) {
        return type ? RW_LEAF : RW_RESERVED;
    }
    if (type) {
        return RW_TABLE;
    }
    return block_allowed(half, level) ? RW_LEAF : RW_RESERVED;
}

/* DDI 0487 D8.4, "Hierarchical control of data access permissions / of instruction execution". */
void rw_inherit(const struct rw_half *half, uint64_t descriptor, struct rw_inherited *inherited)
{
    if (half->ignore_table_attributes) {
        return;
    }
    /* In the EL2 regime APTable[0] and PXNTable are RES0 and UXNTable is XNTable; what the first
     * two restrict is not looked at there. */
    inherited->no_el0 |= (descriptor & DESC_TABLE_APTABLE_NO_EL0) != 0;
    inherited->read_only |= (descriptor & DESC_TABLE_APTABLE_READ_ONLY) != 0;
    inherited->pxn |= (descriptor & DESC_TABLE_PXNTABLE_BIT) != 0;
    inherited->uxn |= (descriptor & DESC_TABLE_UXNTABLE_BIT) != 0;
}

/* Hardware dirty state: a read-only leaf with DBM is written to and marked. */
static bool is_writable(const struct rw_half *half, const struct rw_inherited *inherited,
                        uint64_t descriptor)
{
    bool dirty = half->hardware_dirty && (descriptor & DESC_LEAF_DBM_BIT) != 0;

    return (dirty || (descriptor & DESC_LEAF_AP_EL1_RO) == 0) && !inherited->read_only;
}

/*
 * One privilege level: AP[1] is RES1 and says nothing, XN is where UXN is, PXN is RES0, PSTATE.PAN
 * has no say.
 */
static void set_rights_el2(const struct rig_walk_regs *regs, const struct rw_half *half,
                           const struct rw_inherited *inherited, uint64_t descriptor,
                           struct rig_walk_attributes *attr)
{
    bool wxn = (regs->sctlr & SCTLR_EL1_WXN_BIT) != 0;

    attr->el1_read = 1;
    attr->el1_write = is_writable(half, inherited, descriptor);
    attr->el1_exec =
        (descriptor & DESC_LEAF_UXN_BIT) == 0 && !inherited->uxn && !(wxn && attr->el1_write != 0);
}

/* DDI 0487 D8.4, "Stage 1 permissions" (direct): data first, then execution. */
static void set_rights(const struct rig_walk_regs *regs, const struct rw_half *half,
                       const struct rw_inherited *inherited, uint64_t descriptor,
                       struct rig_walk_attributes *attr)
{
    bool el0_data = (descriptor & DESC_LEAF_AP_ALL_RW) != 0 && !inherited->no_el0;
    bool wxn = (regs->sctlr & SCTLR_EL1_WXN_BIT) != 0;
    bool writable = is_writable(half, inherited, descriptor);

    attr->el1_read = 1;
    attr->el1_write = writable;
    attr->el0_read = el0_data;
    attr->el0_write = el0_data && writable;
    attr->el1_exec = (descriptor & DESC_LEAF_PXN_BIT) == 0 && !inherited->pxn;
    attr->el0_exec = (descriptor & DESC_LEAF_UXN_BIT) == 0 && !inherited->uxn;
    /* What EL0 can write, EL1 never executes, whatever PXN says. */
    if (attr->el0_write != 0 || (wxn && attr->el1_write != 0)) {
        attr->el1_exec = 0;
    }
    if (wxn && attr->el0_write != 0) {
        attr->el0_exec = 0;
    }
    if (half->el0_refused) {
        attr->el0_read = 0;
        attr->el0_write = 0;
        attr->el0_exec = 0;
    }
    /* PAN looks at the permissions, before E0PD takes EL0's accesses away. */
    attr->pan_blocks_el1 = el0_data && (regs->pstate & PSTATE_PAN_BIT) != 0;
}

/* DDI 0487, MAIR_EL1, Attr<n>. XS = 0 and tagged variants decode as their base type. */
static enum rig_walk_memory memory_of(uint8_t mair_attr)
{
    unsigned outer = mair_attr & MAIR_ATTR_OUTER_MASK;
    unsigned inner = mair_attr & MAIR_ATTR_INNER_MASK;

    if (outer == MAIR_ATTR_OUTER_DEVICE) {
        unsigned variant = mair_attr & MAIR_ATTR_VARIANT_MASK;
        bool known = variant == MAIR_ATTR_VARIANT_PLAIN || variant == MAIR_ATTR_VARIANT_XS0;
        return known ? (enum rig_walk_memory)RW_FIELD(mair_attr, MAIR_ATTR_DEVICE)
                     : RIG_WALK_MEMORY_RESERVED;
    }
    if (inner == 0 && mair_attr != MAIR_ATTR_WHOLE_NON_CACHEABLE_XS0 &&
        mair_attr != MAIR_ATTR_WHOLE_WRITE_THROUGH_XS0 && mair_attr != MAIR_ATTR_WHOLE_TAGGED) {
        return RIG_WALK_MEMORY_RESERVED;
    }
    return RIG_WALK_NORMAL;
}

/* Device and Normal Non-cacheable memory is always outer shareable: DDI 0487 D8, "Shareability". */
static bool always_outer_shareable(enum rig_walk_memory memory, uint8_t mair_attr)
{
    if (memory == RIG_WALK_NORMAL) {
        return mair_attr == (MAIR_ATTR_OUTER_NON_CACHEABLE | MAIR_ATTR_INNER_NON_CACHEABLE) ||
               mair_attr == MAIR_ATTR_WHOLE_NON_CACHEABLE_XS0;
    }
    return memory != RIG_WALK_MEMORY_RESERVED;
}

void rw_leaf_attributes(const struct rig_walk_regs *regs, const struct rw_half *half,
                        const struct rw_inherited *inherited, uint64_t descriptor,
                        struct rig_walk_attributes *attr)
{
    enum rig_walk_memory memory;

    memset(attr, 0, sizeof(*attr));
    if (half->el2) {
        set_rights_el2(regs, half, inherited, descriptor, attr);
    } else {
        set_rights(regs, half, inherited, descriptor, attr);
    }
    attr->attr_index = (uint8_t)RW_FIELD(descriptor, DESC_LEAF_ATTRINDX);
    attr->mair_attr = (uint8_t)(regs->mair >> (attr->attr_index * MAIR_ATTR_BITS));
    memory = memory_of(attr->mair_attr);
    attr->memory = (uint8_t)memory;
    attr->sh = (uint8_t)RW_FIELD(descriptor, DESC_LEAF_SH);
    attr->shareability =
        always_outer_shareable(memory, attr->mair_attr) ? (uint8_t)SH_OUTER : attr->sh;
    attr->ng = !half->el2 && (descriptor & DESC_LEAF_NG_BIT) != 0;
    attr->contiguous = (descriptor & DESC_LEAF_CONTIGUOUS_BIT) != 0;
    attr->af = (descriptor & DESC_LEAF_AF_BIT) != 0;
    attr->guarded = (descriptor & DESC_LEAF_GP_BIT) != 0;
    attr->dbm = (descriptor & DESC_LEAF_DBM_BIT) != 0;
    attr->data_cache_off = (regs->sctlr & SCTLR_EL1_C_BIT) == 0;
}

/* DDI 0487 D8.2, "Behavior when stage 1 address translation is disabled". */
void rw_flat_attributes(const struct rig_walk_regs *regs, struct rig_walk_attributes *attr)
{
    memset(attr, 0, sizeof(*attr));
    attr->el1_read = 1;
    attr->el1_write = 1;
    attr->el1_exec = 1;
    attr->el0_read = !rw_is_el2(regs);
    attr->el0_write = !rw_is_el2(regs);
    attr->el0_exec = !rw_is_el2(regs);
    attr->memory = RIG_WALK_DEVICE_NGNRNE;
    attr->sh = (uint8_t)SH_OUTER;
    attr->shareability = (uint8_t)SH_OUTER;
    attr->af = 1;
    attr->flat = 1;
    attr->data_cache_off = (regs->sctlr & SCTLR_EL1_C_BIT) == 0;
}

void rw_remove_rights(struct rig_walk_attributes *attr)
{
    attr->el1_read = 0;
    attr->el1_write = 0;
    attr->el1_exec = 0;
    attr->el0_read = 0;
    attr->el0_write = 0;
    attr->el0_exec = 0;
    attr->pan_blocks_el1 = 0;
}
