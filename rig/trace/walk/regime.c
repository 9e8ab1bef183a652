/* The control registers of the EL1&0 stage 1 regime, decoded half by half. */
#include <string.h>

#include "internal.h"

enum {
    TXSZ_MIN = 16,          /* 48-bit VAs; smaller needs FEAT_LVA or FEAT_LPA2 */
    TXSZ_MIN_LVA = 12,      /* 52-bit VAs */
    TXSZ_MAX = 39,          /* DDI 0487 D8.2, "Input address size configuration" */
    TXSZ_MAX_TTST = 48,     /* FEAT_TTST */
    TXSZ_MAX_TTST_64K = 47, /* FEAT_TTST, 64 KiB granule */
    SIZE_48 = 5,            /* PARange, IPS and PS encodings */
    SIZE_52 = 6,
    TAGGED_TOP_BIT = 55, /* highest bit compared when the top byte is ignored */
    TOP_BIT = 63
};

/* What TCR_EL1 says of one half, or TCR_EL2 of its one range. */
struct tcr_half {
    uint8_t txsz;
    uint8_t granule_bits; /* 0: reserved encoding */
    bool epd;
    bool tbi;
    bool hpd;
    bool e0pd;
    bool ha;
    bool hd;
    bool ds;
    uint8_t output_size; /* IPS or PS */
};

/* Physical address bits of a PARange, IPS or PS encoding; reserved ones count as the largest known.
 */
static unsigned size_bits(unsigned encoding)
{
    static const uint8_t bits[] = {32, 36, 40, 42, 44, 48, 52};
    return bits[encoding > SIZE_52 ? SIZE_52 : encoding];
}

_Static_assert(TCR_EL1_TG0_MASK == TCR_EL2_TG0_MASK && TCR_EL1_TG0_16K == TCR_EL2_TG0_16K &&
                   TCR_EL1_TG0_64K == TCR_EL2_TG0_64K,
               "one decoder for both registers' TG0");

/* TG0 and TG1 encode the same sizes differently: DDI 0487, TCR_EL1. */
static uint8_t granule_bits_lower(uint64_t tcr)
{
    switch (tcr & TCR_EL1_TG0_MASK) {
    case TCR_EL1_TG0_4K:
        return 12;
    case TCR_EL1_TG0_16K:
        return 14;
    case TCR_EL1_TG0_64K:
        return 16;
    default:
        return 0;
    }
}

static uint8_t granule_bits_upper(uint64_t tcr)
{
    switch (tcr & TCR_EL1_TG1_MASK) {
    case TCR_EL1_TG1_4K:
        return 12;
    case TCR_EL1_TG1_16K:
        return 14;
    case TCR_EL1_TG1_64K:
        return 16;
    default:
        return 0;
    }
}

static struct tcr_half tcr_el2(uint64_t tcr)
{
    return (struct tcr_half){.txsz = (uint8_t)RW_FIELD(tcr, TCR_EL2_T0SZ),
                             .granule_bits = granule_bits_lower(tcr),
                             .tbi = (tcr & TCR_EL2_TBI_BIT) != 0,
                             .hpd = (tcr & TCR_EL2_HPD_BIT) != 0,
                             .ha = (tcr & TCR_EL2_HA_BIT) != 0,
                             .hd = (tcr & TCR_EL2_HD_BIT) != 0,
                             .ds = (tcr & TCR_EL2_DS_BIT) != 0,
                             .output_size = (uint8_t)RW_FIELD(tcr, TCR_EL2_PS)};
}

static struct tcr_half tcr_el1(uint64_t tcr, bool upper)
{
    struct tcr_half half = {.ha = (tcr & TCR_EL1_HA_BIT) != 0,
                            .hd = (tcr & TCR_EL1_HD_BIT) != 0,
                            .ds = (tcr & TCR_EL1_DS_BIT) != 0,
                            .output_size = (uint8_t)RW_FIELD(tcr, TCR_EL1_IPS)};

    if (upper) {
        half.txsz = (uint8_t)RW_FIELD(tcr, TCR_EL1_T1SZ);
        half.granule_bits = granule_bits_upper(tcr);
        half.epd = (tcr & TCR_EL1_EPD1_BIT) != 0;
        half.tbi = (tcr & TCR_EL1_TBI1_BIT) != 0;
        half.hpd = (tcr & TCR_EL1_HPD1_BIT) != 0;
        half.e0pd = (tcr & TCR_EL1_E0PD1_BIT) != 0;
    } else {
        half.txsz = (uint8_t)RW_FIELD(tcr, TCR_EL1_T0SZ);
        half.granule_bits = granule_bits_lower(tcr);
        half.epd = (tcr & TCR_EL1_EPD0_BIT) != 0;
        half.tbi = (tcr & TCR_EL1_TBI0_BIT) != 0;
        half.hpd = (tcr & TCR_EL1_HPD0_BIT) != 0;
        half.e0pd = (tcr & TCR_EL1_E0PD0_BIT) != 0;
    }
    return half;
}

static bool granule_implemented(const struct rig_walk_regs *regs, unsigned granule_bits)
{
    uint64_t mmfr0 = regs->id_aa64mmfr0;

    switch (granule_bits) {
    case 12:
        return (mmfr0 & ID_AA64MMFR0_EL1_TGRAN4_MASK) != ID_AA64MMFR0_EL1_TGRAN4_NONE;
    case 14:
        return (mmfr0 & ID_AA64MMFR0_EL1_TGRAN16_MASK) != ID_AA64MMFR0_EL1_TGRAN16_NONE;
    case 16:
        return (mmfr0 & ID_AA64MMFR0_EL1_TGRAN64_MASK) != ID_AA64MMFR0_EL1_TGRAN64_NONE;
    default:
        return false;
    }
}

static unsigned parange(const struct rig_walk_regs *regs)
{
    unsigned encoding = (unsigned)RW_FIELD(regs->id_aa64mmfr0, ID_AA64MMFR0_EL1_PARANGE);
    return encoding > SIZE_52 ? SIZE_52 : encoding;
}

unsigned rw_physical_bits(const struct rig_walk_regs *regs)
{
    return size_bits(parange(regs));
}

/* The smaller of TCR_EL1.IPS (TCR_EL2.PS) and PARange takes effect: DDI 0487 D8.2, "Output address
 * size". */
static unsigned output_size(const struct rig_walk_regs *regs, const struct tcr_half *fields)
{
    unsigned limit = parange(regs);
    return fields->output_size < limit ? fields->output_size : limit;
}

static uint8_t txsz_max(const struct rig_walk_regs *regs, unsigned granule_bits)
{
    if (RW_FIELD(regs->id_aa64mmfr2, ID_AA64MMFR2_EL1_ST) == 0) {
        return TXSZ_MAX;
    }
    return granule_bits == 16 ? TXSZ_MAX_TTST_64K : TXSZ_MAX_TTST;
}

static void set_problem(struct rw_half *half, enum rig_walk_status problem,
                        enum rig_walk_reason reason)
{
    half->problem = problem;
    half->reason = reason;
}

/* True when the half's geometry is known and one this walker handles; sets problem otherwise. */
static bool check_geometry(const struct rig_walk_regs *regs, const struct tcr_half *fields,
                           struct rw_half *half)
{
    if (fields->ds) {
        set_problem(half, RIG_WALK_UNSUPPORTED, RIG_WALK_REASON_TCR_DS);
        return false;
    }
    if (!granule_implemented(regs, half->granule_bits)) {
        set_problem(half, RIG_WALK_UNSUPPORTED, RIG_WALK_REASON_GRANULE);
        return false;
    }
    if (half->txsz < TXSZ_MIN && half->txsz >= TXSZ_MIN_LVA && half->granule_bits == 16 &&
        RW_FIELD(regs->id_aa64mmfr2, ID_AA64MMFR2_EL1_VARANGE) != 0) {
        set_problem(half, RIG_WALK_UNSUPPORTED, RIG_WALK_REASON_VA52);
        return false;
    }
    /* Out of range: level 0 fault or clamped, the implementation's choice (a fault in QEMU). */
    if (half->txsz < TXSZ_MIN || half->txsz > txsz_max(regs, half->granule_bits)) {
        set_problem(half, RIG_WALK_FAULT_TRANSLATION, RIG_WALK_REASON_TXSZ);
        return false;
    }
    if (half->granule_bits == 16 && output_size(regs, fields) == SIZE_52) {
        set_problem(half, RIG_WALK_UNSUPPORTED, RIG_WALK_REASON_OA52);
        return false;
    }
    return true;
}

/* Start level, root address and size from TnSZ and granule: DDI 0487 D8.2, "Lookup levels". */
static void set_geometry(const struct rig_walk_regs *regs, const struct tcr_half *fields,
                         struct rw_half *half)
{
    unsigned size = output_size(regs, fields);
    unsigned index_bits;
    unsigned levels;

    half->input_bits = (uint8_t)(64 - half->txsz);
    half->stride = (uint8_t)(half->granule_bits - 3);
    half->output_bits = (uint8_t)size_bits(size > SIZE_48 ? SIZE_48 : size);
    index_bits = (unsigned)half->input_bits - half->granule_bits;
    levels = (index_bits + half->stride - 1) / half->stride;
    half->start_level = (uint8_t)(RW_LAST_LEVEL + 1 - levels);
    /* The root is aligned to its own size; lower BADDR bits are RES0. */
    half->root_size = UINT64_C(8) << (index_bits - (levels - 1) * half->stride);
    half->root_pa =
        (half->upper ? regs->ttbr1 & TTBR1_EL1_BADDR_MASK : regs->ttbr0 & TTBR0_EL1_BADDR_MASK) &
        ~(half->root_size - 1);
    if (half->root_pa >> half->output_bits != 0) {
        set_problem(half, RIG_WALK_FAULT_ADDRESS_SIZE, RIG_WALK_REASON_TTBR_ADDRESS);
    }
}

void rw_half_setup(const struct rig_walk_regs *regs, bool upper, struct rw_half *half)
{
    bool el2 = rw_is_el2(regs);
    struct tcr_half fields = el2 ? tcr_el2(regs->tcr) : tcr_el1(regs->tcr, upper);
    uint64_t hafdbs = regs->id_aa64mmfr1 & ID_AA64MMFR1_EL1_HAFDBS_MASK;

    memset(half, 0, sizeof(*half));
    half->upper = upper;
    half->el2 = el2;
    half->txsz = fields.txsz;
    half->granule_bits = fields.granule_bits;
    half->walk_disabled = fields.epd;
    half->tbi = fields.tbi;
    half->ignore_table_attributes =
        fields.hpd && RW_FIELD(regs->id_aa64mmfr1, ID_AA64MMFR1_EL1_HPDS) != 0;
    half->el0_refused = fields.e0pd && RW_FIELD(regs->id_aa64mmfr2, ID_AA64MMFR2_EL1_E0PD) != 0;
    half->hardware_access_flag = fields.ha && hafdbs >= ID_AA64MMFR1_EL1_HAFDBS_ACCESS_FLAG;
    half->hardware_dirty =
        half->hardware_access_flag && fields.hd && hafdbs >= ID_AA64MMFR1_EL1_HAFDBS_DIRTY;
    half->pa52_implemented = parange(regs) == SIZE_52;
    if (check_geometry(regs, &fields, half)) {
        set_geometry(regs, &fields, half);
    }
}

/*
 * VA[55] selects the half; the bits from there (or from 63 without TBI) down to the input size must
 * all equal it: DDI 0487 D8.2, "VMSAv8-64 address ranges". A regime with one range wants them all
 * 0, VA[55] too. An empty window is first > last.
 */
void rw_half_window(const struct rw_half *half, uint64_t base, uint64_t *first, uint64_t *last)
{
    uint64_t chunk_last = base | ((UINT64_C(1) << RW_CHUNK_BITS) - 1);
    bool chunk_upper = (base >> RW_CHUNK_BITS & 1) != 0;
    uint64_t top = base >> (TAGGED_TOP_BIT + 1);
    uint64_t top_wanted = half->upper ? (UINT64_C(1) << (TOP_BIT - TAGGED_TOP_BIT)) - 1 : 0;
    uint64_t length;

    *first = base;
    *last = chunk_last;
    if (half->input_bits == 0) {
        return; /* where the hole begins is unknown: the whole chunk gets the half's problem */
    }
    if (chunk_upper != half->upper || (!half->tbi && top != top_wanted)) {
        *first = 1;
        *last = 0;
        return;
    }
    length = UINT64_C(1) << half->input_bits;
    if (half->upper) {
        *first = chunk_last - (length - 1);
    } else {
        *last = base + (length - 1);
    }
}

/*
 * Address size check of a table or output address. With the 64 KiB granule and 52-bit PAs
 * implemented, descriptor bits 15:12 are address bits 51:48, which a 48-bit size must find 0
 * (QEMU 7.2 ignores them there).
 */
bool rw_address_fits(const struct rw_half *half, uint64_t address, uint64_t descriptor)
{
    if (half->granule_bits == 16 && half->pa52_implemented &&
        (descriptor & DESC_LEAF_OA_51_48_64K_MASK) != 0) {
        return false;
    }
    return address >> half->output_bits == 0;
}

void rig_walk_half(const struct rig_walk_regs *regs, int upper, struct rig_walk_half *half)
{
    uint64_t base = upper != 0 ? ~((UINT64_C(1) << RW_CHUNK_BITS) - 1) : 0;
    struct rw_half decoded;

    *half = (struct rig_walk_half){.first_va = 1, .walk_disabled = 1};
    if (upper != 0 && rw_is_el2(regs)) {
        return;
    }
    rw_half_setup(regs, upper != 0, &decoded);
    rw_half_window(&decoded, base, &half->first_va, &half->last_va);
    half->root_pa = decoded.root_pa;
    half->root_size = decoded.root_size;
    half->walk_disabled = decoded.walk_disabled;
    half->start_level = decoded.start_level;
    half->granule_bits = decoded.granule_bits;
    half->input_bits = decoded.input_bits;
    half->output_bits = decoded.output_bits;
    half->status = (uint8_t)decoded.problem;
    half->reason = (uint8_t)decoded.reason;
    half->tbi = decoded.tbi;
}
