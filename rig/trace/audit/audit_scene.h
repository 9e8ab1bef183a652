/*
 * What the rules look at: every leaf and every table that a walk can meet, collected in one pass.
 *
 * A leaf here is a run: neighbours at one level whose descriptors differ in nothing but a linear
 * output address, on paths with the same table attributes. Whatever is true of one is true of all.
 * Everything is listed once for each path that leads to it, so that two paths to one table make two
 * leaves: two virtual addresses. All lists are bounded; what does not fit makes status LIMIT.
 */
#ifndef RIG_AUDIT_SCENE_H
#define RIG_AUDIT_SCENE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "audit_memory.h"
#include "audit_spec.h"
#include "rigwalk.h"
#include "snapshot.h"

/* How much may be collected: leaves after merging, table descriptors on all paths. */
enum { AUDIT_LEAVES_MAX = 1 << 21, AUDIT_TABLES_MAX = 1 << 20 };
/* Pairs of a leaf and something that it overlaps (another leaf, a table, a piece of memory) which
 * the rules may look at. */
#define AUDIT_PAIRS_MAX (UINT64_C(1) << 25)

enum { AUDIT_MAIR_INDEXES = 8, AUDIT_MEMORY_WORDS = 128, AUDIT_LEVELS = 4 };

/* Rights, as bits of one number. */
enum {
    AUDIT_EL1_READ = 1 << 0, /* EL1 is EL2 in its regime */
    AUDIT_EL1_WRITE = 1 << 1,
    AUDIT_EL1_EXEC = 1 << 2,
    AUDIT_EL0_READ = 1 << 3,
    AUDIT_EL0_WRITE = 1 << 4,
    AUDIT_EL0_EXEC = 1 << 5,
    AUDIT_EL0_DATA = AUDIT_EL0_READ | AUDIT_EL0_WRITE,
    AUDIT_ANY_EXEC = AUDIT_EL1_EXEC | AUDIT_EL0_EXEC,
};

/* What table descriptors above a leaf take away. */
enum {
    AUDIT_TABLE_NO_EL0 = 1 << 0,    /* APTable[0] */
    AUDIT_TABLE_READ_ONLY = 1 << 1, /* APTable[1] */
    AUDIT_TABLE_PXN = 1 << 2,
    AUDIT_TABLE_UXN = 1 << 3, /* XNTable in the EL2 regime */
    AUDIT_TABLE_KINDS = 4,
};

struct audit_leaf {
    uint64_t first_va;
    uint64_t last_va;
    uint64_t pa;                     /* of first_va */
    uint64_t size;                   /* of one leaf */
    uint64_t count;                  /* leaves */
    uint64_t descriptor;             /* the first one's */
    uint64_t descriptor_pa;          /* the first one's */
    struct rig_walk_attributes attr; /* memory, shareability, AF, nG; its rights do not count */
    uint8_t given;  /* rights by descriptors and tables alone: without WXN, E0PD, the access flag */
    uint8_t rights; /* the same with WXN: what holds, but for E0PD */
    uint8_t level;
    uint8_t granule_bits;
    uint8_t upper;
    uint8_t tables; /* AUDIT_TABLE_* on its path */
    uint8_t fits;   /* 0: the output address is above the output size; it maps nothing */
};

/* A table descriptor on one path, or the root of a half. */
struct audit_table {
    uint64_t first_va; /* what it translates */
    uint64_t last_va;
    uint64_t pa;                       /* of the table it points to; 0 when that does not fit */
    uint64_t size;                     /* of that table, bytes */
    uint64_t descriptor;               /* a root: the root register */
    uint64_t descriptor_pa;            /* a root: 0 */
    uint64_t taken[AUDIT_TABLE_KINDS]; /* leaves below that lost a right that they give */
    uint8_t level;                     /* of the table it points to */
    uint8_t granule_bits;
    uint8_t upper;
    uint8_t root;
    uint8_t looped; /* the table is above itself on this path */
    uint8_t status; /* enum rig_walk_status: OK, READ_FAILED, ADDRESS_SIZE */
};

/* A valid descriptor that is none at its level. */
struct audit_reserved {
    uint64_t first_va;
    uint64_t last_va;
    uint64_t descriptor;
    uint64_t descriptor_pa;
    uint8_t level;
};

/* A frame that holds a table, once, however many paths lead to it; ascending by address. */
struct audit_frame {
    uint64_t pa;
    uint64_t size;
    size_t table;   /* the first of scene->tables that points to it */
    uint8_t levels; /* bit n: reached as a table of level n */
    uint8_t halves; /* bit 0: of the lower half, bit 1: of the upper */
    bool looped;
};

/* A half of the address space, as the rules see it. */
struct audit_half {
    struct rig_walk_half geometry;
    bool upper;
    bool used;        /* walks are enabled and the root can be used */
    bool el0_refused; /* E0PDn: no access from EL0 */
    uint64_t root_register;
};

struct audit_scene {
    const struct snapshot *snapshot;
    const struct audit_spec *spec; /* never NULL */
    const struct audit_memory *memory;
    struct rig_walk_regs regs;
    bool el2;
    bool flat; /* the MMU is off */
    bool wxn;
    bool hardware_access_flag;
    struct audit_half halves[2];
    size_t half_count;
    char memory_words[AUDIT_MAIR_INDEXES][AUDIT_MEMORY_WORDS]; /* of MAIR_ELx's attributes */

    struct audit_leaf *leaves; /* ascending by VA */
    size_t leaf_count;
    size_t leaf_room;
    struct audit_table *tables; /* roots first, then ascending by VA, outer before inner */
    size_t table_count;
    size_t table_room;
    struct audit_reserved *reserved;
    size_t reserved_count;
    size_t reserved_room;
    struct audit_frame *frames;
    size_t frame_count;
    size_t frame_room;
    struct audit_memory kernel;  /* the frames of the spec's kernel regions */
    uint64_t descriptors;        /* valid ones seen */
    enum rig_walk_status status; /* OK, or LIMIT: the lists are not whole */
    uint64_t pairs_left;
};

/*
 * Begin with what stays the same however tables change: registers, memory, words. `memory` and
 * `spec` must outlive the scene.
 */
void audit_scene_begin(struct audit_scene *scene, const struct snapshot *snapshot,
                       const struct audit_spec *spec, const struct audit_memory *memory);
/* Walk both halves through `read`; may be called again, what was collected is then dropped. */
void audit_scene_collect(struct audit_scene *scene, rig_walk_read_u64 read, void *ctx);
void audit_scene_free(struct audit_scene *scene);

/* A leaf's right as the map says it: with E0PD and the access flag. */
uint8_t audit_leaf_effective(const struct audit_scene *scene, const struct audit_leaf *leaf);

/* Whether descriptor bits 15:12 are address bits 51:48 (64 KiB granule and 52-bit PAs). */
bool audit_scene_pa52(const struct audit_scene *scene, unsigned granule_bits);

/* The first leaf that ends at va or behind it; leaf_count when there is none. */
size_t audit_leaf_at(const struct audit_scene *scene, uint64_t va);

/*
 * The first frame that can reach to pa or beyond: from there on, until one begins behind, each has
 * to be asked (a small root may lie inside another table's frame). frame_count: there is none.
 */
size_t audit_frame_at(const struct audit_scene *scene, uint64_t pa);

/* Count one pair; false when there were too many (the status is then LIMIT). */
bool audit_spend_pair(struct audit_scene *scene);

/* The leaf's physical end, inclusive. */
static inline uint64_t audit_leaf_last_pa(const struct audit_leaf *leaf)
{
    return leaf->pa + (leaf->last_va - leaf->first_va);
}

#endif
