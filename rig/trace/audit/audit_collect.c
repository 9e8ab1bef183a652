/* The pass over the tables that fills a scene's lists. */
#include <stdlib.h>

#include "audit_scene.h"
#include "memory.h"
#include "space_map.h"
#include "sysregs.h"

enum { OA_BITS = 48 };

#define FIELD(value, name) (((value)&name##_MASK) >> name##_SHIFT)

/* Where the pass stands. */
struct pass {
    struct audit_scene *scene;
    const struct audit_half *half;
    size_t path[AUDIT_LEVELS + 1]; /* scene->tables by the level of the table they point to */
};

/*
 * The registers that make the walker say what descriptors grant, whatever else takes it away: no
 * WXN, no E0PD, and a hardware-managed access flag, so that a leaf whose flag is clear is told like
 * any other. Hardware dirty state must not come to life by that.
 */
static struct rig_walk_regs relaxed(const struct audit_scene *scene)
{
    struct rig_walk_regs regs = scene->regs;

    regs.sctlr &= ~SCTLR_EL1_WXN_BIT;
    regs.id_aa64mmfr2 &= ~ID_AA64MMFR2_EL1_E0PD_MASK;
    if (!scene->hardware_access_flag) {
        regs.tcr |= scene->el2 ? TCR_EL2_HA_BIT : TCR_EL1_HA_BIT;
        regs.id_aa64mmfr1 &= ~ID_AA64MMFR1_EL1_HAFDBS_MASK;
        regs.id_aa64mmfr1 |= ID_AA64MMFR1_EL1_HAFDBS_ACCESS_FLAG;
    }
    return regs;
}

static uint8_t rights_of(const struct rig_walk_attributes *attr)
{
    return (uint8_t)((attr->el1_read != 0 ? AUDIT_EL1_READ : 0) |
                     (attr->el1_write != 0 ? AUDIT_EL1_WRITE : 0) |
                     (attr->el1_exec != 0 ? AUDIT_EL1_EXEC : 0) |
                     (attr->el0_read != 0 ? AUDIT_EL0_READ : 0) |
                     (attr->el0_write != 0 ? AUDIT_EL0_WRITE : 0) |
                     (attr->el0_exec != 0 ? AUDIT_EL0_EXEC : 0));
}

/* DDI 0487 D8.4.1.2.3: what a level may write, WXN keeps it from executing. */
static uint8_t with_wxn(uint8_t rights)
{
    unsigned left = rights;

    if ((left & AUDIT_EL1_WRITE) != 0) {
        left &= ~(unsigned)AUDIT_EL1_EXEC;
    }
    if ((left & AUDIT_EL0_WRITE) != 0) {
        left &= ~(unsigned)AUDIT_EL0_EXEC;
    }
    return (uint8_t)left;
}

/* AUDIT_TABLE_* of one table descriptor, before HPD. */
static unsigned table_limits(uint64_t descriptor)
{
    return ((descriptor & DESC_TABLE_APTABLE_NO_EL0) != 0 ? AUDIT_TABLE_NO_EL0 : 0U) |
           ((descriptor & DESC_TABLE_APTABLE_READ_ONLY) != 0 ? AUDIT_TABLE_READ_ONLY : 0U) |
           ((descriptor & DESC_TABLE_PXNTABLE_BIT) != 0 ? AUDIT_TABLE_PXN : 0U) |
           ((descriptor & DESC_TABLE_UXNTABLE_BIT) != 0 ? AUDIT_TABLE_UXN : 0U);
}

/* What the leaf's own fields give and the tables above it take. */
static unsigned taken_rights(const struct audit_scene *scene, uint64_t descriptor, unsigned limits,
                             uint8_t given)
{
    unsigned taken = 0;

    if (scene->el2) {
        limits &= AUDIT_TABLE_READ_ONLY | AUDIT_TABLE_UXN;
    } else if ((limits & AUDIT_TABLE_NO_EL0) != 0 && (descriptor & DESC_LEAF_AP_ALL_RW) != 0) {
        taken |= AUDIT_TABLE_NO_EL0;
    }
    if ((limits & AUDIT_TABLE_READ_ONLY) != 0 && (descriptor & DESC_LEAF_AP_EL1_RO) == 0 &&
        (given & AUDIT_EL1_WRITE) == 0) {
        taken |= AUDIT_TABLE_READ_ONLY;
    }
    /* What EL0 may write, EL1 does not execute in any case. */
    if ((limits & AUDIT_TABLE_PXN) != 0 && (descriptor & DESC_LEAF_PXN_BIT) == 0 &&
        (descriptor & DESC_LEAF_AP_MASK) != DESC_LEAF_AP_ALL_RW) {
        taken |= AUDIT_TABLE_PXN;
    }
    if ((limits & AUDIT_TABLE_UXN) != 0 && (descriptor & DESC_LEAF_UXN_BIT) == 0) {
        taken |= AUDIT_TABLE_UXN;
    }
    return taken;
}

/* TCR_ELx.HPDn with FEAT_HPDS: table attributes are ignored. */
static bool limits_ignored(const struct audit_scene *scene, bool upper)
{
    uint64_t bit = upper ? TCR_EL1_HPD1_BIT : TCR_EL1_HPD0_BIT;

    if (scene->el2) {
        bit = TCR_EL2_HPD_BIT;
    }
    return (scene->regs.tcr & bit) != 0 &&
           FIELD(scene->regs.id_aa64mmfr1, ID_AA64MMFR1_EL1_HPDS) != 0;
}

/* The limits of the tables above a leaf; each table counts what it takes. */
static unsigned apply_limits(struct pass *pass, const struct rig_walk_entry *entry, uint8_t given)
{
    const struct rig_walk_result *result = &entry->result;
    unsigned all = 0;

    if (limits_ignored(pass->scene, result->upper != 0)) {
        return 0;
    }
    for (unsigned i = 0; i + 1 < result->step_count; i++) {
        unsigned limits = table_limits(result->steps[i].descriptor);
        struct audit_table *table;
        unsigned taken;

        if (limits == 0) {
            continue;
        }
        table = &pass->scene->tables[pass->path[result->steps[i].level + 1U]];
        taken = taken_rights(pass->scene, result->steps[result->step_count - 1U].descriptor, limits,
                             given);
        for (unsigned kind = 0; kind < AUDIT_TABLE_KINDS; kind++) {
            table->taken[kind] += taken >> kind & 1U;
        }
        all |= limits;
    }
    return all;
}

/* The descriptor without the output address, which may differ within a run. */
static uint64_t without_address(uint64_t descriptor, uint64_t size)
{
    return descriptor & ~(((UINT64_C(1) << OA_BITS) - 1) & ~(size - 1));
}

static bool continues(const struct audit_leaf *run, const struct audit_leaf *leaf)
{
    return run->last_va + 1 == leaf->first_va && run->size == leaf->size &&
           run->upper == leaf->upper && run->tables == leaf->tables && run->given == leaf->given &&
           run->fits == leaf->fits &&
           (leaf->fits == 0 || audit_leaf_last_pa(run) + 1 == leaf->pa) &&
           without_address(run->descriptor, run->size) ==
               without_address(leaf->descriptor, leaf->size);
}

static int add_leaf(struct pass *pass, const struct rig_walk_entry *entry)
{
    struct audit_scene *scene = pass->scene;
    const struct rig_walk_result *result = &entry->result;
    const struct rig_walk_step *step = &result->steps[result->step_count - 1U];
    uint8_t given = rights_of(&result->attr);
    struct audit_leaf leaf = {.first_va = result->va,
                              .last_va = entry->last_va,
                              .pa = result->pa,
                              .size = result->size,
                              .count = 1,
                              .descriptor = step->descriptor,
                              .descriptor_pa = step->descriptor_pa,
                              .attr = result->attr,
                              .given = given,
                              .rights = scene->wxn ? with_wxn(given) : given,
                              .level = result->level,
                              .granule_bits = entry->granule_bits,
                              .upper = result->upper,
                              .fits = result->has_pa};

    leaf.tables = (uint8_t)apply_limits(pass, entry, given);
    if (scene->leaf_count > 0 && continues(&scene->leaves[scene->leaf_count - 1], &leaf)) {
        scene->leaves[scene->leaf_count - 1].last_va = leaf.last_va;
        scene->leaves[scene->leaf_count - 1].count++;
        return 0;
    }
    if (scene->leaf_count == AUDIT_LEAVES_MAX) {
        scene->status = RIG_WALK_LIMIT;
        return 1;
    }
    scene->leaves = memory_grow(scene->leaves, scene->leaf_count, &scene->leaf_room, sizeof(leaf));
    scene->leaves[scene->leaf_count++] = leaf;
    return 0;
}

static int push_table(struct pass *pass, const struct audit_table *table)
{
    struct audit_scene *scene = pass->scene;

    if (scene->table_count == AUDIT_TABLES_MAX) {
        scene->status = RIG_WALK_LIMIT;
        return 1;
    }
    scene->tables =
        memory_grow(scene->tables, scene->table_count, &scene->table_room, sizeof(*table));
    pass->path[table->level] = scene->table_count;
    scene->tables[scene->table_count++] = *table;
    return 0;
}

static int add_table(struct pass *pass, const struct rig_walk_entry *entry)
{
    const struct rig_walk_result *result = &entry->result;
    const struct rig_walk_step *step = &result->steps[result->step_count - 1U];
    struct audit_table table = {.first_va = result->va,
                                .last_va = entry->last_va,
                                .pa = result->pa,
                                .size = UINT64_C(1) << entry->granule_bits,
                                .descriptor = step->descriptor,
                                .descriptor_pa = step->descriptor_pa,
                                .level = (uint8_t)(result->level + 1U),
                                .granule_bits = entry->granule_bits,
                                .upper = result->upper,
                                .status = result->status};

    if (step->read == 0) {
        /* No descriptor at all: it cannot be read. The table that it is in is what is told. */
        pass->scene->descriptors--;
        pass->scene->tables[pass->path[step->level]].status = RIG_WALK_READ_FAILED;
        return 0;
    }
    for (unsigned level = entry->start_level; level <= result->level; level++) {
        const struct audit_table *above = &pass->scene->tables[pass->path[level]];

        table.looped |= table.status == RIG_WALK_OK && table.pa >= above->pa &&
                        table.pa - above->pa < above->size;
    }
    return push_table(pass, &table);
}

static int add_reserved(struct pass *pass, const struct rig_walk_entry *entry)
{
    struct audit_scene *scene = pass->scene;
    const struct rig_walk_result *result = &entry->result;
    const struct rig_walk_step *step = &result->steps[result->step_count - 1U];

    if (scene->reserved_count == AUDIT_TABLES_MAX) {
        scene->status = RIG_WALK_LIMIT;
        return 1;
    }
    scene->reserved = memory_grow(scene->reserved, scene->reserved_count, &scene->reserved_room,
                                  sizeof(scene->reserved[0]));
    scene->reserved[scene->reserved_count++] =
        (struct audit_reserved){.first_va = result->va,
                                .last_va = entry->last_va,
                                .descriptor = step->descriptor,
                                .descriptor_pa = step->descriptor_pa,
                                .level = result->level};
    return 0;
}

static int visit(void *user, const struct rig_walk_entry *entry)
{
    struct pass *pass = user;

    pass->scene->descriptors++;
    switch (entry->kind) {
    case RIG_WALK_ENTRY_TABLE:
        return add_table(pass, entry);
    case RIG_WALK_ENTRY_LEAF:
        return add_leaf(pass, entry);
    default:
        return add_reserved(pass, entry);
    }
}

static int by_address(const void *left_item, const void *right_item)
{
    const struct audit_frame *left = left_item;
    const struct audit_frame *right = right_item;

    if (left->pa != right->pa) {
        return left->pa > right->pa ? 1 : -1;
    }
    return (left->table > right->table) - (left->table < right->table);
}

/* Each frame once. */
static void make_frames(struct audit_scene *scene)
{
    size_t count = 0;

    if (scene->frame_room < scene->table_count) {
        free(scene->frames);
        scene->frame_room = scene->table_count;
        scene->frames = memory_get(scene->frame_room, sizeof(scene->frames[0]));
    }
    for (size_t i = 0; i < scene->table_count; i++) {
        const struct audit_table *table = &scene->tables[i];

        if (table->status != RIG_WALK_FAULT_ADDRESS_SIZE) {
            scene->frames[count++] = (struct audit_frame){.pa = table->pa,
                                                          .size = table->size,
                                                          .table = i,
                                                          .levels = (uint8_t)(1U << table->level),
                                                          .halves = (uint8_t)(1U << table->upper),
                                                          .looped = table->looped != 0};
        }
    }
    scene->frame_count = 0;
    if (count == 0) {
        return;
    }
    qsort(scene->frames, count, sizeof(scene->frames[0]), by_address);
    for (size_t i = 0; i < count; i++) {
        const struct audit_frame *frame = &scene->frames[i];
        struct audit_frame *last =
            scene->frame_count == 0 ? NULL : &scene->frames[scene->frame_count - 1];

        if (last == NULL || last->pa != frame->pa) {
            scene->frames[scene->frame_count++] = *frame;
            continue;
        }
        last->size = frame->size > last->size ? frame->size : last->size;
        last->levels |= frame->levels;
        last->halves |= frame->halves;
        last->looped |= frame->looped;
    }
}

/* The frames behind the spec's kernel regions: those of virtual ones are what is mapped there. */
static void make_kernel(struct audit_scene *scene)
{
    scene->kernel.count = 0;
    for (size_t i = 0; i < scene->spec->region_count; i++) {
        const struct audit_region *region = &scene->spec->regions[i];
        const struct audit_range *range = &region->range;

        if (!region->kernel) {
            continue;
        }
        if (region->physical) {
            audit_memory_add(&scene->kernel, range->first, range->last, AUDIT_RAM);
            continue;
        }
        for (size_t at = audit_leaf_at(scene, range->first);
             at < scene->leaf_count && scene->leaves[at].first_va <= range->last; at++) {
            const struct audit_leaf *leaf = &scene->leaves[at];
            uint64_t first = leaf->first_va > range->first ? leaf->first_va : range->first;
            uint64_t last = leaf->last_va < range->last ? leaf->last_va : range->last;

            if (leaf->fits != 0) {
                audit_memory_add(&scene->kernel, leaf->pa + (first - leaf->first_va),
                                 leaf->pa + (last - leaf->first_va), AUDIT_RAM);
            }
        }
    }
    audit_memory_order(&scene->kernel);
}

static void collect_half(struct pass *pass, const struct rig_walk_regs *regs,
                         rig_walk_read_u64 read, void *ctx)
{
    const struct rig_walk_half *geometry = &pass->half->geometry;
    struct audit_table root = {.first_va = geometry->first_va,
                               .last_va = geometry->last_va,
                               .pa = geometry->root_pa,
                               .size = geometry->root_size,
                               .descriptor = pass->half->root_register,
                               .level = geometry->start_level,
                               .granule_bits = geometry->granule_bits,
                               .upper = pass->half->upper,
                               .root = 1};
    enum rig_walk_status status;

    if (push_table(pass, &root) != 0) {
        return;
    }
    status = rig_walk_entries(regs, read, ctx, geometry->first_va, geometry->last_va, visit, pass,
                              SPACE_MAP_READS);
    if (status == RIG_WALK_LIMIT) {
        pass->scene->status = RIG_WALK_LIMIT;
    }
}

void audit_scene_collect(struct audit_scene *scene, rig_walk_read_u64 read, void *ctx)
{
    struct rig_walk_regs regs = relaxed(scene);

    scene->leaf_count = 0;
    scene->table_count = 0;
    scene->reserved_count = 0;
    scene->descriptors = 0;
    scene->status = RIG_WALK_OK;
    scene->pairs_left = AUDIT_PAIRS_MAX;
    for (size_t i = 0; i < scene->half_count && scene->status == RIG_WALK_OK; i++) {
        struct pass pass = {.scene = scene, .half = &scene->halves[i]};

        if (pass.half->used) {
            collect_half(&pass, &regs, read, ctx);
        }
    }
    make_frames(scene);
    make_kernel(scene);
}
