/*
 * The map of a snapshot's address space in plain words: neighbours of one meaning merged, with what
 * each range is. One map serves the text, the JSON, the difference of two, and the audit.
 */
#ifndef RIG_SPACE_MAP_H
#define RIG_SPACE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "audit_spec.h"
#include "rigwalk.h"
#include "snapshot.h"

/* One half of the address space (in the EL2 regime there is only the low one). */
struct space_half {
    bool upper;
    bool used; /* walks from it are enabled and its geometry is one that the walker knows */
    struct audit_range range;
    uint64_t root_pa;
    unsigned granule; /* bytes; 0 when not known */
    enum rig_walk_status problem;
    enum rig_walk_reason reason;
};

/* One line of the map. */
struct space_entry {
    struct rig_walk_run run;
    char name[160]; /* what it is: regions, devices, "RAM"; never empty */
};

struct space_map {
    bool flat; /* the MMU is off: addresses are physical */
    struct space_half halves[2];
    size_t half_count;
    struct space_entry *entries; /* what is mapped, ascending */
    size_t entry_count;
};

/* How many descriptors a map may take to read. A map that needs more is no map of a kernel. */
#define SPACE_MAP_READS (UINT64_C(1) << 24)
/* Nor is one of more lines: a GiB of pages without any order would have as many. */
#define SPACE_MAP_ENTRIES ((size_t)1 << 18)

/*
 * Walk both halves. `spec` may be NULL: names then come from the machine only. `regs` is the
 * snapshot's, or a variation of it. Returns RIG_WALK_OK; RIG_WALK_LIMIT when the map would be too
 * large; RIG_WALK_STOPPED when the reader says so. Runs whose tables could not be read are entries,
 * too (run.status is RIG_WALK_READ_FAILED). With the MMU off there are no entries.
 */
enum rig_walk_status space_map_build(struct space_map *map, const struct snapshot *snapshot,
                                     const struct rig_walk_regs *regs, rig_walk_read_u64 read,
                                     void *ctx, const struct audit_spec *spec);
void space_map_free(struct space_map *map);

/* The words of the map's columns; the same in text, JSON and packs. Return `buffer`. */
const char *space_map_rights(const struct rig_walk_attributes *attr, unsigned level,
                             char buffer[static 4]); /* level 0 or 1 (1: EL2 in its regime) */
const char *space_map_memory_words(uint8_t mair_attr, char *buffer, size_t size);
const char *space_map_shareability_words(uint8_t shareability);

/* What lies at [pa, pa + size): regions of the spec that overlap it, else the machine's words. */
void space_map_name(const struct snapshot *snapshot, const struct audit_spec *spec, uint64_t va,
                    uint64_t pa, uint64_t size, char *buffer, size_t buffer_size);

#endif
