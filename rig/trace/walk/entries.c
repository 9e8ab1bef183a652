/* Every valid descriptor of a range, in order, on each path that leads to it. */
#include <string.h>

#include "internal.h"

/* Where a walk in order stands. */
struct tour {
    struct rw_context context;
    const struct rw_half *half;
    struct rw_node path[RW_LAST_LEVEL + 2];
    struct rig_walk_step steps[RIG_WALK_MAX_STEPS]; /* those of path */
    struct rig_walk_entry pending; /* a table that waits for its frame's first read */
    bool has_pending;
    bool stopped;
    rig_walk_visit_entry visit;
    void *user;
};

static void tell(struct tour *tour, const struct rig_walk_entry *entry)
{
    if (!tour->stopped) {
        tour->stopped = tour->visit(tour->user, entry) != 0;
    }
}

/* Tell the waiting table: its frame can be read (RIG_WALK_OK) or not. */
static void tell_pending(struct tour *tour, enum rig_walk_status status)
{
    if (tour->has_pending) {
        tour->has_pending = false;
        tour->pending.result.status = (uint8_t)status;
        tell(tour, &tour->pending);
    }
}

static struct rig_walk_entry make_entry(const struct rw_half *half,
                                        const struct rig_walk_result *result,
                                        enum rig_walk_entry_kind kind)
{
    return (struct rig_walk_entry){.result = *result,
                                   .last_va = result->va | (result->size - 1),
                                   .kind = (uint8_t)kind,
                                   .start_level = half->start_level,
                                   .granule_bits = half->granule_bits,
                                   .input_bits = half->input_bits};
}

/* A descriptor that goes no further down; what is invalid is no entry. */
static void tell_result(struct tour *tour, unsigned level, const struct rig_walk_result *result)
{
    static const enum rig_walk_entry_kind kinds[] = {[RW_INVALID] = RIG_WALK_ENTRY_RESERVED,
                                                     [RW_RESERVED] = RIG_WALK_ENTRY_RESERVED,
                                                     [RW_TABLE] = RIG_WALK_ENTRY_TABLE,
                                                     [RW_LEAF] = RIG_WALK_ENTRY_LEAF};
    uint64_t descriptor = result->steps[result->step_count - 1].descriptor;
    enum rw_kind kind = rw_classify(tour->half, level, descriptor);
    struct rig_walk_entry entry;

    if (kind != RW_INVALID) {
        entry = make_entry(tour->half, result, kinds[kind]);
        tell(tour, &entry);
    }
}

/*
 * A descriptor that cannot be read. The table that leads to it tells it when this is its frame's
 * first one; otherwise, and for a root, the missing descriptor is an entry of its own.
 */
static void tell_unreadable(struct tour *tour, const struct rig_walk_result *result)
{
    struct rig_walk_entry entry = make_entry(tour->half, result, RIG_WALK_ENTRY_TABLE);

    if (tour->has_pending) {
        tell_pending(tour, RIG_WALK_READ_FAILED);
    } else {
        tell(tour, &entry);
    }
}

/* The entry of the table at level that covers va: true when it leads to path[level + 1]. */
static bool enter(struct tour *tour, unsigned level, uint64_t va, struct rig_walk_result *result)
{
    const struct rw_half *half = tour->half;
    uint64_t size = UINT64_C(1) << rw_level_shift(half, level);
    bool down;

    rw_begin(half, va & ~(size - 1), result);
    memcpy(result->steps, tour->steps, sizeof(tour->steps));
    memset(&result->steps[level - half->start_level], 0,
           sizeof(tour->steps) - (level - half->start_level) * sizeof(tour->steps[0]));
    down = rw_step(&tour->context, half, &tour->path[level], &tour->path[level + 1], result);
    tour->steps[level - half->start_level] = result->steps[level - half->start_level];
    return down;
}

/* The walk in order of [first, last], inside the half's window, as range.c does it. */
static enum rig_walk_status tour_window(struct tour *tour, uint64_t first, uint64_t last)
{
    const struct rw_half *half = tour->half;
    unsigned level = half->start_level;
    uint64_t va = first;

    tour->path[level] = rw_root(half);
    while (!tour->stopped) {
        struct rig_walk_result result;
        bool down = enter(tour, level, va, &result);
        uint64_t end;

        if (result.status == RIG_WALK_STOPPED || result.status == RIG_WALK_LIMIT) {
            tour->has_pending = false;
            return (enum rig_walk_status)result.status;
        }
        if (result.status == RIG_WALK_READ_FAILED) {
            tell_unreadable(tour, &result);
            /* The rest of this frame is left out: go on behind what its table covers. */
            end = va | ((result.size << half->stride) - 1);
        } else {
            tell_pending(tour, RIG_WALK_OK);
            if (down) {
                result.pa = tour->path[level + 1].table_pa;
                result.has_pa = 1;
                tour->pending = make_entry(half, &result, RIG_WALK_ENTRY_TABLE);
                tour->has_pending = true;
                level++;
                continue;
            }
            tell_result(tour, level, &result);
            end = va | (result.size - 1);
        }
        if (end >= last) {
            break;
        }
        va = end + 1;
        while (level > half->start_level && rw_table_wraps(half, level, va)) {
            level--;
        }
    }
    return tour->stopped ? RIG_WALK_STOPPED : RIG_WALK_OK;
}

static uint64_t minimum(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* [first, last] within one chunk: what of it lies in the half's window. */
static enum rig_walk_status tour_chunk(struct tour *tour, uint64_t first, uint64_t last)
{
    uint64_t chunk = first & ~((UINT64_C(1) << RW_CHUNK_BITS) - 1);
    uint64_t window_first;
    uint64_t window_last;

    if (tour->half->walk_disabled || tour->half->problem != RIG_WALK_OK) {
        return RIG_WALK_OK;
    }
    rw_half_window(tour->half, chunk, &window_first, &window_last);
    if (window_first > window_last || last < window_first || first > window_last) {
        return RIG_WALK_OK;
    }
    return tour_window(tour, first < window_first ? window_first : first,
                       minimum(last, window_last));
}

enum rig_walk_status rig_walk_entries(const struct rig_walk_regs *regs, rig_walk_read_u64 read,
                                      void *ctx, uint64_t first_va, uint64_t last_va,
                                      rig_walk_visit_entry visit, void *user, uint64_t max_reads)
{
    struct tour tour = {
        .context = {.regs = regs,
                    .read = read,
                    .ctx = ctx,
                    .reads_left = max_reads != 0 ? max_reads : RIG_WALK_RANGE_READS_DEFAULT},
        .visit = visit,
        .user = user};
    enum rig_walk_status status = RIG_WALK_OK;
    struct rw_half halves[2];
    uint64_t va = first_va;

    if (first_va > last_va || rw_mmu_off(regs)) {
        return RIG_WALK_OK;
    }
    rw_half_setup(regs, false, &halves[0]);
    rw_half_setup(regs, true, &halves[1]);
    /* At most 512 chunks of 2^55 bytes: VA[63:55]. */
    while (status == RIG_WALK_OK) {
        uint64_t end = minimum(va | ((UINT64_C(1) << RW_CHUNK_BITS) - 1), last_va);

        tour.half = &halves[rw_half_of(regs, va)];
        status = tour_chunk(&tour, va, end);
        if (end == last_va) {
            break;
        }
        va = end + 1;
    }
    return status;
}
