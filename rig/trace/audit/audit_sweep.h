/*
 * The frame index: which leaves share which physical memory. Leaves are sorted by physical address
 * and the address moves up over them; between two edges the set of leaves that map what lies there
 * does not change. Leaves with the right that a rule asks for are found in lists, so that memory
 * which is mapped a thousand times costs no more than what there is to report.
 */
#ifndef RIG_AUDIT_SWEEP_H
#define RIG_AUDIT_SWEEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "audit_scene.h"

enum audit_list {
    AUDIT_LIST_EL1_EXEC,
    AUDIT_LIST_EL1_WRITE, /* what EL0 may write, EL1 may as well */
    AUDIT_LIST_EL0_EXEC,
    AUDIT_LIST_EL0_DATA,
    AUDIT_LIST_EL0_WRITE,
    AUDIT_LIST_RIGHTS, /* how many there are */
    /* Behind these: one list for each set of memory attributes, see audit_sweep.classes. */
};

/* Attribute indexes times shareabilities. */
enum { AUDIT_CLASSES_MAX = 32, AUDIT_CLASS_NONE = 0xff };

/* Memory attributes as DDI 0487 B2.11 compares them. Bytes only: compares with memcmp. */
struct audit_class {
    uint8_t memory; /* enum rig_walk_memory */
    uint8_t inner;  /* cache policy: AUDIT_NON_CACHEABLE, ... */
    uint8_t outer;
    uint8_t shareability;
};
enum { AUDIT_NON_CACHEABLE, AUDIT_WRITE_THROUGH, AUDIT_WRITE_BACK };

struct audit_sweep;

struct audit_segment {
    uint64_t first;
    uint64_t last;
    const struct audit_sweep *sweep;
};

#define AUDIT_LEAF_NONE SIZE_MAX

/* Go through a list: the first leaf of it, the next one; AUDIT_LEAF_NONE at its end. */
size_t audit_segment_first(const struct audit_segment *segment, unsigned list);
size_t audit_segment_next(const struct audit_segment *segment, unsigned list, size_t leaf);
/* The first of the list that is not `leaf`. */
size_t audit_segment_other(const struct audit_segment *segment, unsigned list, size_t leaf);
/* The virtual address at which a leaf maps the segment's first byte. */
uint64_t audit_segment_va(const struct audit_segment *segment, const struct audit_leaf *leaf);

size_t audit_segment_classes(const struct audit_segment *segment);
const struct audit_class *audit_segment_class(const struct audit_segment *segment, size_t number);
static inline unsigned audit_class_list(size_t number)
{
    return AUDIT_LIST_RIGHTS + (unsigned)number;
}

/* Memory attributes of a leaf as they take effect; false: a reserved encoding. */
bool audit_class_of(const struct rig_walk_attributes *attr, struct audit_class *made);
/* "Normal Write-Back, inner shareable", "Device-nGnRE". */
void audit_class_words(const struct audit_class *class, char *text, size_t size);

void audit_sweep_scene(struct audit_scene *scene,
                       void (*visit)(void *user, const struct audit_segment *segment), void *user);

#endif
