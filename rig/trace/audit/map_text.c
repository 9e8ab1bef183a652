/* The map for people: aligned columns, one line a range. */
#include <inttypes.h>
#include <string.h>

#include "map_report.h"

enum { SIZE_TEXT = 24, WORDS_TEXT = 64 };
#define RED   "\033[31m"
#define GREEN "\033[32m"
#define BLUE  "\033[34m"
#define BOLD  "\033[1m"
#define PLAIN "\033[0m"

const char *map_size_words(uint64_t size, char *buffer, size_t room)
{
    static const char *const UNITS[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    size_t unit = 0;
    uint64_t rest = 0;

    while (size >= 1024 && unit + 1 < sizeof(UNITS) / sizeof(UNITS[0])) {
        rest = size % 1024;
        size /= 1024;
        unit++;
    }
    if (rest == 0 || size >= 100) {
        snprintf(buffer, room, "%" PRIu64 " %s", size, UNITS[unit]);
    } else {
        snprintf(buffer, room, "%" PRIu64 ".%u %s", size, (unsigned)(rest * 10 / 1024),
                 UNITS[unit]);
    }
    return buffer;
}

static void leaf(uint64_t size, char *buffer, size_t room)
{
    static const char UNITS[] = "BKMGT";
    size_t unit = 0;

    while (size >= 1024 && UNITS[unit + 1] != '\0') {
        size /= 1024;
        unit++;
    }
    snprintf(buffer, room, "%" PRIu64 "%c", size, UNITS[unit]);
}

const char *map_leaf_words(const struct rig_walk_run *run, char *buffer, size_t room)
{
    char small[SIZE_TEXT];
    char large[SIZE_TEXT];

    leaf(run->smallest_leaf, small, sizeof(small));
    leaf(run->largest_leaf, large, sizeof(large));
    if (run->smallest_leaf == run->largest_leaf) {
        snprintf(buffer, room, "%s", small);
    } else {
        snprintf(buffer, room, "%s-%s", small, large);
    }
    return buffer;
}

bool map_filter_takes(const struct map_filter *filter, const struct space_entry *entry)
{
    const struct rig_walk_attributes *attr = &entry->run.attr;
    bool el0 = filter->el == 0;
    bool el1 = filter->el > 0;
    bool write = (!el0 && attr->el1_write != 0) || (!el1 && attr->el0_write != 0);
    bool execute = (!el0 && attr->el1_exec != 0) || (!el1 && attr->el0_exec != 0);
    bool any = (el0 && (attr->el0_read | attr->el0_write | attr->el0_exec) != 0) ||
               (el1 && (attr->el1_read | attr->el1_write | attr->el1_exec) != 0) || filter->el < 0;

    if (filter->half >= 0 && filter->half != (int)(entry->run.first_va >> 63)) {
        return false;
    }
    return any && (!filter->write || write) && (!filter->execute || execute) &&
           (!filter->device || (entry->run.has_pa != 0 && attr->memory != RIG_WALK_NORMAL)) &&
           (!filter->user || (attr->el0_read | attr->el0_write | attr->el0_exec) != 0);
}

static const char *colour_of(const struct space_entry *entry)
{
    const struct rig_walk_attributes *attr = &entry->run.attr;

    if (entry->run.status != RIG_WALK_OK ||
        ((attr->el1_write | attr->el0_write) != 0 && (attr->el1_exec | attr->el0_exec) != 0)) {
        return RED;
    }
    if ((attr->el1_exec | attr->el0_exec) != 0) {
        return GREEN;
    }
    return attr->memory != RIG_WALK_NORMAL ? BLUE : "";
}

void map_entry_words(const struct space_entry *entry, char *buffer, size_t room)
{
    const struct rig_walk_attributes *attr = &entry->run.attr;
    char el1[4];
    char el0[4];
    char memory[WORDS_TEXT];
    char leaves[SIZE_TEXT];

    if (entry->run.has_pa == 0) {
        snprintf(buffer, room, "%s", rig_walk_status_text(entry->run.status));
        return;
    }
    map_leaf_words(&entry->run, leaves, sizeof(leaves));
    snprintf(buffer, room, "%s %s %-13s %-5s %s %-5s%s%s%s", space_map_rights(attr, 1, el1),
             space_map_rights(attr, 0, el0),
             space_map_memory_words(attr->mair_attr, memory, sizeof(memory)),
             attr->memory == RIG_WALK_NORMAL ? space_map_shareability_words(attr->shareability)
                                             : "-",
             attr->ng != 0 ? "nG" : "G ", leaves, attr->contiguous != 0 ? " contiguous" : "",
             entry->run.status == RIG_WALK_FAULT_ACCESS_FLAG ? " AF=0" : "",
             attr->guarded != 0 ? " guarded" : "");
}

static void put_entry(const struct space_entry *entry, FILE *out, bool colour)
{
    const struct rig_walk_run *run = &entry->run;
    char size[SIZE_TEXT];
    char words[2 * WORDS_TEXT];

    map_entry_words(entry, words, sizeof(words));
    fprintf(out, "  %s%016" PRIx64 "..%016" PRIx64 " %9s  ", colour ? colour_of(entry) : "",
            run->first_va, run->last_va,
            map_size_words(run->last_va - run->first_va + 1, size, sizeof(size)));
    if (run->has_pa != 0) {
        fprintf(out, "-> %012" PRIx64 "  ", run->pa);
    } else {
        fputs("-> ?             ", out);
    }
    fprintf(out, "%s  %s%s\n", words, entry->name, colour ? PLAIN : "");
}

/* Why the root of a half cannot be used. */
static const char *problem_words(const struct space_half *half, const char *level, char *buffer,
                                 size_t room)
{
    int number = half->upper;

    switch (half->reason) {
    case RIG_WALK_REASON_TXSZ:
        snprintf(buffer, room, "TCR_%s.T%dSZ is out of range", level, number);
        break;
    case RIG_WALK_REASON_TTBR_ADDRESS:
        snprintf(buffer, room, "TTBR%d_%s exceeds the physical address size", number, level);
        break;
    case RIG_WALK_REASON_GRANULE:
        snprintf(buffer, room, "TCR_%s.TG%d names a granule this CPU does not implement", level,
                 number);
        break;
    case RIG_WALK_REASON_TCR_DS:
    case RIG_WALK_REASON_OA52:
    case RIG_WALK_REASON_VA52:
        snprintf(buffer, room, "52-bit addresses (TCR_%s) are not supported", level);
        break;
    default:
        snprintf(buffer, room, "%s", rig_walk_status_text(half->problem));
        break;
    }
    return buffer;
}

static void put_half(const struct space_half *half, const struct space_map *map, const char *level,
                     FILE *out, bool colour)
{
    char size[SIZE_TEXT];
    char words[2 * WORDS_TEXT];

    fprintf(out, "%s%s half%s %016" PRIx64 "..%016" PRIx64, colour ? BOLD : "",
            half->upper ? "high" : "low", colour ? PLAIN : "", half->range.first, half->range.last);
    if (half->used) {
        fprintf(out, "  root %" PRIx64 " (TTBR%d_%s), %s pages\n", half->root_pa, half->upper,
                level, map_size_words(half->granule, size, sizeof(size)));
    } else if (map->flat) {
        fputs("  MMU off: addresses are physical, nothing is translated\n", out);
    } else if (half->problem == RIG_WALK_FAULT_WALK_DISABLED) {
        fprintf(out, "  walks are disabled (TCR_%s.EPD%d): every access faults\n", level,
                half->upper);
    } else {
        fprintf(out, "  not walked: %s\n", problem_words(half, level, words, sizeof(words)));
    }
}

void map_report_text(const struct space_map *map, const struct snapshot *snapshot,
                     const struct map_filter *filter, FILE *out, bool colour)
{
    const char *level = snapshot->regs.regime == RIG_WALK_REGIME_EL2 ? "EL2" : "EL1";
    size_t next = 0;

    const char *variant = snapshot_made(snapshot, "variant");

    fprintf(out, "%s at %s%s%s%s: the %s regime\n", snapshot_made(snapshot, "guest"),
            snapshot_made(snapshot, "checkpoint"), variant[0] == '\0' ? "" : " (", variant,
            variant[0] == '\0' ? "" : ")",
            json_string_value(json_object_get(snapshot->header, "regime")));
    for (size_t i = 0; i < map->half_count; i++) {
        const struct space_half *half = &map->halves[i];
        size_t shown = 0;

        if (filter->half >= 0 && filter->half != (int)i) {
            continue;
        }
        put_half(half, map, level, out, colour);
        for (next = 0; next < map->entry_count; next++) {
            const struct space_entry *entry = &map->entries[next];

            if (entry->run.first_va < half->range.first || entry->run.first_va > half->range.last ||
                !map_filter_takes(filter, entry)) {
                continue;
            }
            if (shown++ == 0) {
                fprintf(out, "  %-34s %9s  %-15s  %s EL0 %-13s %-5s %s %s\n", "from..to", "size",
                        "-> physical", level, "memory", "share", "G", "leaves, what it is");
            }
            put_entry(entry, out, colour);
        }
        if (half->used && shown == 0) {
            fputs("  nothing\n", out);
        }
    }
}
