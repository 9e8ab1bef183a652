/*
 * Capabilities as a plain list: each one knows where it is and what it was derived from. What the
 * kernel keeps in tables, trees and free lists is found here by looking at everything.
 */
#ifndef TESTS_MODEL_CAPS_H
#define TESTS_MODEL_CAPS_H

#include <stdbool.h>
#include <tyrne/capability.h>

#define MODEL_TASKS 4U
#define MODEL_CAPS  (MODEL_TASKS * CAP_TABLE_SLOTS + MAX_ENDPOINTS)

/* Where a capability is while an endpoint holds it. */
#define MODEL_PARKED CAP_TABLE_PARKED

#define MODEL_NO_CAP (-1)

struct model_cap {
    bool live;
    bool fixed;     /* a filler: the test leaves it alone */
    unsigned table; /* or MODEL_PARKED */
    cap_handle_t handle;
    struct capability cap;
    int parent; /* or MODEL_NO_CAP */
};

struct model_caps {
    struct model_cap caps[MODEL_CAPS];
};

void model_caps_init(struct model_caps *caps);

/* The live capability that `handle` names in `table`, or MODEL_NO_CAP. */
int model_caps_find(const struct model_caps *caps, unsigned table, cap_handle_t handle);

/* A new one; there is room. */
int model_caps_add(struct model_caps *caps, unsigned table, cap_handle_t handle,
                   struct capability cap, int parent);

unsigned model_caps_held(const struct model_caps *caps, unsigned table);
bool model_caps_has_children(const struct model_caps *caps, int id);

/* Steps of derivation above `id`. */
unsigned model_caps_depth(const struct model_caps *caps, int id);

/* `id` is gone; its children have its parent for theirs. */
void model_caps_remove(struct model_caps *caps, int id);

/* Everything below `id` is gone. */
void model_caps_revoke(struct model_caps *caps, int id);

#endif
