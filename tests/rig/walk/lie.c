/* Walkers that are wrong in one way each. */
#include "lie.h"

#include "scenario.h"

#define BIT(n) (UINT64_C(1) << (n))

const struct lie lies[] = {
    {.name = "wxn", .sctlr = BIT(19)},
    {.name = "endianness", .sctlr = BIT(25)},
    {.name = "mmu", .sctlr = BIT(0)},
    {.name = "epd", .tcr_el1 = BIT(7) | BIT(23)},
    {.name = "tbi", .tcr_el1 = BIT(37) | BIT(38), .tcr_el2 = BIT(20)},
    {.name = "hpd", .tcr_el1 = BIT(41) | BIT(42), .tcr_el2 = BIT(24)},
    {.name = "txsz", .tcr_el1 = BIT(0) | BIT(16), .tcr_el2 = BIT(0)},
    {.name = "granule", .tcr_el1 = BIT(14) | BIT(30), .tcr_el2 = BIT(14)},
    {.name = "output-size", .tcr_el1 = BIT(32) | BIT(34), .tcr_el2 = BIT(16) | BIT(18)},
    {.name = "access-flag-update", .tcr_el1 = BIT(39), .tcr_el2 = BIT(21)},
    {.name = "dirty-state", .tcr_el1 = BIT(40), .tcr_el2 = BIT(22)},
    {.name = "e0pd", .tcr_el1 = BIT(55) | BIT(56)},
    {.name = "mair", .mair = UINT64_C(0x4040404040404040)},
    {.name = "pan", .no_pan = true},
    {.name = "regime", .other_regime = true},
    {.name = "aptable-no-el0", .descriptor_clear = BIT(61)},
    {.name = "aptable-read-only", .descriptor_clear = BIT(62)},
    {.name = "uxntable", .descriptor_clear = BIT(60)},
    {.name = "pxntable", .descriptor_clear = BIT(59)},
    {.name = "uxn", .descriptor_clear = BIT(54)},
    {.name = "pxn", .descriptor_clear = BIT(53)},
    {.name = "ap-el0", .descriptor_set = BIT(6)},
    {.name = "ap-read-only", .descriptor_clear = BIT(7)},
    {.name = "af", .descriptor_set = BIT(10)},
    {.name = "shareability", .descriptor_set = BIT(8)},
    {.name = "attrindx", .descriptor_clear = BIT(2)},
    {.name = "valid", .descriptor_set = BIT(0)},
    {.name = "type", .descriptor_set = BIT(1)},
    {.name = "address", .pa = 0x1000},
    {.name = "word", .pa = 4},
    {.name = "level", .level = true},
    {.name = "fault-kind", .fault_kind = true},
};
const size_t lie_count = sizeof(lies) / sizeof(lies[0]);

struct lying_reader {
    const struct image *image;
    uint64_t clear; /* bits of a descriptor, in its byte order */
    uint64_t set;
};

static int read_lying(void *ctx, uint64_t pa, uint64_t *value)
{
    const struct lying_reader *reader = ctx;

    if (!image_has(pa, 8)) {
        return 1;
    }
    *value = image_read(reader->image, pa);
    *value = (*value & ~reader->clear) | reader->set;
    return 0;
}

struct rig_walk_result lie_walk(const struct lie *lie, const struct rig_walk_regs *regs,
                                const struct image *image, uint64_t va, uint64_t ignored)
{
    static const struct lie none = {.name = "none"};
    const struct lie *told = lie != NULL ? lie : &none;
    uint64_t clear = told->descriptor_clear | ignored;
    bool big_endian = (regs->sctlr & BIT(25)) != 0;
    struct lying_reader reader = {.image = image,
                                  .clear = big_endian ? __builtin_bswap64(clear) : clear,
                                  .set = big_endian ? __builtin_bswap64(told->descriptor_set)
                                                    : told->descriptor_set};
    struct rig_walk_regs changed = *regs;
    struct rig_walk_result result;

    changed.sctlr ^= told->sctlr;
    changed.tcr ^= regs->regime == RIG_WALK_REGIME_EL2 ? told->tcr_el2 : told->tcr_el1;
    changed.regime ^= told->other_regime ? 1 : 0;
    changed.mair ^= told->mair;
    changed.pstate &= told->no_pan ? 0 : ~UINT64_C(0);
    (void)rig_walk(&changed, read_lying, &reader, va, &result);
    result.pa ^= told->pa;
    result.level ^= told->level ? 1 : 0;
    if (told->fault_kind && result.status == RIG_WALK_FAULT_TRANSLATION) {
        result.status = RIG_WALK_FAULT_ADDRESS_SIZE;
    }
    return result;
}
