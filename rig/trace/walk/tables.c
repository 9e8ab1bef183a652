/* Every table that a walk can reach, each once. */
#include <stdlib.h>

#include "internal.h"

enum {
    SET_SLOTS = 2 * RIG_WALK_TABLES_MAX, /* a power of two, at most half full */
    /* A table is at least 16-byte aligned: the low bits of its address hold the rest of the key. */
    KEY_LEVEL_MASK = 0x3,
    KEY_UPPER = 0x4,
    KEY_USED = 0x8
};

/* The tables seen so far: in order (a queue of those still to read), and hashed. */
struct seen {
    uint64_t *queue;
    uint64_t *slots;
    size_t count;
};

static uint64_t make_key(uint64_t pa, unsigned level, bool upper)
{
    return pa | level | (upper ? (uint64_t)KEY_UPPER : 0) | (uint64_t)KEY_USED;
}

static uint64_t key_pa(uint64_t key)
{
    return key & ~UINT64_C(0xF);
}

/* Remember a key; false when there is no more room. A known key changes nothing. */
static bool remember(struct seen *seen, uint64_t key)
{
    uint64_t hash = key * UINT64_C(0x9E3779B97F4A7C15);
    size_t slot = (size_t)(hash >> 40) & (SET_SLOTS - 1);

    while (seen->slots[slot] != 0) {
        if (seen->slots[slot] == key) {
            return true;
        }
        slot = (slot + 1) & (SET_SLOTS - 1);
    }
    if (seen->count == RIG_WALK_TABLES_MAX) {
        return false;
    }
    seen->slots[slot] = key;
    seen->queue[seen->count++] = key;
    return true;
}

static uint64_t table_size(const struct rw_half *half, unsigned level)
{
    return level == half->start_level ? half->root_size : UINT64_C(1) << half->granule_bits;
}

/* Read one table and queue the tables it points to. Worst status of its reads. */
static enum rig_walk_status scan(struct rw_context *context, const struct rw_half *half,
                                 uint64_t key, struct seen *seen)
{
    unsigned level = (unsigned)(key & KEY_LEVEL_MASK);
    uint64_t size = table_size(half, level);
    enum rig_walk_status worst = RIG_WALK_OK;

    if (level == RW_LAST_LEVEL) {
        return RIG_WALK_OK;
    }
    for (uint64_t offset = 0; offset < size; offset += 8) {
        uint64_t granule = UINT64_C(1) << half->granule_bits;
        uint64_t descriptor;
        uint64_t next;
        enum rig_walk_status status = rw_read(context, key_pa(key) + offset, &descriptor);

        if (status == RIG_WALK_READ_FAILED) {
            worst = status;
            continue;
        }
        if (status != RIG_WALK_OK) {
            return status;
        }
        next = descriptor & DESC_TABLE_NEXT_MASK & ~(granule - 1);
        if (rw_classify(half, level, descriptor) != RW_TABLE ||
            !rw_address_fits(half, next, descriptor)) {
            continue;
        }
        if (!remember(seen, make_key(next, level + 1, half->upper))) {
            return RIG_WALK_LIMIT;
        }
    }
    return worst;
}

/* Queue the half's root, if the half is asked for and has one. */
static enum rig_walk_status add_root(const struct rw_half *half, bool include_disabled,
                                     struct seen *seen)
{
    if (half->walk_disabled && !include_disabled) {
        return RIG_WALK_OK;
    }
    if (half->problem != RIG_WALK_OK) {
        return half->problem;
    }
    (void)remember(seen, make_key(half->root_pa, half->start_level, half->upper));
    return RIG_WALK_OK;
}

static enum rig_walk_status visit_all(struct rw_context *context, const struct rw_half halves[2],
                                      struct seen *seen, rig_walk_visit_table visit, void *user)
{
    enum rig_walk_status worst = RIG_WALK_OK;

    for (size_t next = 0; next < seen->count; next++) {
        uint64_t key = seen->queue[next];
        bool upper = (key & (uint64_t)KEY_UPPER) != 0;
        unsigned level = (unsigned)(key & KEY_LEVEL_MASK);
        struct rig_walk_table table = {.pa = key_pa(key),
                                       .size = table_size(&halves[upper], level),
                                       .level = (uint8_t)level,
                                       .upper = upper};
        enum rig_walk_status status;

        if (visit(user, &table) != 0) {
            return RIG_WALK_STOPPED;
        }
        status = scan(context, &halves[upper], key, seen);
        if (status == RIG_WALK_STOPPED || status == RIG_WALK_LIMIT) {
            return status;
        }
        if (status != RIG_WALK_OK) {
            worst = status;
        }
    }
    return worst;
}

enum rig_walk_status rig_walk_tables(const struct rig_walk_regs *regs, rig_walk_read_u64 read,
                                     void *ctx, int include_disabled, rig_walk_visit_table visit,
                                     void *user)
{
    struct rw_context context = {.regs = regs, .read = read, .ctx = ctx, .reads_left = UINT64_MAX};
    struct seen seen = {0};
    struct rw_half halves[2] = {0};
    enum rig_walk_status roots = RIG_WALK_OK;
    enum rig_walk_status status = RIG_WALK_LIMIT;

    if (rw_mmu_off(regs) && include_disabled == 0) {
        return RIG_WALK_OK;
    }
    seen.queue = calloc(RIG_WALK_TABLES_MAX, sizeof(*seen.queue));
    seen.slots = calloc(SET_SLOTS, sizeof(*seen.slots));
    if (seen.queue != NULL && seen.slots != NULL) {
        for (size_t upper = 0; upper < (rw_is_el2(regs) ? 1 : 2); upper++) {
            enum rig_walk_status root;

            rw_half_setup(regs, upper != 0, &halves[upper]);
            root = add_root(&halves[upper], include_disabled != 0, &seen);
            roots = roots == RIG_WALK_OK ? root : roots;
        }
        status = visit_all(&context, halves, &seen, visit, user);
    }
    free(seen.queue);
    free(seen.slots);
    return status == RIG_WALK_OK ? roots : status;
}
