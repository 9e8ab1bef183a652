/* Addresses worth asking about: down the filled entries of the tree, its edges, tags and holes. */
#include "scenario.h"

#define BIT(n) (UINT64_C(1) << (n))

static const struct tree_table *table_at(const struct plan *plan, const struct tree *tree,
                                         uint64_t pa)
{
    for (unsigned i = 0; i < tree->count; i++) {
        if ((tree->table[i].pa & ~(BIT(plan->granule_bits) - 1)) == pa) {
            return &tree->table[i];
        }
    }
    return NULL;
}

/* The offset in a leaf of that size: in the landing area when it covers it. */
static uint64_t offset_in(struct random *random, uint64_t descriptor, uint64_t size)
{
    uint64_t pa = descriptor & UINT64_C(0xfffffffff000) & ~(size - 1);
    uint64_t landing = LAYOUT_LANDING_PA + random_below(random, LAYOUT_LANDING_SIZE);

    if (landing >= pa && landing - pa < size) {
        return landing - pa;
    }
    return random_next(random) & (size - 1);
}

/* Down the tree from its root; below the input size. */
static uint64_t descend(struct random *random, const struct image *image, const struct plan *plan,
                        const struct tree *tree)
{
    const struct tree_table *table = &tree->table[0];
    uint64_t base = table->pa;
    uint64_t entries = plan->root_size / 8;
    uint64_t va = 0;

    for (unsigned level = plan->start_level;; level++) {
        unsigned shift = plan_shift(plan, level);
        uint64_t index = random_below(random, entries);
        uint64_t descriptor;

        if (table != NULL && table->filled_count > 0 && random_percent(random, 92)) {
            index = table->filled[random_below(random, table->filled_count)] & (entries - 1);
        }
        va |= index << shift;
        descriptor = tree_read(image, plan, base + 8 * index);
        base = descriptor & UINT64_C(0xfffffffff000) & ~(BIT(plan->granule_bits) - 1);
        if (level == 3 || (descriptor & 3) != 3 || !image_has(base, BIT(plan->granule_bits))) {
            return va | offset_in(random, descriptor, BIT(shift));
        }
        table = table_at(plan, tree, base);
        entries = BIT(plan->granule_bits) / 8;
    }
}

/* The bits above the input size as the half wants them, or, now and then, not. */
static uint64_t top_bits(struct random *random, const struct plan *plan, uint64_t va)
{
    uint64_t above = ~UINT64_C(0) << plan->input_bits;

    va = plan->upper ? va | above : va & ~above;
    switch (random_below(random, 16)) {
    case 0: /* a tag */
    case 1:
        return va ^ random_next(random) << 56;
    case 3: /* one bit of the hole */
        return va ^ BIT(plan->input_bits + random_below(random, 64 - plan->input_bits));
    default:
        return va;
    }
}

uint64_t address_sample(struct random *random, const struct image *image, const struct plan *plan,
                        const struct tree *tree)
{
    uint64_t va;

    if (random_percent(random, 3)) {
        va = random_next(random);
    } else if (random_percent(random, 3)) { /* what it is when the MMU is off */
        va = LAYOUT_LANDING_PA + random_below(random, LAYOUT_LANDING_SIZE);
    } else {
        va = top_bits(random, plan, descend(random, image, plan, tree));
    }
    return va & ~UINT64_C(3);
}
