#include "audit_scene.h"

#include <stdlib.h>

#include "space_map.h"
#include "sysregs.h"

enum { GRANULE_64K_BITS = 16, PARANGE_52 = 6, FRAME_SIZE_MAX = 65536 };

#define FIELD(value, name) (((value)&name##_MASK) >> name##_SHIFT)

/* HA, and what it takes: DDI 0487 D8.5.1. */
static bool access_flag_by_hardware(const struct rig_walk_regs *regs, bool el2)
{
    uint64_t bit = el2 ? TCR_EL2_HA_BIT : TCR_EL1_HA_BIT;

    return (regs->tcr & bit) != 0 && FIELD(regs->id_aa64mmfr1, ID_AA64MMFR1_EL1_HAFDBS) != 0;
}

static struct audit_half make_half(const struct rig_walk_regs *regs, bool upper, bool el2)
{
    struct audit_half half = {.upper = upper, .root_register = upper ? regs->ttbr1 : regs->ttbr0};
    uint64_t e0pd = upper ? TCR_EL1_E0PD1_BIT : TCR_EL1_E0PD0_BIT;

    rig_walk_half(regs, upper, &half.geometry);
    half.used = half.geometry.walk_disabled == 0 && half.geometry.status == RIG_WALK_OK &&
                (regs->sctlr & SCTLR_EL1_M_BIT) != 0;
    half.el0_refused =
        !el2 && (regs->tcr & e0pd) != 0 && FIELD(regs->id_aa64mmfr2, ID_AA64MMFR2_EL1_E0PD) != 0;
    return half;
}

void audit_scene_begin(struct audit_scene *scene, const struct snapshot *snapshot,
                       const struct audit_spec *spec, const struct audit_memory *memory)
{
    const struct rig_walk_regs *regs = &snapshot->regs;

    *scene = (struct audit_scene){.snapshot = snapshot,
                                  .spec = spec,
                                  .memory = memory,
                                  .regs = *regs,
                                  .el2 = regs->regime == RIG_WALK_REGIME_EL2,
                                  .flat = (regs->sctlr & SCTLR_EL1_M_BIT) == 0,
                                  .wxn = (regs->sctlr & SCTLR_EL1_WXN_BIT) != 0};
    scene->hardware_access_flag = access_flag_by_hardware(regs, scene->el2);
    scene->half_count = scene->el2 ? 1 : 2;
    for (size_t i = 0; i < scene->half_count; i++) {
        scene->halves[i] = make_half(regs, i == 1, scene->el2);
    }
    for (unsigned i = 0; i < AUDIT_MAIR_INDEXES; i++) {
        space_map_memory_words((uint8_t)(regs->mair >> (i * 8)), scene->memory_words[i],
                               AUDIT_MEMORY_WORDS);
    }
}

void audit_scene_free(struct audit_scene *scene)
{
    free(scene->leaves);
    free(scene->tables);
    free(scene->reserved);
    free(scene->frames);
    audit_memory_free(&scene->kernel);
    *scene = (struct audit_scene){0};
}

uint8_t audit_leaf_effective(const struct audit_scene *scene, const struct audit_leaf *leaf)
{
    if (leaf->attr.af == 0 && !scene->hardware_access_flag) {
        return 0;
    }
    if (scene->halves[leaf->upper].el0_refused) {
        return leaf->rights & (AUDIT_EL1_READ | AUDIT_EL1_WRITE | AUDIT_EL1_EXEC);
    }
    return leaf->rights;
}

bool audit_scene_pa52(const struct audit_scene *scene, unsigned granule_bits)
{
    return granule_bits == GRANULE_64K_BITS &&
           FIELD(scene->regs.id_aa64mmfr0, ID_AA64MMFR0_EL1_PARANGE) == PARANGE_52;
}

size_t audit_leaf_at(const struct audit_scene *scene, uint64_t va)
{
    size_t low = 0;
    size_t high = scene->leaf_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (scene->leaves[middle].last_va < va) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

size_t audit_frame_at(const struct audit_scene *scene, uint64_t pa)
{
    uint64_t from = pa < FRAME_SIZE_MAX ? 0 : pa - FRAME_SIZE_MAX + 1;
    size_t low = 0;
    size_t high = scene->frame_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (scene->frames[middle].pa < from) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

bool audit_spend_pair(struct audit_scene *scene)
{
    if (scene->pairs_left == 0) {
        scene->status = RIG_WALK_LIMIT;
        return false;
    }
    scene->pairs_left--;
    return true;
}
