/* Random control registers that a guest could write. Bits are literals, after DDI 0487: they check
 * the walker's constants a second time. */
#include "scenario.h"

#define BIT(n) (UINT64_C(1) << (n))

static unsigned field(uint64_t value, unsigned low)
{
    return (unsigned)(value >> low) & 0xf;
}

/* A granule that the CPU implements: TGran4, TGran16, TGran64. */
static unsigned choose_granule(struct random *random, const struct cpu *cpu)
{
    for (;;) {
        switch (random_below(random, 3)) {
        case 0:
            if (field(cpu->id_aa64mmfr0, 28) != 0xf) {
                return 12;
            }
            break;
        case 1:
            if (field(cpu->id_aa64mmfr0, 20) != 0) {
                return 14;
            }
            break;
        default:
            if (field(cpu->id_aa64mmfr0, 24) != 0xf) {
                return 16;
            }
            break;
        }
    }
}

static unsigned txsz_max(const struct cpu *cpu, unsigned granule_bits)
{
    bool ttst = field(cpu->id_aa64mmfr2, 28) != 0;

    return ttst ? (granule_bits == 16 ? 47 : 48) : 39;
}

static unsigned choose_txsz(struct random *random, unsigned max)
{
    const unsigned edges[] = {16, 17, 24, 25, 33, 34, 39, max - 1, max};

    if (random_percent(random, 2)) {
        return random_percent(random, 50) ? 15 : max + 1;
    }
    if (random_percent(random, 2)) {
        return random_percent(random, 50) ? (unsigned)random_below(random, 16)
                                          : max + 1 + (unsigned)random_below(random, 63 - max);
    }
    if (random_percent(random, 30)) {
        return edges[random_below(random, sizeof(edges) / sizeof(edges[0]))];
    }
    return 16 + (unsigned)random_below(random, max - 15);
}

/*
 * Levels and root size from the input and granule sizes. Also for a TnSZ just above its range, so
 * that a walker that takes it finds tables there; any for what cannot be one.
 */
static void set_geometry(struct plan *plan)
{
    unsigned index_bits;
    unsigned levels;

    plan->stride = plan->granule_bits - 3;
    plan->input_bits = 64 - plan->txsz;
    if (plan->txsz < 16 || plan->input_bits <= plan->granule_bits) {
        plan->input_bits = 36;
    }
    index_bits = plan->input_bits - plan->granule_bits;
    levels = (index_bits + plan->stride - 1) / plan->stride;
    plan->start_level = 4 - levels;
    plan->root_size = UINT64_C(8) << (index_bits - (levels - 1) * plan->stride);
}

static void set_output(struct plan *plan, unsigned size)
{
    static const unsigned bits[] = {32, 36, 40, 42, 44, 48, 48, 48};
    unsigned parange = field(plan->cpu.id_aa64mmfr0, 0);

    plan->output_bits = bits[size < parange ? size : parange];
}

static uint64_t flags(struct random *random, unsigned percent, uint64_t bits)
{
    uint64_t result = 0;

    for (uint64_t bit = 1; bit != 0 && bit <= bits; bit <<= 1) {
        if ((bits & bit) != 0 && random_percent(random, percent)) {
            result |= bit;
        }
    }
    return result;
}

/* T0SZ 25 and 4 KiB: what the other half has. */
static uint64_t tcr_el1(struct random *random, const struct plan *plan, unsigned size)
{
    static const unsigned tg0[] = {[12] = 0, [14] = 2, [16] = 1};
    static const unsigned tg1[] = {[12] = 2, [14] = 1, [16] = 3};
    unsigned lower = plan->upper ? 25 : plan->txsz;
    unsigned upper = plan->upper ? plan->txsz : 25;
    uint64_t tcr = lower | (uint64_t)upper << 16 | (uint64_t)size << 32;

    tcr |= (uint64_t)tg0[plan->upper ? 12 : plan->granule_bits] << 14;
    tcr |= (uint64_t)tg1[plan->upper ? plan->granule_bits : 12] << 30;
    tcr |= flags(random, 5, plan->upper ? BIT(23) : BIT(7));              /* EPDn */
    tcr |= flags(random, 30, BIT(37) | BIT(38));                          /* TBIn */
    tcr |= flags(random, 30, BIT(39) | BIT(40));                          /* HA, HD */
    tcr |= flags(random, 25, BIT(41) | BIT(42));                          /* HPDn */
    tcr |= flags(random, 15, BIT(55) | BIT(56));                          /* E0PDn */
    tcr |= flags(random, 30, BIT(22) | BIT(36));                          /* A1, AS */
    tcr |= flags(random, 10, UINT64_C(0xff) << 43);                       /* HWUnnn */
    tcr |= flags(random, 50, UINT64_C(0x3f) << 8 | UINT64_C(0x3f) << 24); /* IRGN, ORGN, SH */
    return tcr;
}

static uint64_t tcr_el2(struct random *random, const struct plan *plan, unsigned size)
{
    static const unsigned tg0[] = {[12] = 0, [14] = 2, [16] = 1};
    uint64_t tcr = plan->txsz | (uint64_t)size << 16 | BIT(31) | BIT(23);

    tcr |= (uint64_t)tg0[plan->granule_bits] << 14;
    tcr |= flags(random, 30, BIT(20) | BIT(21) | BIT(22)); /* TBI, HA, HD */
    tcr |= flags(random, 25, BIT(24));                     /* HPD */
    tcr |= flags(random, 10, UINT64_C(0xf) << 25);         /* HWUnn */
    tcr |= flags(random, 50, UINT64_C(0x3f) << 8);         /* IRGN0, ORGN0, SH0 */
    return tcr;
}

/* Attr7 is Normal Write-Back: what maps the vectors. */
static uint64_t mair(struct random *random)
{
    static const uint8_t usual[] = {0x00, 0x04, 0x08, 0x0c, 0x44, 0xff, 0xbb, 0xf4, 0x4f,
                                    0x77, 0x40, 0xa0, 0xf0, 0x01, 0x0d, 0xee, 0x24};
    uint64_t value = 0xff;

    for (int i = 0; i < 7; i++) {
        uint64_t attr = random_percent(random, 10) ? random_below(random, 256)
                                                   : usual[random_below(random, sizeof(usual))];
        value = value << 8 | attr;
    }
    return value;
}

struct rig_walk_regs controls_make(struct random *random, const struct cpu *cpu, struct plan *plan)
{
    struct rig_walk_regs regs = {.id_aa64mmfr0 = cpu->id_aa64mmfr0,
                                 .id_aa64mmfr1 = cpu->id_aa64mmfr1,
                                 .id_aa64mmfr2 = cpu->id_aa64mmfr2};
    unsigned size = random_percent(random, 50) ? 5 : (unsigned)random_below(random, 8);

    *plan = (struct plan){.cpu = *cpu, .el2 = random_percent(random, 30)};
    plan->upper = !plan->el2 && random_percent(random, 50);
    plan->big_endian = random_percent(random, 8);
    plan->granule_bits = choose_granule(random, cpu);
    plan->txsz = choose_txsz(random, txsz_max(cpu, plan->granule_bits));
    set_geometry(plan);
    set_output(plan, size);
    regs.regime = plan->el2 ? RIG_WALK_REGIME_EL2 : RIG_WALK_REGIME_EL1_0;
    regs.tcr = plan->el2 ? tcr_el2(random, plan, size) : tcr_el1(random, plan, size);
    regs.mair = mair(random);
    regs.sctlr = plan->el2 ? UINT64_C(0x30c50830) : UINT64_C(0x30d00800); /* RES1 */
    regs.sctlr |= flags(random, 97, BIT(0));                              /* M */
    regs.sctlr |= flags(random, 80, BIT(2) | BIT(12));                    /* C, I */
    regs.sctlr |= flags(random, 25, BIT(19));                             /* WXN */
    regs.sctlr |= plan->big_endian ? BIT(25) : 0;                         /* EE */
    return regs;
}
