#include "audit_memory.h"

#include <stdlib.h>

#include "memory.h"

/* Where a piece begins (+1) or has ended (-1). */
struct edge {
    uint64_t at;
    bool behind_last; /* the address is 2^64: `at` wrapped to 0 */
    int step;
    enum audit_memory_kind kind;
};

void audit_memory_add(struct audit_memory *memory, uint64_t first, uint64_t last,
                      enum audit_memory_kind kind)
{
    memory->pieces =
        memory_grow(memory->pieces, memory->count, &memory->room, sizeof(memory->pieces[0]));
    memory->pieces[memory->count++] = (struct audit_piece){first, last, kind};
}

static int by_place(const void *left_item, const void *right_item)
{
    const struct edge *left = left_item;
    const struct edge *right = right_item;

    if (left->behind_last != right->behind_last) {
        return left->behind_last ? 1 : -1;
    }
    return (left->at > right->at) - (left->at < right->at);
}

static enum audit_memory_kind strongest(const size_t *open)
{
    enum audit_memory_kind kind = AUDIT_RAM;

    while (kind > AUDIT_NOTHING && open[kind] == 0) {
        kind--;
    }
    return kind;
}

/* Close the piece [first, edge) of that kind; neighbours of one kind are one. */
static void put_piece(struct audit_memory *memory, uint64_t first, const struct edge *edge,
                      enum audit_memory_kind kind)
{
    uint64_t last = edge->at - 1;
    struct audit_piece *before = memory->count == 0 ? NULL : &memory->pieces[memory->count - 1];

    if (kind == AUDIT_NOTHING || (edge->at == first && !edge->behind_last)) {
        return;
    }
    if (before != NULL && before->kind == kind && before->last + 1 == first) {
        before->last = last;
        return;
    }
    audit_memory_add(memory, first, last, kind);
}

void audit_memory_order(struct audit_memory *memory)
{
    size_t edge_count = memory->count * 2;
    struct edge *edges = memory_get(edge_count, sizeof(edges[0]));
    size_t open[AUDIT_MEMORY_KINDS] = {0};
    uint64_t first = 0;

    for (size_t i = 0; i < memory->count; i++) {
        const struct audit_piece *piece = &memory->pieces[i];

        edges[2 * i] = (struct edge){piece->first, false, 1, piece->kind};
        edges[2 * i + 1] =
            (struct edge){piece->last + 1, piece->last == UINT64_MAX, -1, piece->kind};
    }
    qsort(edges, edge_count, sizeof(edges[0]), by_place);
    memory->count = 0;
    for (size_t i = 0; i < edge_count; i++) {
        put_piece(memory, first, &edges[i], strongest(open));
        if (edges[i].behind_last) {
            break; /* whatever else is open ends there, too */
        }
        open[edges[i].kind] += (size_t)edges[i].step;
        first = edges[i].at;
    }
    free(edges);
}

void audit_memory_make(struct audit_memory *memory, const struct snapshot *snapshot,
                       const struct audit_spec *spec, unsigned granule_bits)
{
    static const enum audit_memory_kind kinds[] = {
        [SNAPSHOT_RAM] = AUDIT_RAM, [SNAPSHOT_ROM] = AUDIT_ROM, [SNAPSHOT_IO] = AUDIT_IO};
    uint64_t within = (UINT64_C(1) << granule_bits) - 1;

    *memory = (struct audit_memory){.known = snapshot->memory_count > 0};
    for (size_t i = 0; i < snapshot->memory_count; i++) {
        const struct snapshot_memory *item = &snapshot->memory[i];

        audit_memory_add(memory, item->first & ~within, item->last | within, kinds[item->kind]);
    }
    for (size_t i = 0; i < spec->device_count; i++) {
        const struct audit_range *range = &spec->devices[i];

        audit_memory_add(memory, range->first & ~within, range->last | within, AUDIT_IO);
    }
    audit_memory_order(memory);
}

void audit_memory_free(struct audit_memory *memory)
{
    free(memory->pieces);
    *memory = (struct audit_memory){0};
}

struct audit_piece audit_memory_at(const struct audit_memory *memory, uint64_t pa, uint64_t last)
{
    size_t low = 0;
    size_t high = memory->count;
    struct audit_piece piece = {pa, last, AUDIT_NOTHING};

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (memory->pieces[middle].last < pa) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == memory->count || memory->pieces[low].first > last) {
        return piece;
    }
    if (memory->pieces[low].first > pa) {
        piece.last = memory->pieces[low].first - 1;
        return piece;
    }
    piece.kind = memory->pieces[low].kind;
    if (memory->pieces[low].last < last) {
        piece.last = memory->pieces[low].last;
    }
    return piece;
}
