/* Scenarios as the guest gets them. */
#include "scenario.h"

#include "lie.h"

#define BIT(n) (UINT64_C(1) << (n))

enum { NOTHING_TTBR_PERCENT = 2, BIG_TTBR_PERCENT = 3 };

struct rig_walk_regs scenario_regs(const struct layout_scenario *scenario, const struct cpu *cpu)
{
    return (struct rig_walk_regs){.sctlr = scenario->sctlr,
                                  .tcr = scenario->tcr,
                                  .ttbr0 = scenario->ttbr0,
                                  .ttbr1 = scenario->ttbr1,
                                  .mair = scenario->mair,
                                  .id_aa64mmfr0 = cpu->id_aa64mmfr0,
                                  .id_aa64mmfr1 = cpu->id_aa64mmfr1,
                                  .id_aa64mmfr2 = cpu->id_aa64mmfr2,
                                  .regime = scenario->regime};
}

/* The root's address with what else a TTBR holds; sometimes one that does not fit, or where nothing
 * is. */
static uint64_t make_ttbr(struct random *random, const struct plan *plan, const struct tree *tree)
{
    uint64_t ttbr = tree->table[0].pa;

    if (random_percent(random, NOTHING_TTBR_PERCENT)) {
        ttbr = (LAYOUT_NOTHING_PA + random_below(random, UINT64_C(0x10000000))) & ~UINT64_C(0xffff);
    } else if (random_percent(random, BIG_TTBR_PERCENT) && plan->output_bits < 48) {
        ttbr |= BIT(plan->output_bits + random_below(random, 48 - plan->output_bits));
    }
    if (random_percent(random, 5)) {
        ttbr |= random_next(random) & (plan->root_size - 1) & ~UINT64_C(1); /* RES0 */
    }
    if (!plan->el2) {
        ttbr |= random_next(random) << 48; /* ASID */
    }
    return ttbr | random_below(random, 2); /* CnP */
}

/* The address from which the vectors' code can be reached, whatever the half under test maps. */
static uint64_t map_vectors(struct image *image, const struct plan *plan, const struct tree *tree,
                            struct rig_walk_regs *regs)
{
    uint64_t good = LAYOUT_GOOD_PA + (plan->big_endian ? 0x1000 : 0);
    uint64_t upper_base = ~UINT64_C(0) << 39;

    if (plan->el2) {
        uint64_t va = tree_map_vectors(image, plan, tree);
        return (regs->sctlr & 1) != 0 ? va : LAYOUT_VECTORS_PA;
    }
    if (plan->upper) {
        regs->ttbr0 = good;
        return LAYOUT_VECTORS_PA;
    }
    regs->ttbr1 = good;
    return (regs->sctlr & 1) != 0 ? upper_base | LAYOUT_VECTORS_PA : LAYOUT_VECTORS_PA;
}

static bool in_landing(uint64_t pa)
{
    return pa >= LAYOUT_LANDING_PA && pa - LAYOUT_LANDING_PA < LAYOUT_LANDING_SIZE;
}

bool scenario_knows(const struct layout_scenario *scenario, const struct rig_walk_result *walk)
{
    for (unsigned i = 0; i < walk->step_count; i++) {
        uint64_t pa = walk->steps[i].descriptor_pa;
        bool own = pa >= scenario->tables_pa && pa < scenario->tables_end;
        bool fixed = (pa >= LAYOUT_VECTORS_PA && pa < LAYOUT_HEADER_PA) || in_landing(pa);
        bool nothing = pa >= LAYOUT_NOTHING_PA && pa < LAYOUT_NOTHING_END;

        if (!own && !fixed && !nothing) {
            return false;
        }
    }
    return true;
}

/*
 * Whether a jump to va surely comes back: to the landing area, or by a fault. With the 64 KiB
 * granule, descriptor bits 15:12 do not count, as QEMU ignores them (judge.h).
 */
static bool may_jump(const struct layout_scenario *scenario, const struct rig_walk_regs *regs,
                     unsigned granule_bits, const struct image *image, uint64_t va)
{
    uint64_t ignored = granule_bits == 16 ? UINT64_C(0xf000) : 0;
    struct rig_walk_result result = lie_walk(NULL, regs, image, va, ignored);

    if (!scenario_knows(scenario, &result)) {
        return false;
    }
    switch (result.status) {
    case RIG_WALK_OK:
        return in_landing(result.pa);
    case RIG_WALK_FAULT_TRANSLATION:
        /* QEMU takes blocks at every level, and would jump to wherever they lead. */
        return result.reason != RIG_WALK_REASON_RESERVED || result.level == 3;
    case RIG_WALK_FAULT_ADDRESS_SIZE:
    case RIG_WALK_FAULT_ACCESS_FLAG:
    case RIG_WALK_FAULT_WALK_DISABLED:
    case RIG_WALK_FAULT_HOLE:
        return true;
    default:
        return false;
    }
}

static bool vectors_work(const struct rig_walk_regs *regs, const struct image *image, uint64_t vbar)
{
    struct rig_walk_result result = lie_walk(NULL, regs, image, vbar, 0);

    return result.status == RIG_WALK_OK && result.attr.el1_exec != 0 &&
           result.pa == LAYOUT_VECTORS_PA;
}

static void make_one(struct image *image, const struct cpu *cpu, struct random *random,
                     struct layout_scenario *scenario, uint64_t probes)
{
    struct tree tree;
    struct plan plan;
    struct rig_walk_regs regs = controls_make(random, cpu, &plan);
    uint64_t tables = image->heap;
    uint64_t vbar;
    bool jumps;

    tree_grow(random, image, &plan, &tree);
    vbar = map_vectors(image, &plan, &tree, &regs);
    *(plan.upper ? &regs.ttbr1 : &regs.ttbr0) = make_ttbr(random, &plan, &tree);
    jumps = vectors_work(&regs, image, vbar);
    *scenario = (struct layout_scenario){.sctlr = regs.sctlr,
                                         .tcr = regs.tcr,
                                         .ttbr0 = regs.ttbr0,
                                         .ttbr1 = regs.ttbr1,
                                         .mair = regs.mair,
                                         .vbar = vbar,
                                         .regime = regs.regime,
                                         .probe_count = probes,
                                         .tables_pa = tables,
                                         .tables_end = image->heap};
    scenario->probes_pa = image_take(image, probes * sizeof(struct layout_probe), 8);
    for (uint64_t i = 0; i < probes; i++) {
        struct layout_probe *probe = image_probe(image, scenario, i);

        probe->va = address_sample(random, image, &plan, &tree);
        if (jumps && may_jump(scenario, &regs, plan.granule_bits, image, probe->va)) {
            probe->execute = plan.el2 ? BIT(EXECUTE_PRIVILEGED_BIT)
                                      : BIT(EXECUTE_PRIVILEGED_BIT) | BIT(EXECUTE_EL0_BIT);
        }
    }
}

void scenarios_make(struct image *image, const struct cpu *cpu, uint64_t seed, uint64_t count,
                    uint64_t probes)
{
    struct layout_header *header = image_header(image);

    header->scenario_count = count;
    header->scenarios_pa = image_take(image, count * sizeof(struct layout_scenario), 8);
    for (uint64_t i = 0; i < count; i++) {
        struct random random = random_start(seed, i);

        make_one(image, cpu, &random, image_scenario(image, i), probes);
    }
}
