/* Seeded random choices for the model test: handles of every sort, rights, and what to do next. */
#ifndef TESTS_MODEL_PICK_H
#define TESTS_MODEL_PICK_H

#include "model_cap.h"

enum op {
    OP_INSERT_ROOT,
    OP_LOOKUP,
    OP_COPY,
    OP_DERIVE,
    OP_REVOKE,
    OP_DROP,
    OP_TAKE,
    OP_CHECK_PARK,
    OP_PARK,
    OP_UNPARK,
    OP_DISCARD_PARKED,
    OP_TABLE_CLEAR,
    OP_HAS_ROOM,
    OP_COUNT,
};

struct pick {
    uint64_t random; /* never 0 */
    unsigned mood;
    unsigned favourite; /* the table that fills up at present */
    int newest;         /* in the model's list */
};

struct target {
    unsigned table;
    cap_handle_t handle;
};

void pick_start(struct pick *pick, uint64_t seed);
uint64_t pick_random(struct pick *pick);

/* Another mood: which operations are likely, and how likely deep chains are. */
void pick_mood(struct pick *pick);
enum op pick_op(struct pick *pick);

/* A handle: mostly one that is valid, else stale, of another table, or garbage. */
struct target pick_target(struct pick *pick, const struct model *model);
unsigned pick_table(struct pick *pick);
unsigned pick_endpoint(struct pick *pick);
/* Rights to ask for, given what `target` names. */
uint64_t pick_rights(struct pick *pick, const struct model *model, struct target target);
/* A root to insert, sometimes of a kind that is none. */
struct capability pick_root(struct pick *pick);

#endif
