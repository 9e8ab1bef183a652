/* What is where: devices, RAM, and places where the machine has nothing. */
#include "audit_rule.h"

/* Go through a leaf in pieces of one kind of memory. */
static bool next_piece(struct audit_rule *rule, const struct audit_leaf *leaf, uint64_t pa,
                       struct audit_piece *piece)
{
    uint64_t last = audit_leaf_last_pa(leaf);

    if (leaf->fits == 0 || pa > last || pa < leaf->pa || !audit_spend_pair(rule->scene)) {
        return false;
    }
    *piece = audit_memory_at(rule->scene->memory, pa, last);
    return true;
}

static void report_piece(struct audit_rule *rule, unsigned message, const struct audit_leaf *leaf,
                         const struct audit_piece *piece)
{
    uint64_t first = leaf->first_va + (piece->first - leaf->pa);

    audit_report(
        rule, message,
        audit_leaf_finding(rule->scene, leaf, first, first + (piece->last - piece->first)));
}

static bool is_device(const struct audit_leaf *leaf)
{
    return leaf->attr.memory < RIG_WALK_NORMAL;
}

enum { RUN_DEVICE, RUN_IO };

static const struct audit_message RUN_MESSAGES[] = {
    [RUN_DEVICE] = {AUDIT_ERROR, "Device memory may be executed",
                    "the Device type forbids speculative reads of data, not of instructions: a "
                    "core may fetch from the device's registers, with all side effects",
                    "set PXN and UXN (XN in the EL2 regime) on everything that is Device memory"},
    [RUN_IO] = {AUDIT_ERROR, "a device's addresses may be executed",
                "a core may fetch from the device's registers ahead of time, with all side effects",
                "map devices as Device memory with PXN and UXN (XN in the EL2 regime)"},
};

static void judge_run(struct audit_rule *rule)
{
    const struct audit_scene *scene = rule->scene;

    for (size_t i = 0; i < scene->leaf_count; i++) {
        const struct audit_leaf *leaf = &scene->leaves[i];
        bool runs = (leaf->rights & AUDIT_ANY_EXEC) != 0;
        struct audit_piece piece;

        if (is_device(leaf)) {
            rule->subjects += leaf->count;
            if (runs) {
                audit_report_leaf(rule, RUN_DEVICE, leaf);
            }
            continue;
        }
        for (uint64_t pa = leaf->pa; next_piece(rule, leaf, pa, &piece); pa = piece.last + 1) {
            if (piece.kind == AUDIT_IO) {
                rule->subjects++;
                if (runs) {
                    report_piece(rule, RUN_IO, leaf, &piece);
                }
            }
        }
    }
}

const struct audit_rule_module AUDIT_DEVICE_EXECUTABLE = {
    .info = {.id = "device-executable",
             .title = "no device can be executed",
             .section = "DDI 0487, B2.10.2 Device memory",
             .level_max = AUDIT_ERROR},
    .messages = RUN_MESSAGES,
    .judge = judge_run,
};

enum { TYPE_CACHED, TYPE_NORMAL, TYPE_RAM };

static const struct audit_message TYPE_MESSAGES[] = {
    [TYPE_CACHED] = {AUDIT_ERROR, "a device is mapped as cacheable Normal memory",
                     "writes stay in the cache, reads may be old, and a core may read registers "
                     "that nobody asked for",
                     "map it as Device memory"},
    [TYPE_NORMAL] =
        {AUDIT_NOTE, "a device is mapped as Normal Non-cacheable memory",
         "accesses may be merged, repeated, reordered and made ahead of time: right for "
         "a frame buffer, wrong for registers",
         "map registers as Device memory"},
    [TYPE_RAM] = {AUDIT_NOTE, "RAM is mapped as Device memory",
                  "it works, slowly, and unaligned accesses fault",
                  "map it as Normal memory, unless another master needs exactly this"},
};

static void judge_type_piece(struct audit_rule *rule, const struct audit_leaf *leaf,
                             const struct audit_piece *piece)
{
    struct audit_class class;

    if (piece->kind == AUDIT_NOTHING) {
        return;
    }
    rule->subjects++;
    if (is_device(leaf)) {
        if (piece->kind == AUDIT_RAM) {
            report_piece(rule, TYPE_RAM, leaf, piece);
        }
        return;
    }
    if (piece->kind == AUDIT_IO && audit_class_of(&leaf->attr, &class)) {
        /* SCTLR_ELx.C = 0 is not what keeps a device out of the caches. */
        struct rig_walk_attributes attr = leaf->attr;

        attr.data_cache_off = 0;
        (void)audit_class_of(&attr, &class);
        report_piece(rule,
                     class.inner == AUDIT_NON_CACHEABLE && class.outer == AUDIT_NON_CACHEABLE
                         ? TYPE_NORMAL
                         : TYPE_CACHED,
                     leaf, piece);
    }
}

static void judge_type(struct audit_rule *rule)
{
    for (size_t i = 0; i < rule->scene->leaf_count; i++) {
        const struct audit_leaf *leaf = &rule->scene->leaves[i];
        struct audit_piece piece;

        for (uint64_t pa = leaf->pa; next_piece(rule, leaf, pa, &piece); pa = piece.last + 1) {
            judge_type_piece(rule, leaf, &piece);
        }
    }
}

const struct audit_rule_module AUDIT_DEVICE_TYPE = {
    .info = {.id = "device-type",
             .title = "devices are Device memory, RAM is Normal memory",
             .section = "DDI 0487, B2.10 Memory types and attributes",
             .level_max = AUDIT_ERROR},
    .messages = TYPE_MESSAGES,
    .excuse = audit_needs_memory,
    .judge = judge_type,
};

enum { OUTSIDE_NORMAL, OUTSIDE_EXECUTABLE, OUTSIDE_DEVICE };

static const struct audit_message OUTSIDE_MESSAGES[] = {
    [OUTSIDE_NORMAL] = {AUDIT_ERROR, "Normal memory is mapped where the machine has nothing",
                        "a core may read Normal memory ahead of time: it may touch what is not "
                        "there, and what comes back (an external abort, often an SError) is blamed "
                        "on whatever runs then",
                        "map RAM only as far as it goes, with smaller blocks or pages at its end"},
    [OUTSIDE_EXECUTABLE] = {AUDIT_ERROR, "what may be executed is mapped where there is nothing",
                            "a core may fetch ahead from there, whatever the memory type",
                            "take the mapping away, or at least set PXN and UXN"},
    [OUTSIDE_DEVICE] = {AUDIT_NOTE, "Device memory is mapped where the machine has nothing",
                        "nothing is read ahead from Device memory, so only an access that the "
                        "software makes ends in an external abort",
                        "map each device's own pages, or declare the window as a device"},
};

static void judge_outside(struct audit_rule *rule)
{
    for (size_t i = 0; i < rule->scene->leaf_count; i++) {
        const struct audit_leaf *leaf = &rule->scene->leaves[i];
        unsigned message = OUTSIDE_DEVICE;
        struct audit_piece piece;

        rule->subjects += leaf->count;
        if (!is_device(leaf)) {
            message = OUTSIDE_NORMAL;
        } else if ((leaf->rights & AUDIT_ANY_EXEC) != 0) {
            message = OUTSIDE_EXECUTABLE;
        }
        for (uint64_t pa = leaf->pa; next_piece(rule, leaf, pa, &piece); pa = piece.last + 1) {
            if (piece.kind == AUDIT_NOTHING) {
                report_piece(rule, message, leaf, &piece);
            }
        }
    }
}

const struct audit_rule_module AUDIT_OUTSIDE_MEMORY = {
    .info = {.id = "outside-memory",
             .title = "nothing is mapped where the machine has nothing",
             .section = "DDI 0487, B2.10.1 Normal memory",
             .level_max = AUDIT_ERROR},
    .messages = OUTSIDE_MESSAGES,
    .excuse = audit_needs_memory,
    .judge = judge_outside,
};
