#include "space_model.h"

#include <string.h>

#define CLUSTERS      4U
#define CLUSTER_PAGES 32U

static uint64_t universe[UNIVERSE];
static uint32_t chosen;

/* The first page of the universe in the same table of `level` (1 to 3) as page i. */
static uint32_t first_in_table[MMU_LEVELS - 1U][UNIVERSE];

/* Bytes below one table of `level`. */
static uint64_t span(unsigned level)
{
    return 1ULL << (12U + 9U * (MMU_LEVELS - level));
}

static void add(uint64_t va)
{
    va = va % USER_VA_END / PAGE_SIZE * PAGE_SIZE;
    if (chosen == UNIVERSE || va / span(1) == MODEL_HOLE_VA / span(1)) {
        return;
    }
    for (uint32_t i = 0; i < chosen; i++) {
        if (universe[i] == va) {
            return;
        }
    }
    universe[chosen] = va;
    chosen++;
}

void model_universe(struct seeded *run)
{
    chosen = 0;
    add(0);
    add(USER_VA_END - PAGE_SIZE);
    for (unsigned cluster = 0; cluster < CLUSTERS; cluster++) {
        uint64_t base = seeded_next(run);

        for (uint64_t i = 0; i < CLUSTER_PAGES; i++) {
            add(base + i * PAGE_SIZE);
        }
    }
    /* Both sides of a bound of a table of each level, and the next tables. */
    for (unsigned level = 1; level < MMU_LEVELS; level++) {
        uint64_t bound = seeded_next(run) / span(level) * span(level);

        add(bound - PAGE_SIZE);
        add(bound);
        add(bound + PAGE_SIZE);
        add(bound + span(level));
        add(bound + 2 * span(level) - PAGE_SIZE);
    }
    while (chosen < UNIVERSE) {
        add(seeded_next(run));
    }
    for (unsigned level = 1; level < MMU_LEVELS; level++) {
        for (uint32_t i = 0; i < UNIVERSE; i++) {
            uint32_t first = 0;

            while (universe[first] / span(level) != universe[i] / span(level)) {
                first++;
            }
            first_in_table[level - 1U][i] = first;
        }
    }
}

uint64_t model_va(uint32_t i)
{
    return universe[i];
}

void model_space_init(struct model_space *space, struct object_ref ref)
{
    memset(space, 0, sizeof(*space));
    space->ref = ref;
    space->live = true;
}

uint32_t model_missing(const struct model_space *space, uint32_t i)
{
    uint32_t missing = 0;

    for (unsigned level = 1; level < MMU_LEVELS; level++) {
        missing += space->sharing[level - 1U][first_in_table[level - 1U][i]] == 0;
    }
    return missing;
}

void model_map(struct model_space *space, uint32_t i, uint64_t pa, enum user_rights rights)
{
    space->tables += model_missing(space, i);
    space->pages++;
    space->page[i] = (struct model_page){true, pa, rights};
    for (unsigned level = 1; level < MMU_LEVELS; level++) {
        space->sharing[level - 1U][first_in_table[level - 1U][i]]++;
    }
}

uint32_t model_unmap(struct model_space *space, uint32_t i)
{
    uint32_t emptied;

    for (unsigned level = 1; level < MMU_LEVELS; level++) {
        space->sharing[level - 1U][first_in_table[level - 1U][i]]--;
    }
    emptied = model_missing(space, i);
    space->page[i].mapped = false;
    space->pages--;
    space->tables -= emptied;
    return emptied;
}
