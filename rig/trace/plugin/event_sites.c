#include "event_sites.h"

#include <stdlib.h>

enum { FIRST_SLOTS = 4096, BATCH = 1024 };

struct site_batch {
    struct site_batch *next;
    struct event_site sites[BATCH];
};

static size_t slot_of(const struct event_sites *sites, const struct event_site *site)
{
    uint64_t hash = (site->pc ^ site->pc_pa << 7 ^ site->opcode) * 0x9e3779b97f4a7c15U;
    return (size_t)(hash >> 32) & (sites->slot_count - 1);
}

static bool same(const struct event_site *site, const struct event_site *wanted)
{
    return site->pc == wanted->pc && site->pc_pa == wanted->pc_pa && site->opcode == wanted->opcode;
}

/* The slot that holds `wanted`, or the empty one where it belongs. */
static struct event_site **find(const struct event_sites *sites, const struct event_site *wanted)
{
    size_t slot = slot_of(sites, wanted);
    while (sites->slots[slot] != NULL && !same(sites->slots[slot], wanted)) {
        slot = (slot + 1) & (sites->slot_count - 1);
    }
    return &sites->slots[slot];
}

/* Keep the table at most half full. */
static bool grow(struct event_sites *sites)
{
    if (sites->count * 2 < sites->slot_count) {
        return true;
    }
    struct event_sites old = *sites;
    sites->slot_count = old.slot_count == 0 ? FIRST_SLOTS : old.slot_count * 2;
    sites->slots = calloc(sites->slot_count, sizeof(void *));
    if (sites->slots == NULL) {
        *sites = old;
        return false;
    }
    for (size_t i = 0; i < old.slot_count; i++) {
        if (old.slots[i] != NULL) {
            *find(sites, old.slots[i]) = old.slots[i];
        }
    }
    free(old.slots);
    return true;
}

static bool new_batch(struct event_sites *sites)
{
    struct site_batch *batch = malloc(sizeof *batch);
    if (batch == NULL) {
        return false;
    }
    batch->next = sites->batches;
    sites->batches = batch;
    sites->batch_left = BATCH;
    return true;
}

struct event_site *event_sites_get(struct event_sites *sites, const struct event_site *wanted)
{
    if (!grow(sites)) {
        return NULL;
    }
    struct event_site **slot = find(sites, wanted);
    if (*slot != NULL) {
        return *slot;
    }
    if (sites->batch_left == 0 && !new_batch(sites)) {
        return NULL;
    }
    struct event_site *site = &sites->batches->sites[--sites->batch_left];
    *site = *wanted;
    *slot = site;
    sites->count++;
    return site;
}

void event_sites_free(struct event_sites *sites)
{
    while (sites->batches != NULL) {
        struct site_batch *next = sites->batches->next;
        free(sites->batches);
        sites->batches = next;
    }
    free(sites->slots);
    *sites = (struct event_sites){0};
}
