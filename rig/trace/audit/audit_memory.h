/*
 * What the machine and the spec say of physical addresses, as ascending pieces without overlaps.
 */
#ifndef RIG_AUDIT_MEMORY_H
#define RIG_AUDIT_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "audit_spec.h"
#include "snapshot.h"

/* Where several say something, the highest wins: a spec may declare devices around RAM. */
enum audit_memory_kind {
    AUDIT_NOTHING,
    AUDIT_IO,
    AUDIT_ROM,
    AUDIT_RAM,
    AUDIT_MEMORY_KINDS,
};

struct audit_piece {
    uint64_t first;
    uint64_t last;
    enum audit_memory_kind kind;
};

struct audit_memory {
    struct audit_piece *pieces;
    size_t count;
    size_t room;
    bool known; /* the snapshot tells the machine's memory */
};

/*
 * A mapping cannot be finer than a granule: a device that fills part of one page is all that the
 * page reaches. So what is there counts from the start of its granule to the end.
 */
void audit_memory_make(struct audit_memory *memory, const struct snapshot *snapshot,
                       const struct audit_spec *spec, unsigned granule_bits);
void audit_memory_free(struct audit_memory *memory);

/* What is at pa, and how far that goes; never beyond `last`. NOTHING has a piece, too. */
struct audit_piece audit_memory_at(const struct audit_memory *memory, uint64_t pa, uint64_t last);

/* Append a piece of any meaning; audit_memory_order() then sorts and joins what overlaps. */
void audit_memory_add(struct audit_memory *memory, uint64_t first, uint64_t last,
                      enum audit_memory_kind kind);
void audit_memory_order(struct audit_memory *memory);

#endif
