#include "bbm_change.h"

#include "live.h"
#include "sysregs.h"

/* Bits of a block or page descriptor that hardware ignores (software's, PBHA): DDI 0487 D8.3.1. */
#define LEAF_IGNORED UINT64_C(0xff80000000000000)

static uint64_t mair_attr(const struct machine_cpu *cpu, uint64_t descriptor)
{
    enum { ATTR_BITS = 8, ATTR_MASK = 0xff };
    uint64_t index = (descriptor & DESC_LEAF_ATTRINDX_MASK) >> DESC_LEAF_ATTRINDX_SHIFT;
    const struct machine_value *mair = &cpu->regs[MACHINE_MAIR_EL1];
    return mair->known ? mair->value >> (index * ATTR_BITS) & ATTR_MASK : index;
}

/* SH means something for cacheable Normal memory only; the rest is Outer Shareable whatever it
 * says: DDI 0487, D8.6.2 "Stage 1 Shareability attributes". */
static bool shareability_counts(const struct machine_cpu *cpu, uint64_t attr)
{
    const uint64_t non_cacheable = 0x44;
    bool device = (attr & MAIR_ATTR_OUTER_MASK) == MAIR_ATTR_OUTER_DEVICE;
    return !cpu->regs[MACHINE_MAIR_EL1].known || (!device && attr != non_cacheable);
}

static bool writable(uint64_t descriptor)
{
    return (descriptor & DESC_LEAF_AP_EL1_RO) == 0 || (descriptor & DESC_LEAF_DBM_BIT) != 0;
}

/* The output address; a block's nT bit, which lies below it, is none of it. */
static uint64_t output_address(unsigned int level, uint64_t descriptor)
{
    enum { LAST_LEVEL = 3, NT_BIT = 16 };
    uint64_t address = descriptor & DESC_LEAF_OA_MASK;
    return level == LAST_LEVEL ? address : address & ~(UINT64_C(1) << NT_BIT);
}

/* An Access flag of 0 keeps a descriptor out of TLBs, unless hardware may set it on its own:
 * DDI 0487, D8.16. */
static bool cacheable_in_tlb(const struct machine_cpu *cpu, uint64_t leaf)
{
    const struct machine_value *tcr = &cpu->regs[MACHINE_TCR_EL1];
    bool by_hardware = !tcr->known || (tcr->value & TCR_EL1_HA_BIT) != 0;
    return by_hardware || (leaf & DESC_LEAF_AF_BIT) != 0;
}

static struct bbm_change leaf_change(const struct machine *machine, const struct machine_cpu *cpu,
                                     unsigned int level, uint64_t before, uint64_t after)
{
    uint64_t differ = before ^ after;
    uint64_t attr = mair_attr(cpu, before);
    if (!cacheable_in_tlb(cpu, before)) {
        return (struct bbm_change){BBM_NONE, NULL};
    }
    if (attr != mair_attr(cpu, after)) {
        return (struct bbm_change){BBM_NEEDED, "the memory type"};
    }
    if ((differ & DESC_LEAF_SH_MASK) != 0 && shareability_counts(cpu, attr)) {
        return (struct bbm_change){BBM_NEEDED, "the shareability"};
    }
    if (output_address(level, before) != output_address(level, after)) {
        /* Read-only twice, with the same content at both places, is allowed; the content is not
         * compared here. */
        enum bbm_need need = writable(before) || writable(after) ? BBM_NEEDED : BBM_ADVISED;
        return (struct bbm_change){need, "the output address"};
    }
    /* D8.17.2, RKHRBC: FEAT_BBML1 and 2 lift it for the Contiguous bit. */
    if ((differ & DESC_LEAF_CONTIGUOUS_BIT) != 0 && machine->features.bbm == 0) {
        return (struct bbm_change){BBM_NEEDED, "the Contiguous bit"};
    }
    if ((before & DESC_LEAF_NG_BIT) != 0 && (after & DESC_LEAF_NG_BIT) == 0) {
        return (struct bbm_change){BBM_NEEDED, "nG, from not global to global"};
    }
    return (struct bbm_change){BBM_NONE, NULL};
}

struct bbm_change bbm_change_of(const struct machine *machine, const struct machine_cpu *cpu,
                                unsigned int level, uint64_t before, uint64_t after)
{
    enum live_kind was = live_kind(level, before);
    enum live_kind is = live_kind(level, after);
    if (was == LIVE_LEAF && is == LIVE_LEAF) {
        return leaf_change(machine, cpu, level, before, after);
    }
    if (was == LIVE_INVALID || is == LIVE_INVALID || was == is) {
        return (struct bbm_change){BBM_NONE, NULL};
    }
    bool may_be_held = was == LIVE_TABLE || cacheable_in_tlb(cpu, before);
    if (machine->features.bbm >= 2 || !may_be_held) {
        return (struct bbm_change){BBM_NONE, NULL};
    }
    return (struct bbm_change){BBM_NEEDED, was == LIVE_TABLE ? "the size, from a table to a block"
                                                             : "the size, from a block to a table"};
}

bool bbm_stale_matters(const struct machine_cpu *cpu, unsigned int level, uint64_t before,
                       uint64_t after)
{
    if (live_kind(level, before) != LIVE_LEAF) {
        return live_kind(level, before) == LIVE_TABLE;
    }
    return cacheable_in_tlb(cpu, before) &&
           ((before ^ after) & ~(LEAF_IGNORED | DESC_LEAF_AF_BIT)) != 0;
}
