/*
 * A random life of address spaces beside its model: the operations, each compared with what the
 * model expects, and the checks after each step.
 */
#ifndef TESTS_MM_SPACE_RUN_H
#define TESTS_MM_SPACE_RUN_H

#include "space_model.h"
#include "world.h"

#define HELD_MAX  4U
#define HOARD_MAX 256U

enum operation {
    OP_CREATE,
    OP_DESTROY,
    OP_MAP,
    OP_UNMAP,
    OP_TRANSLATE,
    OP_ACTIVATE,
    OPERATIONS,
};

struct space_run {
    struct seeded random;
    struct world *world;
    struct model_space space[MAX_ADDRESS_SPACES];
    struct model_space *active;  /* NULL: none */
    struct object_ref last_gone; /* a stale reference, once any_gone */
    bool any_gone;
    struct flush_token held[HELD_MAX];
    uint32_t held_count;
    struct flush_batch batch;
    uint32_t emptied;         /* tables that wait for a token or a batch */
    paddr_t hoard[HOARD_MAX]; /* frames taken, so that few are left */
    uint32_t hoarded;
    uint64_t reached[OPERATIONS][STATUS_IN_USE + 1];
};

extern struct space_run run;

void run_check(bool holds, const char *what);

/* A world of `frames` frames with nothing in it. */
void run_world(uint32_t frames);

/* Operations with random arguments, some of them bad. */
void run_create(void);
void run_destroy(void);
void run_map(void);
void run_unmap(void);
void run_translate(void);
void run_activate(void);
void run_deactivate(void);
void run_hoard(void);
void run_release(void);

/* Unmap all pages of a random space, through the batch. */
void run_purge(void);

/* Spend a random held token; all of them and the batch. */
void run_spend_one(void);
void run_spend_all(void);

/* What must hold after every step, and what takes a scan of all tables to see. */
void run_check_step(void);
void run_check_tables(void);

#endif
