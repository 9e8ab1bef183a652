/*
 * What a pack says of an address space, with every expression resolved to a number: which memory is
 * what, which rules judge, what is waived, and the map that is expected. Written by the rig's
 * driver for `rig-trace map|audit --spec FILE` (docs/architecture/address-space.md has the format).
 */
#ifndef RIG_AUDIT_SPEC_H
#define RIG_AUDIT_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

enum { AUDIT_SPEC_ERROR_TEXT = 512 };
#define AUDIT_SPEC_SCHEMA "rig-audit-spec-1"

struct audit_range {
    uint64_t first; /* inclusive, as last */
    uint64_t last;
};

/* A name for a piece of memory, by physical or by virtual address. */
struct audit_region {
    struct audit_range range;
    bool physical;
    bool kernel;      /* the kernel's own: EL0 has no business there */
    const char *name; /* ".text", "boot stack", ... */
};

/* An address range that must not be mapped. */
struct audit_guard {
    struct audit_range range;
    const char *name;
    const char *why;
};

/* Findings of a rule that lie wholly inside a range of virtual addresses are accepted. */
struct audit_waiver {
    const char *rule;
    struct audit_range range;
    const char *why;
    const char *text; /* how the pack wrote the place */
};

/* Where a leaf leads: to one address, or to any frame of RAM. */
enum audit_map_pa { AUDIT_PA_EXACT, AUDIT_PA_ANY_RAM };

/* One line of the expected map. Words are compared with those of the map's own output. */
struct audit_map_line {
    struct audit_range range;
    uint64_t pa;
    const char *el1;          /* "r-x" */
    const char *el0;          /* "---" */
    const char *memory;       /* "Normal WB", "Device-nGnRnE": as space_map_memory_words */
    const char *shareability; /* "inner", "outer", "non"; NULL: not asked (devices) */
    const char *name;         /* what the pack calls it */
    enum audit_map_pa pa_kind;
    bool global;
};

/* Bits of a kind of descriptor whose flip may go unreported. */
struct audit_harmless {
    const char *kind; /* "table", "block", "page" */
    unsigned high;
    unsigned low;
    const char *why;
};

struct audit_spec {
    json_t *json;                 /* owns every text */
    struct audit_region *regions; /* in the order of the file */
    size_t region_count;
    struct audit_range *devices; /* declared device memory, physical */
    size_t device_count;
    struct audit_guard *guards;
    size_t guard_count;
    struct audit_waiver *waivers;
    size_t waiver_count;
    const char **rules; /* the rules that judge; none: all of them */
    size_t rule_count;
    bool has_offset; /* RAM in [offset_range] is mapped at PA + offset */
    uint64_t offset;
    struct audit_range offset_range; /* virtual */
    bool has_map;                    /* an empty expected map says that nothing is mapped */
    struct audit_map_line *map;
    size_t map_count;
    struct audit_harmless *harmless;
    size_t harmless_count;
};

/* Read a spec; EXIT_HELD, or EXIT_USAGE with words that name the file, the key and what is wrong.
 */
int audit_spec_read(struct audit_spec *spec, const char *path,
                    char error[static AUDIT_SPEC_ERROR_TEXT]);
void audit_spec_free(struct audit_spec *spec);

#endif
