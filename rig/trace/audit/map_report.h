/* The map, and the difference of two, for people and for programs. */
#ifndef RIG_MAP_REPORT_H
#define RIG_MAP_REPORT_H

#include <stdbool.h>
#include <stdio.h>

#include <jansson.h>

#include "space_map.h"

/* Which lines are wanted. */
struct map_filter {
    int half;     /* 0 low, 1 high, -1 both */
    int el;       /* the level of `rights`: 0, 1 or 2; -1: any */
    bool write;   /* lines that the level may write */
    bool execute; /* lines that it may execute */
    bool device;  /* Device memory */
    bool user;    /* anything that EL0 may do */
};

bool map_filter_takes(const struct map_filter *filter, const struct space_entry *entry);

/* "2 MiB", "4 KiB", "127.5 MiB": three digits at most. */
const char *map_size_words(uint64_t size, char *buffer, size_t room);
/* "4K", "2M", "4K-2M": the leaves of a run. */
const char *map_leaf_words(const struct rig_walk_run *run, char *buffer, size_t room);

void map_report_text(const struct space_map *map, const struct snapshot *snapshot,
                     const struct map_filter *filter, FILE *out, bool colour);
json_t *map_report_json(const struct space_map *map, const struct snapshot *snapshot,
                        const struct map_filter *filter);

/* The columns of one line, without its addresses: what two maps are compared by. */
void map_entry_words(const struct space_entry *entry, char *buffer, size_t room);

/*
 * What two maps differ in, as lines with `-` and `+` and what changed in words, and the registers
 * of the walk that differ. Returns how many differences there are. The lists may be NULL.
 */
size_t map_difference(const struct space_map *old_map, const struct snapshot *old_snapshot,
                      const struct space_map *new_map, const struct snapshot *new_snapshot,
                      FILE *out, json_t *registers, json_t *lines);

#endif
