/* Random trees of translation tables: every kind of descriptor, loops, rubbish. */
#include "scenario.h"

#define BIT(n) (UINT64_C(1) << (n))

/* The share of each kind of descriptor, in percent; the rest is tables. */
enum { RUBBISH = 3, INVALID = 5, RESERVED = 5, LEAVES = 50 };

static uint64_t entries_of(const struct plan *plan, const struct tree_table *table,
                           const struct tree *tree)
{
    uint64_t size = table == tree->table ? plan->root_size : BIT(plan->granule_bits);

    return size / 8;
}

uint64_t tree_read(const struct image *image, const struct plan *plan, uint64_t pa)
{
    uint64_t value = image_read(image, pa);

    return plan->big_endian ? __builtin_bswap64(value) : value;
}

static void put(struct image *image, const struct plan *plan, uint64_t pa, uint64_t descriptor)
{
    image_write(image, pa, plan->big_endian ? __builtin_bswap64(descriptor) : descriptor);
}

/* Where a leaf leads: often so that it covers the landing area. */
static uint64_t output_address(struct random *random, uint64_t size)
{
    uint64_t pa;

    switch (random_below(random, 20)) {
    case 0:
    case 1:
    case 2:
        pa = LAYOUT_RAM_BASE + random_below(random, LAYOUT_RAM_SIZE);
        break;
    case 3:
    case 4:
        pa = random_next(random) & 0xffffffff;
        break;
    case 5:
    case 6:
        pa = random_next(random) >> (16 + random_below(random, 17));
        break;
    default:
        pa = LAYOUT_LANDING_PA + random_below(random, LAYOUT_LANDING_SIZE);
        break;
    }
    return pa & ~(size - 1);
}

/* Attributes of a leaf; bits that mean nothing there now and then, too. */
static uint64_t leaf_attributes(struct random *random, const struct plan *plan)
{
    uint64_t bits = random_next(random) & (UINT64_C(0xff) << 2 | BIT(11)); /* AttrIndx..SH, nG */

    if (plan->el2 && random_percent(random, 90)) {
        bits |= BIT(6); /* AP[1] is RES1 */
    }
    bits |= random_percent(random, 92) ? BIT(10) : 0; /* AF */
    bits |= random_percent(random, 15) ? BIT(52) : 0; /* contiguous */
    bits |= random_percent(random, 20) ? BIT(51) : 0; /* DBM */
    bits |= random_percent(random, 10) ? BIT(50) : 0; /* GP */
    bits |= random_percent(random, 30) ? BIT(53) : 0; /* PXN */
    bits |= random_percent(random, 30) ? BIT(54) : 0; /* UXN, XN */
    bits |= random_percent(random, 15) ? random_next(random) & UINT64_C(0x1ff) << 55 : 0;
    return bits;
}

static bool block_exists(const struct plan *plan, unsigned level)
{
    return level == 2 || (level == 1 && plan->granule_bits == 12);
}

static uint64_t leaf(struct random *random, const struct plan *plan, unsigned level)
{
    uint64_t size = BIT(plan_shift(plan, level));
    uint64_t descriptor = output_address(random, size) | leaf_attributes(random, plan);

    if (random_percent(random, 5)) {
        descriptor |= random_next(random) & (size - 1) & ~UINT64_C(0xfff); /* RES0 */
    }
    if (random_percent(random, 3)) {
        descriptor |= random_next(random) & UINT64_C(3) << 48; /* RES0 without TCR_ELx.DS */
    }
    return descriptor | (level == 3 ? 3 : 1);
}

static uint64_t next_table(struct random *random, const struct plan *plan, unsigned level,
                           const struct tree *tree)
{
    uint64_t granule = BIT(plan->granule_bits);
    unsigned chance = (unsigned)random_below(random, 100);
    const struct tree_table *child = NULL;

    if (chance < 3) {
        return random_next(random) >> 16 & ~(granule - 1);
    }
    if (chance < 6) {
        return (LAYOUT_NOTHING_PA + random_below(random, UINT64_C(0x10000000))) & ~(granule - 1);
    }
    /* One of the next level; now and then any: a loop, or a table used at two levels. */
    for (int tries = 0; tries < 30; tries++) {
        child = &tree->table[random_below(random, tree->count)];
        if (child->level == level + 1 || chance < 16) {
            break;
        }
    }
    return child->pa & ~(granule - 1);
}

static uint64_t table_descriptor(struct random *random, const struct plan *plan, unsigned level,
                                 const struct tree *tree)
{
    uint64_t descriptor = next_table(random, plan, level, tree) | 3;

    if (random_percent(random, 30)) {
        descriptor |= random_next(random) & UINT64_C(0x1f) << 59;
    }
    if (random_percent(random, 10)) {
        descriptor |= random_next(random) & (UINT64_C(0xff) << 51 | UINT64_C(0x3ff) << 2);
    }
    if (random_percent(random, 4)) {
        descriptor |= random_next(random) & (BIT(plan->granule_bits) - 1) & ~UINT64_C(0xfff);
    }
    return descriptor;
}

static uint64_t descriptor_for(struct random *random, const struct plan *plan, unsigned level,
                               const struct tree *tree)
{
    unsigned chance = (unsigned)random_below(random, 100);

    if (chance < RUBBISH) {
        return random_next(random);
    }
    if (chance < RUBBISH + INVALID) {
        return random_next(random) & ~UINT64_C(1);
    }
    if (chance < RUBBISH + INVALID + RESERVED) {
        /* bit 1 clear at level 3, a block where there is none */
        return leaf(random, plan, level) & ~UINT64_C(2);
    }
    if (level == 3 ||
        (chance < RUBBISH + INVALID + RESERVED + LEAVES && block_exists(plan, level))) {
        return leaf(random, plan, level);
    }
    return table_descriptor(random, plan, level, tree);
}

static unsigned group_size(const struct plan *plan, unsigned level)
{
    if (plan->granule_bits == 14) {
        return level == 3 ? 128 : 32;
    }
    return plan->granule_bits == 12 ? 16 : 32;
}

static void remember(struct tree_table *table, uint64_t index)
{
    if (table->filled_count < TREE_FILLED) {
        table->filled[table->filled_count++] = (uint32_t)index;
    }
}

/* A whole group of leaves with the contiguous bit, as it should be. */
static void fill_group(struct random *random, struct image *image, const struct plan *plan,
                       struct tree_table *table, uint64_t entries)
{
    uint64_t group = group_size(plan, table->level);
    uint64_t size = BIT(plan_shift(plan, table->level));
    uint64_t first;
    uint64_t descriptor;

    if (entries < group || (table->level != 3 && !block_exists(plan, table->level))) {
        return;
    }
    first = random_below(random, entries / group) * group;
    descriptor = (output_address(random, size * group) & UINT64_C(0xffffffffffff)) |
                 leaf_attributes(random, plan) | BIT(52) | (table->level == 3 ? 3 : 1);
    for (uint64_t i = 0; i < group; i++) {
        put(image, plan, table->pa + 8 * (first + i), descriptor + i * size);
    }
    remember(table, first + random_below(random, group));
    remember(table, first + group - 1);
}

static void fill(struct random *random, struct image *image, const struct plan *plan,
                 const struct tree *tree, struct tree_table *table)
{
    uint64_t entries = entries_of(plan, table, tree);
    uint64_t index = 0;

    if (random_percent(random, 15)) {
        fill_group(random, image, plan, table, entries);
    }
    while (table->filled_count < TREE_FILLED) {
        /* the first one, then neighbours and distant ones */
        put(image, plan, table->pa + 8 * index, descriptor_for(random, plan, table->level, tree));
        remember(table, index);
        index = random_percent(random, 30) ? (index + 1) % entries : random_below(random, entries);
        if (random_percent(random, 5)) {
            index = entries - 1;
        }
    }
}

void tree_grow(struct random *random, struct image *image, const struct plan *plan,
               struct tree *tree)
{
    uint64_t granule = BIT(plan->granule_bits);

    tree->count = 2 + (unsigned)random_below(random, TREE_TABLES - 1);
    for (unsigned i = 0; i < tree->count; i++) {
        unsigned level =
            plan->start_level + 1 + i % (plan->start_level < 3 ? 3 - plan->start_level : 1);

        tree->table[i] = (struct tree_table){.pa = image_take(image, granule, granule),
                                             .level = level > 3 ? 3 : level};
    }
    /* The root may lie anywhere in its granule that its size is aligned to. */
    tree->table[0].level = plan->start_level;
    tree->table[0].pa += random_below(random, granule / plan->root_size) * plan->root_size;
    for (unsigned i = 0; i < tree->count; i++) {
        fill(random, image, plan, tree, &tree->table[i]);
    }
}

uint64_t tree_map_vectors(struct image *image, const struct plan *plan, const struct tree *tree)
{
    uint64_t granule = BIT(plan->granule_bits);
    uint64_t table = tree->table[0].pa;
    uint64_t last = plan->root_size - 8;

    for (unsigned level = plan->start_level; level < 3; level++) {
        uint64_t next = image_take(image, granule, granule);

        put(image, plan, table + last, next | 3);
        table = next;
        last = granule - 8;
    }
    /* AF, read-only, AP[1], Attr7 */
    put(image, plan, table + last, (uint64_t)LAYOUT_VECTORS_PA | 3 | 7 << 2 | 3 << 6 | BIT(10));
    return BIT(plan->input_bits) - granule;
}
