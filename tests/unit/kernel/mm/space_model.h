/*
 * The model of address spaces: a flat map of (page -> frame, rights) over a fixed universe of
 * pages, and how many tables a tree of it needs.
 */
#ifndef TESTS_MM_SPACE_MODEL_H
#define TESTS_MM_SPACE_MODEL_H

#include <stdbool.h>
#include <stdint.h>
#include <tyrne/address_space.h>

#include "seeded.h"

/* Pages that the model knows: dense clusters, pages around bounds of tables, lonely pages. */
#define UNIVERSE 192U

/* A part of the half that the universe leaves out: 2^39 bytes from here. */
#define MODEL_HOLE_VA (300ULL << 39)

struct model_page {
    bool mapped;
    uint64_t pa;
    enum user_rights rights;
};

struct model_space {
    struct object_ref ref;
    bool live;
    uint32_t pages;
    uint32_t tables;
    struct model_page page[UNIVERSE];
    /* Mapped pages that share the table of level 1 to 3 with page i, at the index of the first such
     * page of the universe. */
    uint16_t sharing[MMU_LEVELS - 1U][UNIVERSE];
};

/* Choose a universe. */
void model_universe(struct seeded *run);

/* The address of page `i` of the universe. */
uint64_t model_va(uint32_t i);

/* An empty space. */
void model_space_init(struct model_space *space, struct object_ref ref);

/* Tables that mapping page `i` needs and that do not exist. */
uint32_t model_missing(const struct model_space *space, uint32_t i);

void model_map(struct model_space *space, uint32_t i, uint64_t pa, enum user_rights rights);

/* The number of tables that this leaves empty. */
uint32_t model_unmap(struct model_space *space, uint32_t i);

#endif
