/* Writable and executable: through one mapping, or through two. */
#include <inttypes.h>
#include <stdio.h>

#include "audit_rule.h"

enum { WX_EL1, WX_EL0, WX_EL1_BUT_WXN, WX_EL0_BUT_WXN };

static const struct audit_message WX_MESSAGES[] = {
    [WX_EL1] = {AUDIT_ERROR, "privileged code may write and execute this",
                "whoever finds a way to write there runs what he wrote, with the kernel's rights",
                "map code read-only, and set PXN (XN in the EL2 regime) on all that is written"},
    [WX_EL0] = {AUDIT_ERROR, "EL0 may write and execute this",
                "a program's overrun buffer becomes its code",
                "map a program's code read-only for EL0, and set UXN on all that it writes"},
    [WX_EL1_BUT_WXN] = {AUDIT_NOTE,
                        "the descriptor gives privileged code both writing and executing",
                        "only SCTLR_ELx.WXN takes the execute right away: one bit, set after the "
                        "tables are made, is all the protection",
                        "set PXN (XN in the EL2 regime) in the descriptor as well"},
    [WX_EL0_BUT_WXN] = {AUDIT_NOTE, "the descriptor gives EL0 both writing and executing",
                        "only SCTLR_EL1.WXN takes the execute right away",
                        "set UXN in the descriptor as well"},
};

static void judge_mapping(struct audit_rule *rule)
{
    for (size_t i = 0; i < rule->scene->leaf_count; i++) {
        const struct audit_leaf *leaf = &rule->scene->leaves[i];
        unsigned el1 = AUDIT_EL1_WRITE | AUDIT_EL1_EXEC;
        unsigned el0 = AUDIT_EL0_WRITE | AUDIT_EL0_EXEC;

        rule->subjects += leaf->count;
        if ((leaf->rights & el1) == el1) {
            audit_report_leaf(rule, WX_EL1, leaf);
        } else if ((leaf->given & el1) == el1) {
            audit_report_leaf(rule, WX_EL1_BUT_WXN, leaf);
        }
        if ((leaf->rights & el0) == el0) {
            audit_report_leaf(rule, WX_EL0, leaf);
        } else if ((leaf->given & el0) == el0) {
            audit_report_leaf(rule, WX_EL0_BUT_WXN, leaf);
        }
    }
}

const struct audit_rule_module AUDIT_WX_MAPPING = {
    .info = {.id = "wx-mapping",
             .title = "nothing is writable and executable through one mapping",
             .section = "DDI 0487, D8.4.1 Stage 1 permissions",
             .level_max = AUDIT_ERROR},
    .messages = WX_MESSAGES,
    .judge = judge_mapping,
};

enum { ALIAS_EL1, ALIAS_EL0, ALIAS_EL0_BY_EL1 };

static const struct audit_message ALIAS_MESSAGES[] = {
    [ALIAS_EL1] = {AUDIT_ERROR, "privileged code executes here what can be written elsewhere",
                   "each mapping is fine; together they are a kernel whose code can be changed",
                   "make the other mapping read-only, or leave these frames out of it"},
    [ALIAS_EL0] = {AUDIT_ERROR, "EL0 executes here what EL0 can write elsewhere",
                   "a program's code can be changed by a program",
                   "make the other mapping read-only for EL0"},
    [ALIAS_EL0_BY_EL1] = {AUDIT_NOTE, "EL0 executes here what privileged code can write elsewhere",
                          "a loader needs that; a kernel that is tricked into writing there "
                          "changes a program",
                          "make the kernel's mapping of programs' text read-only after loading"},
};

/* One executable leaf against those that can be written; false: no other one can. */
static bool report_pair(struct audit_rule *rule, const struct audit_segment *segment,
                        unsigned message, size_t runs, unsigned writers)
{
    const struct audit_scene *scene = rule->scene;
    size_t writes = audit_segment_other(segment, writers, runs);
    const struct audit_leaf *leaf = &scene->leaves[runs];
    struct audit_finding finding;

    if (writes == AUDIT_LEAF_NONE) {
        return false;
    }
    if (!audit_spend_pair(rule->scene)) {
        return true;
    }
    finding =
        audit_leaf_finding(scene, leaf, audit_segment_va(segment, leaf),
                           audit_segment_va(segment, leaf) + (segment->last - segment->first));
    finding.other = audit_segment_va(segment, &scene->leaves[writes]);
    finding.has_other = true;
    finding.other_what = audit_leaf_what(scene, &scene->leaves[writes]);
    audit_report(rule, message, finding);
    return true;
}

static void judge_alias(struct audit_rule *rule)
{
    for (size_t i = 0; i < rule->scene->leaf_count; i++) {
        const struct audit_leaf *leaf = &rule->scene->leaves[i];

        rule->subjects += (leaf->rights & AUDIT_ANY_EXEC) != 0 ? leaf->count : 0;
    }
}

static void alias_segment(struct audit_rule *rule, const struct audit_segment *segment)
{
    if (audit_segment_first(segment, AUDIT_LIST_EL1_WRITE) == AUDIT_LEAF_NONE) {
        return;
    }
    for (size_t leaf = audit_segment_first(segment, AUDIT_LIST_EL1_EXEC); leaf != AUDIT_LEAF_NONE;
         leaf = audit_segment_next(segment, AUDIT_LIST_EL1_EXEC, leaf)) {
        (void)report_pair(rule, segment, ALIAS_EL1, leaf, AUDIT_LIST_EL1_WRITE);
    }
    for (size_t leaf = audit_segment_first(segment, AUDIT_LIST_EL0_EXEC); leaf != AUDIT_LEAF_NONE;
         leaf = audit_segment_next(segment, AUDIT_LIST_EL0_EXEC, leaf)) {
        if (!report_pair(rule, segment, ALIAS_EL0, leaf, AUDIT_LIST_EL0_WRITE)) {
            (void)report_pair(rule, segment, ALIAS_EL0_BY_EL1, leaf, AUDIT_LIST_EL1_WRITE);
        }
    }
}

const struct audit_rule_module AUDIT_WX_ALIAS = {
    .info = {.id = "wx-alias",
             .title = "what is executed at one address cannot be written at another",
             .section = "DDI 0487, D8.4.1 Stage 1 permissions",
             .level_max = AUDIT_ERROR},
    .messages = ALIAS_MESSAGES,
    .judge = judge_alias,
    .segment = alias_segment,
};
