/*
 * User address spaces over the HAL's MMU interface (SYSTEM.md section 6).
 *
 * A change of a mapping leaves a flush token: what the TLB may still hold, and which table frames
 * may still be walked. The caller must spend it, by flush_va() at once or by flush_ignore() and one
 * flush_all() for a batch. An unspent token is a bug of the kernel: the next activation or
 * destruction of a space panics. Emptied tables go back to the frame allocator when the token is
 * spent, never before the TLB has forgotten them.
 */
#ifndef TYRNE_ADDRESS_SPACE_H
#define TYRNE_ADDRESS_SPACE_H

#include <stdbool.h>
#include <stdint.h>
#include <tyrne/hal/mmu.h>
#include <tyrne/limits.h>
#include <tyrne/object.h>
#include <tyrne/pmm.h>
#include <tyrne/status.h>
#include <tyrne/types.h>

struct address_space {
    paddr_t root_pa;
    uint32_t pages;  /* mapped pages */
    uint32_t tables; /* table frames in use, the root not counted */
};

/* Tables that one unmap can empty: levels 1 to 3. */
#define FLUSH_TOKEN_FRAMES 3U
#define FLUSH_BATCH_FRAMES 24U

struct address_space_arena {
    struct pmm *pmm; /* where table frames come from and go to */
    struct object_arena arena;
    struct address_space spaces[MAX_ADDRESS_SPACES];
    uint32_t active;  /* index of the space in the CPU, or ADDRESS_SPACE_NONE */
    uint32_t unspent; /* flush tokens given out and not spent, a dirty batch counted as one */
    bool stale;       /* the TLB may hold what an unspent token took away */
};

#define ADDRESS_SPACE_NONE 0xFFU

enum flush_need {
    FLUSH_NOTHING,    /* the CPU does not walk this space */
    FLUSH_PUBLISH,    /* a new mapping: the table walker must see it */
    FLUSH_INVALIDATE, /* a mapping went away: the TLB may hold it */
};

struct flush_token {
    struct address_space_arena *arena;
    user_va_t va;
    uint8_t need; /* enum flush_need */
    uint8_t frame_count;
    paddr_t frames[FLUSH_TOKEN_FRAMES]; /* emptied tables */
};

struct flush_batch {
    struct address_space_arena *arena;
    uint8_t need; /* enum flush_need */
    uint8_t frame_count;
    bool dirty; /* holds a spent token's duty */
    paddr_t frames[FLUSH_BATCH_FRAMES];
};

/* An empty arena that takes frames from `pmm`. */
void address_space_arena_init(struct address_space_arena *arena, struct pmm *pmm);

/* A space with an empty root. OBJECTS_EXHAUSTED, OUT_OF_FRAMES (nothing is kept). */
MUST_CHECK status_t address_space_create(struct address_space_arena *arena, struct object_ref *ref);

/* Give the space and its root back. STALE_OBJECT; IN_USE: pages are mapped, or it is active. */
MUST_CHECK status_t address_space_destroy(struct address_space_arena *arena, struct object_ref ref);

/*
 * Give back everything: mapped pages' frames, tables, root, the space. For a space whose pages are
 * its own. STALE_OBJECT; IN_USE: it is active.
 */
MUST_CHECK status_t address_space_reclaim(struct address_space_arena *arena, struct object_ref ref);

/*
 * Map the page at `va` to the frame at `frame_pa` with `rights`; missing tables are allocated, and
 * given back if the mapping fails. While the TLB may hold what an unspent token took away, all of
 * it is invalidated first: the new entries may replace what is cached (break-before-make).
 * STALE_OBJECT, BAD_ALIGNMENT, OUT_OF_RANGE (`va` not below USER_VA_END, `frame_pa` more than the
 * port can express), BAD_RIGHTS, ALREADY_MAPPED, BLOCK_MAPPED, OUT_OF_FRAMES.
 */
MUST_CHECK status_t address_space_map(struct address_space_arena *arena, struct object_ref ref,
                                      user_va_t va, paddr_t frame_pa, enum user_rights rights,
                                      struct flush_token *token);

/*
 * Unmap the page at `va`; `*frame_pa` is what was mapped and belongs to the caller again once the
 * token is spent. STALE_OBJECT, BAD_ALIGNMENT, OUT_OF_RANGE, NOT_MAPPED, BLOCK_MAPPED.
 */
MUST_CHECK status_t address_space_unmap(struct address_space_arena *arena, struct object_ref ref,
                                        user_va_t va, paddr_t *frame_pa, struct flush_token *token);

/*
 * What `va` (any byte) translates to: the byte's physical address and the page's rights. Read-only.
 * STALE_OBJECT, OUT_OF_RANGE, NOT_MAPPED, BLOCK_MAPPED.
 */
MUST_CHECK status_t address_space_translate(const struct address_space_arena *arena,
                                            struct object_ref ref, user_va_t va, paddr_t *pa,
                                            enum user_rights *rights);

/* Make `ref` the space that the CPU walks; skipped when it is already. STALE_OBJECT. */
MUST_CHECK status_t address_space_activate(struct address_space_arena *arena,
                                           struct object_ref ref);

/* No user space: the CPU walks nothing in the low half. */
void address_space_deactivate(struct address_space_arena *arena);

/* Do now what `token` asks for. It is spent: using it again is a bug and panics. */
void flush_va(struct flush_token *token);

/* An empty batch for changes in `arena`'s spaces. */
void flush_batch_init(struct flush_batch *batch, struct address_space_arena *arena);

/* Put what `token` asks for off until flush_all(); a full batch is flushed first. It is spent. */
void flush_ignore(struct flush_token *token, struct flush_batch *batch);

/* Do what the batch's tokens asked for, once for all of them. It is empty again. */
void flush_all(struct flush_batch *batch);

#endif
