#include "site_counts.h"

#include <stdlib.h>

#include "memory.h"

static size_t *slot_of(const struct site_counts *sites, uint64_t pc, uint32_t opcode)
{
    uint64_t hash = (pc >> 2 ^ (uint64_t)opcode << 32) * 0x9e3779b97f4a7c15;
    size_t at = (size_t)(hash >> 20) & (sites->slot_count - 1);
    while (sites->slots[at] != 0) {
        const struct site_count *site = &sites->items[sites->slots[at] - 1];
        if (site->pc == pc && site->opcode == opcode) {
            break;
        }
        at = (at + 1) & (sites->slot_count - 1);
    }
    return &sites->slots[at];
}

/* At most half of the slots are taken, so that each search ends. */
static void make_room(struct site_counts *sites)
{
    if (2 * (sites->count + 1) <= sites->slot_count) {
        return;
    }
    free(sites->slots);
    sites->slot_count = sites->slot_count == 0 ? 256 : 2 * sites->slot_count;
    sites->slots = memory_get(sites->slot_count, sizeof(sites->slots[0]));
    for (size_t i = 0; i < sites->count; i++) {
        *slot_of(sites, sites->items[i].pc, sites->items[i].opcode) = i + 1;
    }
}

uint64_t site_counts_add(struct site_counts *sites, uint64_t pc, uint32_t opcode)
{
    make_room(sites);
    size_t *slot = slot_of(sites, pc, opcode);
    if (*slot == 0) {
        sites->items =
            memory_grow(sites->items, sites->count, &sites->room, sizeof(sites->items[0]));
        sites->items[sites->count++] = (struct site_count){.pc = pc, .opcode = opcode};
        *slot = sites->count;
    }
    return ++sites->items[*slot - 1].count;
}

void site_counts_free(struct site_counts *sites)
{
    free(sites->items);
    free(sites->slots);
    *sites = (struct site_counts){0};
}
