/* The fields of a descriptor in words (DDI 0487 D8.3, "Translation table descriptor formats"). */
#ifndef RIG_WALK_FIELDS_H
#define RIG_WALK_FIELDS_H

#include <stddef.h>
#include <stdint.h>

#include "rigwalk.h"

enum { WALK_FIELDS_MAX = 16, WALK_FIELD_TEXT = 128 };

struct walk_field {
    const char *name;
    unsigned bits; /* how wide it is */
    uint64_t value;
    char means[WALK_FIELD_TEXT];
};

/* The fields of a page or block; those that are rarely set only when they are. Returns how many. */
size_t walk_leaf_fields(const struct rig_walk_regs *regs, uint64_t descriptor,
                        struct walk_field fields[static WALK_FIELDS_MAX]);

/* What a table descriptor takes away from all that is below it; the same. */
size_t walk_table_fields(const struct rig_walk_regs *regs, uint64_t descriptor,
                         struct walk_field fields[static WALK_FIELDS_MAX]);

#endif
