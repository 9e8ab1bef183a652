/*
 * A naive model of the capability space: a plain list of live capabilities, each with its parent's
 * place in the list. It knows what capability.h promises and nothing of how the kernel does it:
 * which free slot a capability gets is the kernel's choice, which the model checks and then
 * follows.
 */
#ifndef TESTS_MODEL_CAP_H
#define TESTS_MODEL_CAP_H

#include <tyrne/capability.h>

#define MODEL_NONE (-1)

/* A slot; in table CAP_TABLE_PARKED the endpoint is the slot. */
struct model_place {
    unsigned table;
    unsigned slot;
};

struct model_cap {
    bool live;
    struct capability cap;
    int parent; /* in the list, or MODEL_NONE */
    unsigned depth;
    struct model_place place;
};

/* How often something happened that a random run might miss. */
struct model_events {
    uint64_t revoked_in_other_tables;
    uint64_t revoked_parked;
    uint64_t delivered_null;
    uint64_t moved_with_children;
    uint64_t lifted_by_clear;
    uint64_t lifted_by_discard;
    uint64_t lifted_to_roots;
    uint64_t discarded_nothing;
    uint64_t tables_filled;
    uint64_t depth_16;
    uint64_t slots_retired;
    uint64_t tables_retired; /* the last slot of a table was retired */
};

#define MODEL_STALE 256U

struct model {
    struct model_cap list[CAP_SLOTS];
    int at[CAP_TABLES + 1][CAP_TABLE_SLOTS]; /* in the list, or MODEL_NONE */
    uint32_t generation[CAP_TABLES][CAP_TABLE_SLOTS];
    /* What the last operation changed, for a quick comparison. */
    struct model_place touched[2 * CAP_SLOTS];
    unsigned touched_count;
    /* Handles that named something once. */
    struct {
        unsigned table;
        cap_handle_t handle;
    } stale[MODEL_STALE];
    unsigned stale_count;
    const char *fault; /* what was wrong about a handle that the kernel gave */
    struct model_events events;
};

/* An empty space; the events go on counting. */
void model_init(struct model *model);

/* The handle of the live capability `index`, which is not parked. */
cap_handle_t model_handle(const struct model *model, int index);
/* What `handle` names in `table`, or MODEL_NONE. */
int model_find(const struct model *model, unsigned table, cap_handle_t handle);
bool model_has_children(const struct model *model, int index);
bool model_has_room(const struct model *model, unsigned table);
bool model_is_parked(const struct model *model, unsigned endpoint);

/*
 * The operations: each gives the status that the kernel must have given, and follows it if that is
 * OK. `given` is the handle that the kernel gave.
 */
status_t model_insert_root(struct model *model, unsigned table, struct capability cap,
                           cap_handle_t given);
status_t model_lookup(struct model *model, unsigned table, cap_handle_t handle,
                      struct capability *cap);
status_t model_copy(struct model *model, unsigned table, cap_handle_t source, uint64_t rights,
                    unsigned to, cap_handle_t given);
status_t model_derive(struct model *model, unsigned table, cap_handle_t source, uint64_t rights,
                      unsigned to, cap_handle_t given);
status_t model_revoke(struct model *model, unsigned table, cap_handle_t handle);
status_t model_take(struct model *model, unsigned table, cap_handle_t handle,
                    struct capability *cap);
status_t model_check_park(struct model *model, unsigned table, cap_handle_t handle);
status_t model_park(struct model *model, unsigned table, cap_handle_t handle, unsigned endpoint);
status_t model_unpark(struct model *model, unsigned endpoint, unsigned table, cap_handle_t given);
void model_discard_parked(struct model *model, unsigned endpoint);
void model_table_clear(struct model *model, unsigned table);

#endif
