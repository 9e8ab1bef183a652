/* One answer of QEMU's CPU against one walk. */
#ifndef WALK_COMPARE_H
#define WALK_COMPARE_H

#include <stdbool.h>
#include <stddef.h>

#include "layout.h"
#include "rigwalk.h"

enum { COMPARE_TEXT = 256 };

/* What one probe asked, and the walk that its answers are held against. */
struct question {
    const struct layout_scenario *scenario;
    const struct layout_probe *probe;
    struct rig_walk_regs regs;
    struct rig_walk_result walk;
    bool e0pd; /* EL0 is refused by TCR_EL1.E0PDn */
};

enum who { WHO_EL1, WHO_EL0, WHO_EL2 };

enum agreement {
    AGREES,
    AGREES_BUT_SHAREABILITY, /* all but PAR_EL1.SH of memory whose descriptor has no say in it */
    DISAGREES
};

/* Whether the walk lets the access happen. */
bool compare_at_allowed(const struct question *question, enum layout_at at);
bool compare_jump_allowed(const struct question *question, enum who who);

/* Each says in text what the difference is. */
enum agreement compare_at(const struct question *question, enum layout_at at,
                          char text[static COMPARE_TEXT]);
enum agreement compare_jump(const struct question *question, enum who who,
                            char text[static COMPARE_TEXT]);

/* Whether PAR_EL1 is what follows when a block is taken at a level that has none. */
bool compare_reserved_block(const struct question *question, enum layout_at at);

#endif
