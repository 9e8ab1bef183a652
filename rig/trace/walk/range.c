/* Ranges of addresses, as maximal runs; each descriptor is read once. */
#include <string.h>

#include "internal.h"

/* Collects neighbours into the current run and hands it out when the next one differs. */
struct collector {
    struct rig_walk_run run;
    bool open;
    bool stopped;
    rig_walk_visit_run visit;
    void *user;
};

static void flush(struct collector *collector)
{
    if (collector->open && !collector->stopped) {
        collector->stopped = collector->visit(collector->user, &collector->run) != 0;
    }
}

static bool continues(const struct rig_walk_run *run, const struct rig_walk_result *piece)
{
    return run->status == piece->status && run->reason == piece->reason &&
           run->has_pa == piece->has_pa && run->last_va + 1 == piece->va &&
           (piece->has_pa == 0 || run->pa + (piece->va - run->first_va) == piece->pa) &&
           memcmp(&run->attr, &piece->attr, sizeof(run->attr)) == 0;
}

/* Add [piece->va, last_va]: everything there is as piece says, with linear PAs. */
static void add(struct collector *collector, const struct rig_walk_result *piece, uint64_t last_va)
{
    struct rig_walk_run *run = &collector->run;
    uint64_t leaf = piece->has_pa != 0 ? piece->size : 0;

    if (collector->open && continues(run, piece)) {
        run->last_va = last_va;
        run->level_min = piece->level < run->level_min ? piece->level : run->level_min;
        run->level_max = piece->level > run->level_max ? piece->level : run->level_max;
        run->smallest_leaf = leaf < run->smallest_leaf ? leaf : run->smallest_leaf;
        run->largest_leaf = leaf > run->largest_leaf ? leaf : run->largest_leaf;
        return;
    }
    flush(collector);
    *run = (struct rig_walk_run){.first_va = piece->va,
                                 .last_va = last_va,
                                 .pa = piece->pa,
                                 .smallest_leaf = leaf,
                                 .largest_leaf = leaf,
                                 .attr = piece->attr,
                                 .status = piece->status,
                                 .reason = piece->reason,
                                 .has_pa = piece->has_pa,
                                 .level_min = piece->level,
                                 .level_max = piece->level};
    collector->open = true;
}

static uint64_t minimum(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/*
 * Walk [first, last], inside one half's window, keeping the path of tables: entries are taken in
 * order, a finished table goes back to its parent, so no descriptor is read twice.
 */
static enum rig_walk_status walk_window(struct rw_context *context, const struct rw_half *half,
                                        uint64_t first, uint64_t last, struct collector *collector)
{
    struct rw_node path[RW_LAST_LEVEL + 2];
    struct rig_walk_result piece;
    unsigned level = half->start_level;
    uint64_t va = first;

    path[level] = rw_root(half);
    while (!collector->stopped) {
        uint64_t piece_last;

        rw_begin(half, va, &piece);
        if (rw_step(context, half, &path[level], &path[level + 1], &piece)) {
            level++;
            continue;
        }
        if (piece.status == RIG_WALK_STOPPED || piece.status == RIG_WALK_LIMIT) {
            return (enum rig_walk_status)piece.status;
        }
        piece_last = minimum(va | (piece.size - 1), last);
        add(collector, &piece, piece_last);
        if (piece_last == last) {
            return RIG_WALK_OK;
        }
        va = piece_last + 1;
        while (level > half->start_level && rw_table_wraps(half, level, va)) {
            level--;
        }
    }
    return RIG_WALK_STOPPED;
}

/* MMU off: the identity up to PARange, then address size faults. [first, last] in one chunk. */
static void walk_flat(const struct rig_walk_regs *regs, const struct rw_half *half, uint64_t first,
                      uint64_t last, struct collector *collector)
{
    uint64_t span = UINT64_C(1) << rw_physical_bits(regs);
    struct rig_walk_result piece;
    uint64_t piece_last;

    rw_begin(half, first, &piece);
    (void)rw_answer_early(regs, half, &piece);
    piece_last = piece.has_pa != 0 ? minimum(last, first | (span - 1)) : last;
    add(collector, &piece, piece_last);
    if (piece_last != last) {
        rw_begin(half, piece_last + 1, &piece);
        (void)rw_answer_early(regs, half, &piece);
        add(collector, &piece, last);
    }
}

/* Add [first, last] whose answer is the same everywhere and needs no table. */
static void add_early(const struct rig_walk_regs *regs, const struct rw_half *half, uint64_t first,
                      uint64_t last, struct collector *collector)
{
    struct rig_walk_result piece;

    rw_begin(half, first, &piece);
    (void)rw_answer_early(regs, half, &piece);
    add(collector, &piece, last);
}

/* [first, last] within one chunk: hole, window, hole (one of the three is always empty). */
static enum rig_walk_status walk_chunk(struct rw_context *context, const struct rw_half *half,
                                       uint64_t first, uint64_t last, struct collector *collector)
{
    uint64_t chunk = first & ~((UINT64_C(1) << RW_CHUNK_BITS) - 1);
    enum rig_walk_status status = RIG_WALK_OK;
    uint64_t window_first;
    uint64_t window_last;

    if (rw_mmu_off(context->regs)) {
        walk_flat(context->regs, half, first, last, collector);
        return RIG_WALK_OK;
    }
    rw_half_window(half, chunk, &window_first, &window_last);
    if (window_first > window_last || last < window_first || first > window_last) {
        add_early(context->regs, half, first, last, collector);
        return RIG_WALK_OK;
    }
    if (first < window_first) {
        add_early(context->regs, half, first, window_first - 1, collector);
        first = window_first;
    }
    if (half->walk_disabled || half->problem != RIG_WALK_OK) {
        add_early(context->regs, half, first, minimum(last, window_last), collector);
    } else {
        status = walk_window(context, half, first, minimum(last, window_last), collector);
    }
    if (status == RIG_WALK_OK && last > window_last) {
        add_early(context->regs, half, window_last + 1, last, collector);
    }
    return status;
}

enum rig_walk_status rig_walk_range(const struct rig_walk_regs *regs, rig_walk_read_u64 read,
                                    void *ctx, uint64_t first_va, uint64_t last_va,
                                    rig_walk_visit_run visit, void *user, uint64_t max_reads)
{
    struct rw_context context = {.regs = regs,
                                 .read = read,
                                 .ctx = ctx,
                                 .reads_left =
                                     max_reads != 0 ? max_reads : RIG_WALK_RANGE_READS_DEFAULT};
    struct collector collector = {.visit = visit, .user = user};
    enum rig_walk_status status = RIG_WALK_OK;
    struct rw_half halves[2];
    uint64_t va = first_va;

    if (first_va > last_va) {
        return RIG_WALK_OK;
    }
    rw_half_setup(regs, false, &halves[0]);
    rw_half_setup(regs, true, &halves[1]);
    /* At most 512 chunks of 2^55 bytes: VA[63:55]. */
    while (status == RIG_WALK_OK && !collector.stopped) {
        uint64_t end = minimum(va | ((UINT64_C(1) << RW_CHUNK_BITS) - 1), last_va);

        status = walk_chunk(&context, &halves[rw_half_of(regs, va)], va, end, &collector);
        if (end == last_va) {
            break;
        }
        va = end + 1;
    }
    if (status != RIG_WALK_STOPPED) {
        flush(&collector);
    }
    return collector.stopped ? RIG_WALK_STOPPED : status;
}
