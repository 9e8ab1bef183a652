/* Groups of leaves that the TLB may hold as one. */
#include <stdio.h>

#include "audit_rule.h"
#include "sysregs.h"

enum { GROUP_UNALIGNED, GROUP_NOT_MARKED, GROUP_NOT_ALIKE, GROUP_NOT_WHOLE, GROUP_TOO_LARGE };

#define WHY "the TLB may hold one entry for the whole group: "

static const struct audit_message MESSAGES[] = {
    [GROUP_UNALIGNED] = {AUDIT_ERROR,
                         "a contiguous group leads to addresses that are not aligned to it",
                         WHY "which address comes out then is not foreseeable",
                         "align virtual and physical address to the group, or clear the bit"},
    [GROUP_NOT_MARKED] = {AUDIT_ERROR, "an entry of a contiguous group lacks the contiguous bit",
                          "the TLB may hold the group and the entry: a lookup gives either, a "
                          "mixture, or a TLB conflict abort",
                          "set the bit in every entry of the group, or in none"},
    [GROUP_NOT_ALIKE] = {AUDIT_ERROR,
                         "an entry of a contiguous group leads elsewhere or has other attributes",
                         WHY "any of the values may hold for all of it",
                         "make the entries alike and their addresses linear, or clear the bit"},
    [GROUP_NOT_WHOLE] = {AUDIT_ERROR, "an entry of a contiguous group is invalid",
                         WHY "the hole may be translated like its neighbours",
                         "clear the bit in the group before an entry is taken out of it"},
    [GROUP_TOO_LARGE] = {AUDIT_ERROR, "a contiguous group reaches beyond the address range",
                         "TnSZ makes the range smaller than the group: accesses may fault or not",
                         "clear the bit"},
};

/* DDI 0487 table D8-104: entries of a group. */
static uint64_t group_entries(const struct audit_leaf *leaf)
{
    enum { GRANULE_4K = 12, GRANULE_16K = 14 };

    if (leaf->granule_bits == GRANULE_4K) {
        return 16;
    }
    return leaf->granule_bits == GRANULE_16K && leaf->level == 3 ? 128 : 32;
}

/* The level 1 block of the 64 KiB granule has no groups: the bit is reserved there. */
static bool has_groups(const struct audit_leaf *leaf)
{
    enum { GRANULE_64K = 16 };

    return leaf->granule_bits != GRANULE_64K || leaf->level != 1;
}

/*
 * What entries of one group must have in common. Hardware may set the access flag, and make a leaf
 * dirty, in some of them only (D8.7.1); bits for software do not count.
 */
static uint64_t common_bits(const struct audit_scene *scene, const struct audit_leaf *leaf)
{
    enum { OA_TOP = 48 };
    uint64_t address = ((UINT64_C(1) << OA_TOP) - 1) & ~(leaf->size - 1);
    uint64_t ignored = address | DESC_LEAF_SOFTWARE_MASK | ~(UINT64_MAX >> 5);

    if (scene->hardware_access_flag) {
        ignored |= DESC_LEAF_AF_BIT;
        if ((leaf->descriptor & DESC_LEAF_DBM_BIT) != 0) {
            ignored |= DESC_LEAF_AP_EL1_RO;
        }
    }
    return ~ignored;
}

/* What is wrong with the group [first, first + size) that a leaf is part of; -1: nothing. */
static int judge_group(const struct audit_scene *scene, const struct audit_leaf *leaf,
                       uint64_t first, uint64_t size)
{
    const struct rig_walk_half *half = &scene->halves[leaf->upper].geometry;
    uint64_t common = common_bits(scene, leaf);
    uint64_t va = first;
    uint64_t last = first + (size - 1);
    bool hole = false;

    if (first < half->first_va || last > half->last_va) {
        return GROUP_TOO_LARGE;
    }
    for (size_t i = audit_leaf_at(scene, first);
         i < scene->leaf_count && scene->leaves[i].first_va <= last; i++) {
        const struct audit_leaf *member = &scene->leaves[i];

        if (member->first_va > va) {
            hole = true;
        }
        if (member->attr.contiguous == 0 || member->level != leaf->level) {
            return GROUP_NOT_MARKED;
        }
        if (((member->descriptor ^ leaf->descriptor) & common) != 0 ||
            member->given != leaf->given ||
            member->pa - member->first_va != leaf->pa - leaf->first_va) {
            return GROUP_NOT_ALIKE;
        }
        va = member->last_va + 1;
        if (member->last_va >= last) {
            return hole ? GROUP_NOT_WHOLE : -1;
        }
    }
    return GROUP_NOT_WHOLE;
}

/* A run's groups: those at its two ends may be shared with others, those between are its own. */
static void judge_run(struct audit_rule *rule, const struct audit_leaf *leaf, uint64_t *told)
{
    uint64_t size = leaf->size * group_entries(leaf);
    uint64_t within = size - 1;
    uint64_t ends[2] = {leaf->first_va & ~within, leaf->last_va & ~within};

    if (leaf->fits != 0 && ((leaf->pa ^ leaf->first_va) & within) != 0) {
        audit_report_leaf(rule, GROUP_UNALIGNED, leaf);
        return;
    }
    for (unsigned i = 0; i < 2; i++) {
        bool whole = ends[i] >= leaf->first_va && (ends[i] | within) <= leaf->last_va;
        int message = whole || ends[i] < *told ? -1 : judge_group(rule->scene, leaf, ends[i], size);

        if (message >= 0) {
            /* The whole group is told, whichever part of it the run is. */
            uint64_t last = ends[i] | within;
            struct audit_finding finding = audit_leaf_finding(rule->scene, leaf, ends[i], last);

            finding.argument = group_entries(leaf);
            audit_report(rule, (unsigned)message, finding);
            *told = last + 1;
        }
    }
}

static void judge(struct audit_rule *rule)
{
    uint64_t told = 0; /* groups below are told already */

    for (size_t i = 0; i < rule->scene->leaf_count; i++) {
        const struct audit_leaf *leaf = &rule->scene->leaves[i];

        if (leaf->attr.contiguous != 0 && has_groups(leaf)) {
            rule->subjects += leaf->count;
            judge_run(rule, leaf, &told);
        }
    }
}

static void particulars(const struct audit_scene *scene, const struct audit_finding *finding,
                        char *text, size_t size)
{
    (void)scene;
    if (finding->argument != 0) {
        snprintf(text, size, "a group is %u entries here", (unsigned)finding->argument);
    }
}

const struct audit_rule_module AUDIT_CONTIGUOUS = {
    .info = {.id = "contiguous",
             .title = "contiguous groups are whole, aligned and alike",
             .section = "DDI 0487, D8.7.1.1 Misprogramming the Contiguous bit",
             .level_max = AUDIT_ERROR},
    .messages = MESSAGES,
    .judge = judge,
    .particulars = particulars,
};
