/* Leaves that fault at their first use. */
#include "audit_rule.h"

enum { FLAG_KERNEL, FLAG_OTHER };

static const struct audit_message MESSAGES[] = {
    [FLAG_KERNEL] = {AUDIT_ERROR, "the access flag of a kernel's mapping is clear",
                     "hardware does not set it here, so the first access faults, in a place where "
                     "nobody may be able to handle that",
                     "set AF in every descriptor of the kernel"},
    [FLAG_OTHER] = {AUDIT_NOTE, "the access flag is clear",
                    "hardware does not set it here, so the next access faults; a kernel that ages "
                    "pages wants that",
                    "set AF, unless the fault is handled"},
};

static bool is_kernel(const struct audit_scene *scene, const struct audit_leaf *leaf)
{
    uint64_t last = audit_leaf_last_pa(leaf);
    struct audit_piece piece = audit_memory_at(&scene->kernel, leaf->pa, last);

    return scene->el2 || leaf->upper != 0 || piece.kind != AUDIT_NOTHING || piece.last < last;
}

static void judge(struct audit_rule *rule)
{
    for (size_t i = 0; i < rule->scene->leaf_count; i++) {
        const struct audit_leaf *leaf = &rule->scene->leaves[i];

        if (leaf->fits == 0) {
            continue; /* faults in any case, and is told by reserved-bits */
        }
        rule->subjects += leaf->count;
        if (leaf->attr.af == 0 && !rule->scene->hardware_access_flag) {
            audit_report_leaf(rule, is_kernel(rule->scene, leaf) ? FLAG_KERNEL : FLAG_OTHER, leaf);
        }
    }
}

const struct audit_rule_module AUDIT_ACCESS_FLAG = {
    .info = {.id = "access-flag",
             .title = "no mapping of the kernel faults at its first use",
             .section = "DDI 0487, D8.5.1 The Access flag",
             .level_max = AUDIT_ERROR},
    .messages = MESSAGES,
    .judge = judge,
};
