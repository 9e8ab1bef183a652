/*
 * Which rights a descriptor gives, and who takes which of them away. Every line is the walker's own
 * answer, with what comes later put out of effect: so this cannot say anything else than the walk.
 */
#ifndef RIG_WALK_RIGHTS_H
#define RIG_WALK_RIGHTS_H

#include <stdbool.h>
#include <stddef.h>

#include "snapshot.h"

/* The descriptor; a table at each of three levels; WXN, E0PD, AF, EPD. */
enum { WALK_RIGHTS_MAX = 8, WALK_RIGHTS_TEXT = 128 };

struct walk_right {
    char who[WALK_RIGHTS_TEXT]; /* "the page's descriptor", "the level 1 table: ...", ... */
    char el1[4];                /* what is left behind it */
    char el0[4];
    bool takes; /* it is less than before */
};

struct walk_rights {
    struct walk_right lines[WALK_RIGHTS_MAX];
    size_t count; /* 0: nothing is mapped there */
};

/* The registers with walks of both halves enabled: what the tables would say. */
struct rig_walk_regs walk_without_epd(const struct rig_walk_regs *from);

/* `result` is the walk with the snapshot's registers. */
void walk_rights_of(const struct snapshot *snapshot, const struct rig_walk_result *result,
                    struct walk_rights *rights);

#endif
