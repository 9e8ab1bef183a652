/* The map for programs: schema "rig-map-1". */
#include "json_fields.h"
#include "map_report.h"

static json_t *half_json(const struct space_half *half)
{
    json_t *object = json_object();

    json_put_text(object, "name", half->upper ? "high" : "low");
    json_put_hex(object, "first", true, half->range.first);
    json_put_hex(object, "last", true, half->range.last);
    json_put_hex(object, "root", true, half->root_pa);
    json_put_count(object, "granule", half->granule);
    json_put(object, "used", json_boolean(half->used));
    json_put(object, "problem",
             json_string(half->problem == RIG_WALK_OK ? "" : rig_walk_status_text(half->problem)));
    return object;
}

static json_t *entry_json(const struct space_entry *entry)
{
    const struct rig_walk_run *run = &entry->run;
    const struct rig_walk_attributes *attr = &run->attr;
    char rights[4];
    char memory[64];
    json_t *object = json_object();

    json_put_hex(object, "first", true, run->first_va);
    json_put_hex(object, "last", true, run->last_va);
    json_put_count(object, "size", run->last_va - run->first_va + 1);
    json_put_hex(object, "pa", run->has_pa != 0, run->pa);
    json_put_text(object, "el1", space_map_rights(attr, 1, rights));
    json_put_text(object, "el0", space_map_rights(attr, 0, rights));
    json_put_text(
        object, "memory",
        run->has_pa == 0 ? NULL : space_map_memory_words(attr->mair_attr, memory, sizeof(memory)));
    json_put_count(object, "mair", attr->mair_attr);
    json_put_text(object, "shareability",
                  attr->memory == RIG_WALK_NORMAL ? space_map_shareability_words(attr->shareability)
                                                  : NULL);
    json_put(object, "global", json_boolean(attr->ng == 0));
    json_put(object, "contiguous", json_boolean(attr->contiguous != 0));
    json_put(object, "access_flag", json_boolean(attr->af != 0));
    json_put_count(object, "leaf_min", run->smallest_leaf);
    json_put_count(object, "leaf_max", run->largest_leaf);
    json_put(object, "pan_blocks_el1", json_boolean(attr->pan_blocks_el1 != 0));
    json_put_text(object, "status", rig_walk_status_text(run->status));
    json_put_text(object, "half", run->first_va >> 63 != 0 ? "high" : "low");
    json_put_text(object, "name", entry->name);
    return object;
}

json_t *map_report_json(const struct space_map *map, const struct snapshot *snapshot,
                        const struct map_filter *filter)
{
    json_t *object = json_object();
    json_t *halves = json_array();
    json_t *entries = json_array();

    json_put_text(object, "schema", "rig-map-1");
    json_put(object, "made", json_incref(json_object_get(snapshot->header, "made")));
    json_put(object, "regime", json_incref(json_object_get(snapshot->header, "regime")));
    json_put(object, "mmu", json_boolean(!map->flat));
    for (size_t i = 0; i < map->half_count; i++) {
        json_array_append_new(halves, half_json(&map->halves[i]));
    }
    for (size_t i = 0; i < map->entry_count; i++) {
        if (map_filter_takes(filter, &map->entries[i])) {
            json_array_append_new(entries, entry_json(&map->entries[i]));
        }
    }
    json_put(object, "halves", halves);
    json_put(object, "entries", entries);
    return object;
}
