/* What the walker's files share; not part of the library's interface. */
#ifndef RIG_WALK_INTERNAL_H
#define RIG_WALK_INTERNAL_H

#include <stdbool.h>

#include "rigwalk.h"
#include "sysregs.h"

/* The value of a register or descriptor field, shifted down. */
#define RW_FIELD(value, name) (((value)&name##_MASK) >> name##_SHIFT)

enum {
    RW_LAST_LEVEL = 3,
    /* VA[55] selects the half where there are two. The 2^55 addresses that share VA[63:55] are
     * called a chunk: a half's addresses are one piece of it. */
    RW_CHUNK_BITS = 55
};

/* One half of the address space: what TCR_ELx and TTBRn_ELx say about it, decoded. In the EL2
 * regime the lower half is all there is. */
struct rw_half {
    bool upper;
    bool el2;
    bool walk_disabled; /* EPDn */
    bool tbi;
    bool ignore_table_attributes; /* HPDn with FEAT_HPDS */
    bool el0_refused;             /* E0PDn with FEAT_E0PD */
    bool hardware_access_flag;    /* HA with FEAT_HAFDBS */
    bool hardware_dirty;          /* HD with HA */
    bool pa52_implemented;        /* PARange says 52 bits */
    enum rig_walk_status problem; /* RIG_WALK_OK: the root can be used */
    enum rig_walk_reason reason;
    uint8_t txsz;
    uint8_t input_bits; /* 0 when unknown: TnSZ out of range or unsupported */
    uint8_t granule_bits;
    uint8_t stride; /* index bits of a level */
    uint8_t start_level;
    uint8_t output_bits;
    uint64_t root_pa;
    uint64_t root_size;
};

/* Restrictions that table descriptors put on everything below them. */
struct rw_inherited {
    bool no_el0;
    bool read_only;
    bool pxn;
    bool uxn;
};

/* Where a walk stands: a table, its level, and what was inherited so far. */
struct rw_node {
    uint64_t table_pa;
    uint8_t level;
    struct rw_inherited inherited;
};

struct rw_context {
    const struct rig_walk_regs *regs;
    rig_walk_read_u64 read;
    void *ctx;
    uint64_t reads_left;
};

enum rw_kind { RW_INVALID, RW_RESERVED, RW_TABLE, RW_LEAF };

static inline bool rw_is_el2(const struct rig_walk_regs *regs)
{
    return regs->regime == RIG_WALK_REGIME_EL2;
}

/* The index in a pair of halves of the one that va belongs to. */
static inline unsigned rw_half_of(const struct rig_walk_regs *regs, uint64_t va)
{
    return rw_is_el2(regs) ? 0 : (unsigned)(va >> RW_CHUNK_BITS) & 1;
}

/* The M, WXN, C and EE bits of SCTLR_EL1 and SCTLR_EL2 are at the same places. */
_Static_assert(SCTLR_EL1_M_BIT == SCTLR_EL2_M_BIT, "SCTLR_ELx.M");
_Static_assert(SCTLR_EL1_WXN_BIT == SCTLR_EL2_WXN_BIT, "SCTLR_ELx.WXN");
_Static_assert(SCTLR_EL1_C_BIT == SCTLR_EL2_C_BIT, "SCTLR_ELx.C");
_Static_assert(SCTLR_EL1_EE_BIT == SCTLR_EL2_EE_BIT, "SCTLR_ELx.EE");

static inline bool rw_mmu_off(const struct rig_walk_regs *regs)
{
    return (regs->sctlr & SCTLR_EL1_M_BIT) == 0;
}

/* regime.c */
void rw_half_setup(const struct rig_walk_regs *regs, bool upper, struct rw_half *half);
unsigned rw_physical_bits(const struct rig_walk_regs *regs);
/* [first, last] of the half's translatable addresses within the chunk at base. */
void rw_half_window(const struct rw_half *half, uint64_t base, uint64_t *first, uint64_t *last);
bool rw_address_fits(const struct rw_half *half, uint64_t address, uint64_t descriptor);

static inline unsigned rw_level_shift(const struct rw_half *half, unsigned level)
{
    return half->granule_bits + (RW_LAST_LEVEL - level) * half->stride;
}

/* True when va is the first address of a table at that level: a walk in order goes back up here. */
static inline bool rw_table_wraps(const struct rw_half *half, unsigned level, uint64_t va)
{
    return ((va >> rw_level_shift(half, level)) & ((UINT64_C(1) << half->stride) - 1)) == 0;
}

/* leaf.c */
enum rw_kind rw_classify(const struct rw_half *half, unsigned level, uint64_t descriptor);
void rw_inherit(const struct rw_half *half, uint64_t descriptor, struct rw_inherited *inherited);
void rw_leaf_attributes(const struct rig_walk_regs *regs, const struct rw_half *half,
                        const struct rw_inherited *inherited, uint64_t descriptor,
                        struct rig_walk_attributes *attr);
void rw_flat_attributes(const struct rig_walk_regs *regs, struct rig_walk_attributes *attr);
void rw_remove_rights(struct rig_walk_attributes *attr);

/* walk.c */
enum rig_walk_status rw_read(struct rw_context *context, uint64_t pa, uint64_t *descriptor);
void rw_begin(const struct rw_half *half, uint64_t va, struct rig_walk_result *result);
/* Answer without a table: hole, walks disabled, bad control register, MMU off. */
bool rw_answer_early(const struct rig_walk_regs *regs, const struct rw_half *half,
                     struct rig_walk_result *result);
struct rw_node rw_root(const struct rw_half *half);
/* Read node's entry for result->va. True: *child is the next table. False: result is final. */
bool rw_step(struct rw_context *context, const struct rw_half *half, const struct rw_node *node,
             struct rw_node *child, struct rig_walk_result *result);

#endif
