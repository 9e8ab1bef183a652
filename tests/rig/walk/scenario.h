/*
 * Scenarios: register values, tables and addresses to ask about, all from a seed. The other half of
 * the EL1&0 regime maps the vectors; in the EL2 regime the last page of the range does.
 */
#ifndef WALK_SCENARIO_H
#define WALK_SCENARIO_H

#include "image.h"
#include "random.h"
#include "rigwalk.h"

/* What the CPU implements; what a scenario must know before it is asked. */
struct cpu {
    uint64_t id_aa64mmfr0;
    uint64_t id_aa64mmfr1;
    uint64_t id_aa64mmfr2;
};

/* The half that a scenario is about. */
struct plan {
    struct cpu cpu;
    bool el2;
    bool upper;
    bool big_endian;
    unsigned granule_bits;
    unsigned txsz;
    unsigned stride;
    unsigned input_bits;
    unsigned start_level;
    unsigned output_bits;
    uint64_t root_size;
};

enum { TREE_TABLES = 12, TREE_FILLED = 24 };

/* A table, and which of its entries were filled in. */
struct tree_table {
    uint64_t pa;
    unsigned level;
    unsigned filled_count;
    uint32_t filled[TREE_FILLED];
};

struct tree {
    struct tree_table table[TREE_TABLES]; /* the first one is the root */
    unsigned count;
};

/* controls.c: register values but TTBRn of the half, and the plan that they make. */
struct rig_walk_regs controls_make(struct random *random, const struct cpu *cpu, struct plan *plan);

/* tree.c */
void tree_grow(struct random *random, struct image *image, const struct plan *plan,
               struct tree *tree);
/* Map the last page of the range to the vectors; returns its VA. */
uint64_t tree_map_vectors(struct image *image, const struct plan *plan, const struct tree *tree);
static inline unsigned plan_shift(const struct plan *plan, unsigned level)
{
    return plan->granule_bits + (3 - level) * plan->stride;
}
uint64_t tree_read(const struct image *image, const struct plan *plan, uint64_t pa);

/* addresses.c: one address, word-aligned. */
uint64_t address_sample(struct random *random, const struct image *image, const struct plan *plan,
                        const struct tree *tree);

/*
 * Make the scenarios of a seed: scenario number first_index + i is the same in every image with the
 * same cpu and heap before it.
 */
void scenarios_make(struct image *image, const struct cpu *cpu, uint64_t seed, uint64_t count,
                    uint64_t probes);

/*
 * Whether the host knows all that a walk of the scenario reads: it stays in the scenario's own
 * tables and the areas that nobody writes, or ends where nothing is. The rest of the RAM is written
 * during the run: by the guest, by QEMU, and by the hardware updates of other scenarios' tables.
 */
bool scenario_knows(const struct layout_scenario *scenario, const struct rig_walk_result *walk);

/* The walker's view of a scenario. */
struct rig_walk_regs scenario_regs(const struct layout_scenario *scenario, const struct cpu *cpu);

#endif
