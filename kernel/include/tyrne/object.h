/*
 * Kernel objects in fixed arenas with generations (SYSTEM.md section 6). A reference is (index,
 * generation); a generation is bumped at every free, so a stale reference never resolves. An index
 * whose generation would wrap is retired.
 */
#ifndef TYRNE_OBJECT_H
#define TYRNE_OBJECT_H

#include <stdbool.h>
#include <stdint.h>
#include <tyrne/status.h>

#define OBJECT_ARENA_MAX 16U

/* Which object of its kind's arena. */
struct object_ref {
    uint32_t index;
    uint32_t generation;
};

/* Bookkeeping of one arena; the objects themselves are an array of the owner's. */
struct object_arena {
    uint32_t generation[OBJECT_ARENA_MAX]; /* of the present or next object; UINT32_MAX: retired */
    uint16_t live;                         /* bit i: index i holds an object */
    uint16_t free;                         /* bit i: index i can be given out */
};

/* An empty arena for `capacity` objects (1 to OBJECT_ARENA_MAX). */
void object_arena_init(struct object_arena *arena, unsigned capacity);

/* The lowest free index. OBJECTS_EXHAUSTED: none is left. */
MUST_CHECK status_t object_alloc(struct object_arena *arena, struct object_ref *ref);

/* STALE_OBJECT: `ref` does not name a live object. */
MUST_CHECK status_t object_free(struct object_arena *arena, struct object_ref ref);

/* True if `ref` names a live object. In line: every message asks. */
static inline bool object_live(const struct object_arena *arena, struct object_ref ref)
{
    return ref.index < OBJECT_ARENA_MAX && (arena->live >> ref.index & 1U) != 0 &&
           arena->generation[ref.index] == ref.generation;
}

/* The reference of the live object at `index` (below OBJECT_ARENA_MAX); it must be live. */
struct object_ref object_at(const struct object_arena *arena, unsigned index);

/* Number of live objects, and how many more there can be. */
unsigned object_count(const struct object_arena *arena);
unsigned object_room(const struct object_arena *arena);

#endif
