/* Where the tables themselves lie, how they are mapped, and how they hang together. */
#include <inttypes.h>
#include <stdio.h>

#include "audit_rule.h"
#include "sysregs.h"

#define FIELD(value, name) (((value)&name##_MASK) >> name##_SHIFT)

enum {
    PLACE_NOTHING,
    PLACE_ROM,
    PLACE_IO,
    PLACE_NULL_ROOT,
    WALK_CACHEABILITY,
    WALK_SHAREABILITY,
};

static const struct audit_message PLACE_MESSAGES[] = {
    [PLACE_NOTHING] = {AUDIT_ERROR, "a table lies where the machine has nothing",
                       "a walk reads it at any time, also ahead of any access, and gets an "
                       "external abort or what the bus happens to give",
                       "correct the address of the table, or make the descriptor invalid"},
    [PLACE_ROM] = {AUDIT_ERROR, "a table lies in ROM or flash",
                   "it cannot be changed, and while flash is being programmed walks read garbage",
                   "put tables into RAM"},
    [PLACE_IO] = {AUDIT_ERROR, "a table lies in a device",
                  "a walk reads the device's registers at any time, with all side effects",
                  "put tables into RAM"},
    [PLACE_NULL_ROOT] = {AUDIT_ERROR, "the root of a half whose walks are enabled is 0",
                         "what the machine has at physical address 0 is read as a table at any "
                         "time, also ahead of any access",
                         "disable the half's walks (TCR_EL1.EPDn), or point the root at an empty "
                         "table"},
    [WALK_CACHEABILITY] = {AUDIT_ERROR,
                           "a table is mapped with another cacheability than walks of it use",
                           "what is stored through this address and what the walker reads may "
                           "differ without cache maintenance",
                           "give TCR_ELx.IRGNn and ORGNn the policy of the mapping"},
    [WALK_SHAREABILITY] = {AUDIT_NOTE,
                           "a table is mapped with another shareability than walks of it use",
                           "coherency of walks and stores with other observers is not guaranteed",
                           "give TCR_ELx.SHn the shareability of the mapping"},
};

_Static_assert(TCR_EL1_IRGN0_MASK == TCR_EL2_IRGN0_MASK &&
                   TCR_EL1_ORGN0_MASK == TCR_EL2_ORGN0_MASK && TCR_EL1_SH0_MASK == TCR_EL2_SH0_MASK,
               "TCR_EL2 has what TCR_EL1 has of its lower half at the same place");

/* What the walks of a half use: TCR_ELx.{IRGN,ORGN,SH}n. */
static struct audit_class walk_class(const struct audit_scene *scene, bool upper)
{
    static const uint8_t policies[] = {AUDIT_NON_CACHEABLE, AUDIT_WRITE_BACK, AUDIT_WRITE_THROUGH,
                                       AUDIT_WRITE_BACK};
    uint64_t tcr = scene->regs.tcr;
    struct audit_class class = {.memory = RIG_WALK_NORMAL};
    bool cached = (scene->regs.sctlr & SCTLR_EL1_C_BIT) != 0;

    class.inner = policies[upper ? FIELD(tcr, TCR_EL1_IRGN1) : FIELD(tcr, TCR_EL1_IRGN0)];
    class.outer = policies[upper ? FIELD(tcr, TCR_EL1_ORGN1) : FIELD(tcr, TCR_EL1_ORGN0)];
    class.shareability = (uint8_t)(upper ? FIELD(tcr, TCR_EL1_SH1) : FIELD(tcr, TCR_EL1_SH0));
    if (!cached) {
        class.inner = AUDIT_NON_CACHEABLE;
        class.outer = AUDIT_NON_CACHEABLE;
    }
    if (class.inner == AUDIT_NON_CACHEABLE && class.outer == AUDIT_NON_CACHEABLE) {
        class.shareability = DESC_LEAF_SH_OUTER >> DESC_LEAF_SH_SHIFT;
    }
    return class;
}

static void judge_place(struct audit_rule *rule, const struct audit_frame *frame)
{
    static const unsigned messages[] = {
        [AUDIT_NOTHING] = PLACE_NOTHING, [AUDIT_IO] = PLACE_IO, [AUDIT_ROM] = PLACE_ROM};
    const struct audit_scene *scene = rule->scene;
    const struct audit_table *table = &scene->tables[frame->table];
    struct audit_piece piece =
        audit_memory_at(scene->memory, frame->pa, frame->pa + (frame->size - 1));

    /* A table may not reach out of RAM, either. */
    if (piece.kind == AUDIT_RAM && piece.last < frame->pa + (frame->size - 1)) {
        piece = audit_memory_at(scene->memory, piece.last + 1, frame->pa + (frame->size - 1));
    }
    if (piece.kind == AUDIT_RAM) {
        return;
    }
    audit_report(rule, table->root != 0 && frame->pa == 0 ? PLACE_NULL_ROOT : messages[piece.kind],
                 audit_table_finding(table));
}

/* A leaf that maps a table's frame: the walker's view of it against the leaf's. */
static void judge_mapping(struct audit_rule *rule, const struct audit_leaf *leaf,
                          const struct audit_frame *frame, const struct audit_class *class)
{
    const struct audit_scene *scene = rule->scene;
    uint64_t first = frame->pa < leaf->pa ? leaf->pa : frame->pa;
    uint64_t frame_last = frame->pa + (frame->size - 1);
    uint64_t leaf_last = audit_leaf_last_pa(leaf);
    uint64_t last = frame_last > leaf_last ? leaf_last : frame_last;

    for (unsigned half = 0; half < scene->half_count; half++) {
        struct audit_class walk = walk_class(scene, half == 1);
        bool cacheability = class->memory != walk.memory || class->inner != walk.inner ||
                            class->outer != walk.outer;

        if ((frame->halves >> half & 1) != 0 &&
            (cacheability || class->shareability != walk.shareability)) {
            struct audit_finding finding =
                audit_leaf_finding(scene, leaf, leaf->first_va + (first - leaf->pa),
                                   leaf->first_va + (last - leaf->pa));

            finding.argument = half;
            audit_report(rule, cacheability ? WALK_CACHEABILITY : WALK_SHAREABILITY, finding);
        }
    }
}

static void judge_memory(struct audit_rule *rule)
{
    const struct audit_scene *scene = rule->scene;

    for (size_t i = 0; i < scene->frame_count; i++) {
        rule->subjects++;
        judge_place(rule, &scene->frames[i]);
    }
    for (size_t i = 0; i < scene->leaf_count; i++) {
        const struct audit_leaf *leaf = &scene->leaves[i];
        uint64_t last = audit_leaf_last_pa(leaf);
        struct audit_class class;

        if (leaf->fits == 0 || !audit_class_of(&leaf->attr, &class)) {
            continue;
        }
        for (size_t at = audit_frame_at(scene, leaf->pa);
             at < scene->frame_count && scene->frames[at].pa <= last; at++) {
            const struct audit_frame *frame = &scene->frames[at];

            if (frame->pa + (frame->size - 1) >= leaf->pa && audit_spend_pair(rule->scene)) {
                judge_mapping(rule, leaf, frame, &class);
            }
        }
    }
}

static void memory_particulars(const struct audit_scene *scene, const struct audit_finding *finding,
                               char *text, size_t size)
{
    if (finding->message == WALK_CACHEABILITY || finding->message == WALK_SHAREABILITY) {
        struct audit_class class = walk_class(scene, finding->argument == 1);
        char words[96];

        audit_class_words(&class, words, sizeof(words));
        snprintf(text, size, "walks through TTBR%u use %s", (unsigned)finding->argument, words);
    } else if (finding->what.kind == AUDIT_WHAT_TABLE) {
        snprintf(text, size, "the table is at 0x%" PRIx64, finding->pa);
    }
}

const struct audit_rule_module AUDIT_TABLE_MEMORY = {
    .info = {.id = "table-memory",
             .title = "tables lie in RAM, and walks see them as the kernel writes them",
             .section = "DDI 0487, D8.6 Memory region attributes",
             .level_max = AUDIT_ERROR},
    .messages = PLACE_MESSAGES,
    .excuse = audit_needs_memory,
    .judge = judge_memory,
    .particulars = memory_particulars,
};

enum { LOOP_SELF, LOOP_LEVELS };

static const struct audit_message LOOP_MESSAGES[] = {
    [LOOP_SELF] = {AUDIT_NOTE, "a table is reached from itself",
                   "a window through which tables are edited: its entries are read as leaves, so "
                   "that tables are mapped as memory, with the rights that their descriptors "
                   "happen to spell",
                   "nothing, if it is meant; check the rights of the window"},
    [LOOP_LEVELS] = {AUDIT_NOTE, "a table is reached at different levels",
                     "its descriptors mean something else at each",
                     "nothing, if it is meant; otherwise correct the descriptor that leads there"},
};

static void judge_loop(struct audit_rule *rule)
{
    for (size_t i = 0; i < rule->scene->frame_count; i++) {
        const struct audit_frame *frame = &rule->scene->frames[i];
        struct audit_finding finding = audit_table_finding(&rule->scene->tables[frame->table]);

        rule->subjects++;
        finding.argument = frame->levels;
        if (frame->looped) {
            audit_report(rule, LOOP_SELF, finding);
        } else if ((frame->levels & (frame->levels - 1U)) != 0) {
            audit_report(rule, LOOP_LEVELS, finding);
        }
    }
}

static void loop_particulars(const struct audit_scene *scene, const struct audit_finding *finding,
                             char *text, size_t size)
{
    size_t at;

    (void)scene;
    at = (size_t)snprintf(text, size, "the table at 0x%" PRIx64 " is used at level", finding->pa);
    for (unsigned level = 0; level < AUDIT_LEVELS && at < size; level++) {
        if ((finding->argument >> level & 1) != 0) {
            at += (size_t)snprintf(text + at, size - at, " %u", level);
        }
    }
}

const struct audit_rule_module AUDIT_TABLE_LOOP = {
    .info = {.id = "table-loop",
             .title = "each table is used at one level, and never below itself",
             .section = "DDI 0487, D8.2.1 Translation table walk",
             .level_max = AUDIT_NOTE},
    .messages = LOOP_MESSAGES,
    .judge = judge_loop,
    .particulars = loop_particulars,
};

enum { WRITABLE_EL0, EXECUTABLE };

static const struct audit_message WRITABLE_MESSAGES[] = {
    [WRITABLE_EL0] = {AUDIT_ERROR, "EL0 may write a translation table",
                      "a program maps whatever it wants, with all rights: no other rule holds then",
                      "take the table out of what programs can reach"},
    [EXECUTABLE] = {AUDIT_ERROR, "a translation table may be executed",
                    "descriptors are no code; memory that is written all the time must not run",
                    "set PXN and UXN (XN in the EL2 regime) on the tables' mapping"},
};

static void judge_writable(struct audit_rule *rule)
{
    const struct audit_scene *scene = rule->scene;

    rule->subjects = scene->frame_count;
    for (size_t i = 0; i < scene->leaf_count; i++) {
        const struct audit_leaf *leaf = &scene->leaves[i];

        if ((leaf->rights & AUDIT_EL0_WRITE) != 0) {
            audit_report_tables(rule, WRITABLE_EL0, leaf);
        }
        if ((leaf->rights & AUDIT_ANY_EXEC) != 0) {
            audit_report_tables(rule, EXECUTABLE, leaf);
        }
    }
}

const struct audit_rule_module AUDIT_TABLE_WRITABLE = {
    .info = {.id = "table-writable",
             .title = "no program writes tables, and nobody executes them",
             .section = "DDI 0487, D8.4.1 Stage 1 permissions",
             .level_max = AUDIT_ERROR},
    .messages = WRITABLE_MESSAGES,
    .judge = judge_writable,
};
