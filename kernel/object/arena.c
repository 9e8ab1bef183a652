#include <tyrne/object.h>

#include <tyrne/panic.h>

#define RETIRED UINT32_MAX

static uint16_t bit(unsigned index)
{
    return (uint16_t)(1U << index);
}

void object_arena_init(struct object_arena *arena, unsigned capacity)
{
    KASSERT(capacity >= 1 && capacity <= OBJECT_ARENA_MAX);
    *arena = (struct object_arena){.free = (uint16_t)((1U << capacity) - 1U)};
}

status_t object_alloc(struct object_arena *arena, struct object_ref *ref)
{
    unsigned index;

    if (arena->free == 0) {
        return STATUS_OBJECTS_EXHAUSTED;
    }
    index = (unsigned)__builtin_ctz(arena->free);
    arena->free &= (uint16_t)~bit(index);
    arena->live |= bit(index);
    *ref = (struct object_ref){index, arena->generation[index]};
    return STATUS_OK;
}

status_t object_free(struct object_arena *arena, struct object_ref ref)
{
    if (!object_live(arena, ref)) {
        return STATUS_STALE_OBJECT;
    }
    arena->live &= (uint16_t)~bit(ref.index);
    arena->generation[ref.index]++;
    if (arena->generation[ref.index] != RETIRED) {
        arena->free |= bit(ref.index);
    }
    return STATUS_OK;
}

struct object_ref object_at(const struct object_arena *arena, unsigned index)
{
    KASSERT(index < OBJECT_ARENA_MAX && (arena->live & bit(index)) != 0);
    return (struct object_ref){index, arena->generation[index]};
}

static unsigned count_bits(uint32_t bits)
{
    unsigned count = 0;

    for (; bits != 0; bits &= bits - 1U) {
        count++;
    }
    return count;
}

unsigned object_count(const struct object_arena *arena)
{
    return count_bits(arena->live);
}

unsigned object_room(const struct object_arena *arena)
{
    return count_bits(arena->free);
}
