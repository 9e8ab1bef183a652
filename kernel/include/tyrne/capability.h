/*
 * Capabilities: tables, and the derivation tree that spans them (SYSTEM.md section 5).
 *
 * A capability lives in one slot. A task names it by handle, whose generation is bumped at every
 * free; the kernel's own links name (table, slot). So revoke reaches a descendant in whichever
 * table it went to, and also while it is parked in an endpoint: CAP_TABLE_PARKED holds one slot for
 * each endpoint.
 *
 * Every operation checks everything before its first change; an error leaves all tables as they
 * were. A table number out of range is a bug of the caller and panics.
 */
#ifndef TYRNE_CAPABILITY_H
#define TYRNE_CAPABILITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <tyrne/cap_handle.h>
#include <tyrne/limits.h>
#include <tyrne/object.h>
#include <tyrne/status.h>

#define CAP_TABLE_SLOTS 64U
/* A root has depth 0; a chain of derivations has at most this many steps. */
#define CAP_MAX_DEPTH 16U

/* Table `t` below MAX_TASKS belongs to the task with index t. */
#define CAP_TABLES       MAX_TASKS
#define CAP_TABLE_PARKED MAX_TASKS
#define CAP_SLOTS        (CAP_TABLES * CAP_TABLE_SLOTS + MAX_ENDPOINTS)

enum cap_kind {
    CAP_KIND_NONE = 0, /* an empty slot */
    CAP_KIND_TASK,
    CAP_KIND_ENDPOINT,
    CAP_KIND_NOTIFICATION,
    CAP_KIND_MEMORY_REGION,
    CAP_KIND_ADDRESS_SPACE,
    CAP_KIND_DEBUG_CONSOLE,
    CAP_KIND_COUNT,
};

/* Rights bits: part of the ABI. */
#define CAP_RIGHT_DUPLICATE     (1U << 0)
#define CAP_RIGHT_DERIVE        (1U << 1)
#define CAP_RIGHT_REVOKE        (1U << 2)
#define CAP_RIGHT_TRANSFER      (1U << 3)
#define CAP_RIGHT_SEND          (1U << 4)
#define CAP_RIGHT_RECV          (1U << 5)
#define CAP_RIGHT_NOTIFY        (1U << 6)
#define CAP_RIGHT_CONSOLE_WRITE (1U << 7)
#define CAP_RIGHTS_ALL          0xFFU

struct capability {
    struct object_ref object; /* what its kind says; a memory region has no arena */
    uint8_t kind;             /* enum cap_kind */
    uint8_t rights;           /* CAP_RIGHT_* */
};

/* A slot anywhere in the space: table * CAP_TABLE_SLOTS + slot, or CAP_REF_NONE. */
typedef struct {
    uint16_t value;
} cap_ref_t;

#define CAP_REF_NONE ((cap_ref_t){UINT16_MAX})

struct cap_slot {
    struct capability cap;
    uint32_t generation; /* of the slot's present or next content; UINT32_MAX: retired */
    cap_ref_t parent;
    cap_ref_t first_child;
    cap_ref_t next_sibling; /* in a free slot of a table: the next free one */
    uint8_t depth;
};

/*
 * All capabilities of the kernel: the forest of derivation trees lives inside one space. The parked
 * slots come last and have no free list: the endpoint's index is the slot's.
 */
struct cap_space {
    struct cap_slot slots[CAP_SLOTS];
    cap_ref_t first_free[CAP_TABLES];
};

/* Empty every table; generations start at 0. */
void cap_space_init(struct cap_space *space);

/*
 * A capability without a parent, in `table`. WRONG_KIND: `cap.kind` is none or unknown.
 * CAPS_EXHAUSTED: no free slot.
 */
MUST_CHECK status_t cap_insert_root(struct cap_space *space, unsigned table, struct capability cap,
                                    cap_handle_t *handle);

/*
 * The slot that `handle` names in `table`, which must be in range; null if it is malformed, out of
 * range, empty or stale. In line: every message asks.
 */
static inline const struct cap_slot *cap_find(const struct cap_space *space, unsigned table,
                                              cap_handle_t handle)
{
    unsigned index = cap_handle_index(handle);
    const struct cap_slot *slot = &space->slots[table * CAP_TABLE_SLOTS + index % CAP_TABLE_SLOTS];

    /* One comparison judges the generation and the bits that no handle has. */
    if (index >= CAP_TABLE_SLOTS || slot->cap.kind == CAP_KIND_NONE ||
        cap_handle_make(slot->generation, (uint16_t)index).raw != handle.raw) {
        return NULL;
    }
    return slot;
}

/* What `handle` names in `table`. INVALID_HANDLE: malformed, out of range, empty slot or stale. */
MUST_CHECK status_t cap_lookup(const struct cap_space *space, unsigned table, cap_handle_t handle,
                               struct capability *cap);

/*
 * A peer of `source` with `rights` (unknown bits are masked away), in table `to`: same parent, same
 * depth. Errors in the order of the checks: INVALID_HANDLE, INSUFFICIENT_RIGHTS (no DUPLICATE),
 * WIDENED_RIGHTS (`rights` is no subset), CAPS_EXHAUSTED (no free slot in `to`).
 */
MUST_CHECK status_t cap_copy(struct cap_space *space, unsigned table, cap_handle_t source,
                             uint64_t rights, unsigned to, cap_handle_t *handle);

/*
 * A child of `source` with `rights`, in table `to`. Errors in the order of the checks:
 * INVALID_HANDLE, INSUFFICIENT_RIGHTS (no DERIVE), WIDENED_RIGHTS, DERIVATION_TOO_DEEP,
 * CAPS_EXHAUSTED.
 */
MUST_CHECK status_t cap_derive(struct cap_space *space, unsigned table, cap_handle_t source,
                               uint64_t rights, unsigned to, cap_handle_t *handle);

/*
 * Free every descendant of `handle`, in all tables and parked ones; it stays itself. Iterative, and
 * bounded by the number of slots. INVALID_HANDLE, INSUFFICIENT_RIGHTS (no REVOKE).
 */
MUST_CHECK status_t cap_revoke(struct cap_space *space, unsigned table, cap_handle_t handle);

/* Free `handle`. INVALID_HANDLE, HAS_CHILDREN. */
MUST_CHECK status_t cap_drop(struct cap_space *space, unsigned table, cap_handle_t handle);

/* Free `handle` and give what it was: it leaves the tree. INVALID_HANDLE, HAS_CHILDREN. */
MUST_CHECK status_t cap_take(struct cap_space *space, unsigned table, cap_handle_t handle,
                             struct capability *cap);

/* OK if cap_park() of `handle` would succeed, else its error. Changes nothing. */
MUST_CHECK status_t cap_check_park(const struct cap_space *space, unsigned table,
                                   cap_handle_t handle);

/*
 * Move `handle` into the parking slot of endpoint `endpoint` (below MAX_ENDPOINTS), with its place
 * in the tree, children included. INVALID_HANDLE, INSUFFICIENT_RIGHTS (no TRANSFER). The parking
 * slot must be empty: anything else is a bug and panics.
 */
MUST_CHECK status_t cap_park(struct cap_space *space, unsigned table, cap_handle_t handle,
                             unsigned endpoint);

/*
 * Move what is parked at `endpoint` into `table`, with its place in the tree. CAPS_EXHAUSTED: no
 * free slot, it stays parked. If nothing is parked (it was revoked), the handle is null.
 */
MUST_CHECK status_t cap_unpark(struct cap_space *space, unsigned endpoint, unsigned table,
                               cap_handle_t *handle);

/* True if a capability is parked at `endpoint`. */
bool cap_is_parked(const struct cap_space *space, unsigned endpoint);

/* Free what is parked at `endpoint`, if anything. Its children move up, as in cap_table_clear(). */
void cap_discard_parked(struct cap_space *space, unsigned endpoint);

/*
 * Free every capability of `table`: its task is gone. Children in other tables become children of
 * the freed one's parent (roots if it was a root), so an ancestor's revoke still reaches them.
 */
void cap_table_clear(struct cap_space *space, unsigned table);

/*
 * Make the empty `table` as good as new for a new task: generations start at 0 again, retired slots
 * are free, the first handle given out has index 0. No handle of the last owner may be used any
 * more.
 */
void cap_table_renew(struct cap_space *space, unsigned table);

/* True if `table` has a free slot. */
bool cap_table_has_room(const struct cap_space *space, unsigned table);

/*
 * True if every invariant holds: links agree both ways, no cycle, every slot is used, free or
 * retired, free lists hold each free slot once, rights only narrow and depth only grows from parent
 * to child. For tests and debug builds; O(slots * siblings).
 */
bool cap_check_invariants(const struct cap_space *space);

/* Print `cap`: kind and rights, never the object it names. */
void cap_print(struct capability cap);

#endif
