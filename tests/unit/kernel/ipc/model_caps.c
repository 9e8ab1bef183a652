#include "model_caps.h"

#include <assert.h>

void model_caps_init(struct model_caps *caps)
{
    for (unsigned i = 0; i < MODEL_CAPS; i++) {
        caps->caps[i] = (struct model_cap){.live = false};
    }
}

int model_caps_find(const struct model_caps *caps, unsigned table, cap_handle_t handle)
{
    for (int i = 0; i < (int)MODEL_CAPS; i++) {
        const struct model_cap *cap = &caps->caps[i];

        if (cap->live && cap->table == table && cap->handle.raw == handle.raw) {
            return i;
        }
    }
    return MODEL_NO_CAP;
}

int model_caps_add(struct model_caps *caps, unsigned table, cap_handle_t handle,
                   struct capability cap, int parent)
{
    for (int i = 0; i < (int)MODEL_CAPS; i++) {
        if (!caps->caps[i].live) {
            caps->caps[i] = (struct model_cap){
                .live = true, .table = table, .handle = handle, .cap = cap, .parent = parent};
            return i;
        }
    }
    assert(false && "the model's list is as long as all tables");
    return MODEL_NO_CAP;
}

unsigned model_caps_held(const struct model_caps *caps, unsigned table)
{
    unsigned held = 0;

    for (unsigned i = 0; i < MODEL_CAPS; i++) {
        held += caps->caps[i].live && caps->caps[i].table == table;
    }
    return held;
}

bool model_caps_has_children(const struct model_caps *caps, int id)
{
    for (unsigned i = 0; i < MODEL_CAPS; i++) {
        if (caps->caps[i].live && caps->caps[i].parent == id) {
            return true;
        }
    }
    return false;
}

unsigned model_caps_depth(const struct model_caps *caps, int id)
{
    unsigned depth = 0;

    while (caps->caps[id].parent != MODEL_NO_CAP) {
        id = caps->caps[id].parent;
        depth++;
    }
    return depth;
}

void model_caps_remove(struct model_caps *caps, int id)
{
    for (unsigned i = 0; i < MODEL_CAPS; i++) {
        if (caps->caps[i].live && caps->caps[i].parent == id) {
            caps->caps[i].parent = caps->caps[id].parent;
        }
    }
    caps->caps[id].live = false;
}

void model_caps_revoke(struct model_caps *caps, int id)
{
    bool found = true;

    while (found) {
        found = false;
        for (int i = 0; i < (int)MODEL_CAPS; i++) {
            if (caps->caps[i].live && caps->caps[i].parent == id) {
                model_caps_revoke(caps, i);
                caps->caps[i].live = false;
                found = true;
            }
        }
    }
}
