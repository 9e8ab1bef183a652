/* The map: runs of the walker that are mapped, with what each is. */
#include "space_map.h"

#include <stdlib.h>
#include <string.h>

#include "memory.h"

struct builder {
    struct space_map *map;
    size_t room;
    bool full; /* SPACE_MAP_ENTRIES lines, and there are more */
    const struct snapshot *snapshot;
    const struct audit_spec *spec;
};

static bool worth_a_line(const struct rig_walk_run *run)
{
    return run->has_pa != 0 || run->status == RIG_WALK_READ_FAILED ||
           run->status == RIG_WALK_FAULT_ADDRESS_SIZE;
}

static int take_run(void *user, const struct rig_walk_run *run)
{
    struct builder *builder = user;
    struct space_map *map = builder->map;
    struct space_entry *entry;

    if (!worth_a_line(run)) {
        return 0;
    }
    if (map->entry_count == SPACE_MAP_ENTRIES) {
        builder->full = true;
        return 1;
    }
    map->entries =
        memory_grow(map->entries, map->entry_count, &builder->room, sizeof(*map->entries));
    entry = &map->entries[map->entry_count++];
    entry->run = *run;
    if (run->has_pa != 0) {
        space_map_name(builder->snapshot, builder->spec, run->first_va, run->pa,
                       run->last_va - run->first_va + 1, entry->name, sizeof(entry->name));
    } else if (run->status == RIG_WALK_READ_FAILED) {
        snprintf(entry->name, sizeof(entry->name), "its table cannot be read");
    } else {
        snprintf(entry->name, sizeof(entry->name), "leads above the output address size");
    }
    return 0;
}

static void describe_half(const struct rig_walk_regs *regs, bool upper, struct space_half *half)
{
    struct rig_walk_half geometry;

    rig_walk_half(regs, upper, &geometry);
    *half = (struct space_half){
        .upper = upper,
        .used = geometry.walk_disabled == 0 && geometry.status == RIG_WALK_OK,
        .range = {geometry.first_va, geometry.last_va},
        .root_pa = geometry.root_pa,
        .granule = geometry.granule_bits == 0 ? 0 : 1U << geometry.granule_bits,
        .problem = geometry.walk_disabled != 0 ? RIG_WALK_FAULT_WALK_DISABLED
                                               : (enum rig_walk_status)geometry.status,
        .reason = (enum rig_walk_reason)geometry.reason,
    };
}

enum rig_walk_status space_map_build(struct space_map *map, const struct snapshot *snapshot,
                                     const struct rig_walk_regs *regs, rig_walk_read_u64 read,
                                     void *ctx, const struct audit_spec *spec)
{
    struct builder builder = {.map = map, .snapshot = snapshot, .spec = spec};
    enum rig_walk_status worst = RIG_WALK_OK;

    memset(map, 0, sizeof(*map));
    map->flat = (regs->sctlr & 1) == 0;
    map->half_count = regs->regime == RIG_WALK_REGIME_EL2 ? 1 : 2;
    for (size_t i = 0; i < map->half_count; i++) {
        struct space_half *half = &map->halves[i];

        describe_half(regs, i != 0, half);
        half->used = half->used && !map->flat;
        if (half->used) {
            enum rig_walk_status status =
                rig_walk_range(regs, read, ctx, half->range.first, half->range.last, take_run,
                               &builder, SPACE_MAP_READS);

            worst = status != RIG_WALK_OK ? status : worst;
        }
    }
    return builder.full ? RIG_WALK_LIMIT : worst;
}

void space_map_free(struct space_map *map)
{
    free(map->entries);
    memset(map, 0, sizeof(*map));
}
