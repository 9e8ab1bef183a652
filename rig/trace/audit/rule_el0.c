/* What EL0 must not reach of the kernel, and what the kernel must not run of a program. */
#include "audit_rule.h"
#include "sysregs.h"

/* The finding of a leaf for those of its frames that lie in [first_pa, last_pa]. */
static struct audit_finding part_of(const struct audit_scene *scene, const struct audit_leaf *leaf,
                                    uint64_t first_pa, uint64_t last_pa)
{
    uint64_t leaf_last = audit_leaf_last_pa(leaf);
    uint64_t first = first_pa < leaf->pa ? leaf->pa : first_pa;
    uint64_t last = last_pa > leaf_last ? leaf_last : last_pa;

    /* Whole leaves: a page is open or closed as one. */
    first &= ~(leaf->size - 1);
    last |= leaf->size - 1;
    return audit_leaf_finding(scene, leaf, leaf->first_va + (first - leaf->pa),
                              leaf->first_va + (last - leaf->pa));
}

enum { OPEN_UPPER, OPEN_KERNEL, OPEN_TABLE };

static const struct audit_message OPEN_MESSAGES[] = {
    [OPEN_UPPER] = {AUDIT_ERROR, "EL0 may access the upper half",
                    "the upper half is the kernel's: a program reads or changes it there",
                    "clear AP[1] in the descriptor"},
    [OPEN_KERNEL] = {AUDIT_ERROR, "EL0 may access memory of the kernel's image",
                     "a program reads or changes the kernel through this address",
                     "clear AP[1] in the descriptor, or do not map these frames for programs"},
    [OPEN_TABLE] = {AUDIT_ERROR, "EL0 may read a translation table",
                    "a program learns where everything lies in physical memory",
                    "clear AP[1] in the descriptor, or do not map the table for programs"},
};

/* Report those of a leaf's frames that are the kernel's. */
static void report_kernel(struct audit_rule *rule, unsigned message, const struct audit_leaf *leaf)
{
    uint64_t last = audit_leaf_last_pa(leaf);

    for (uint64_t pa = leaf->pa; leaf->fits != 0 && pa <= last && audit_spend_pair(rule->scene);) {
        struct audit_piece piece = audit_memory_at(&rule->scene->kernel, pa, last);

        if (piece.kind != AUDIT_NOTHING) {
            audit_report(rule, message, part_of(rule->scene, leaf, piece.first, piece.last));
            piece.last |= leaf->size - 1;
        }
        pa = piece.last + 1;
    }
}

static void judge_open(struct audit_rule *rule)
{
    for (size_t i = 0; i < rule->scene->leaf_count; i++) {
        const struct audit_leaf *leaf = &rule->scene->leaves[i];

        rule->subjects += leaf->count;
        if ((leaf->rights & AUDIT_EL0_DATA) == 0) {
            continue;
        }
        if (leaf->upper != 0) {
            audit_report_leaf(rule, OPEN_UPPER, leaf);
        } else {
            report_kernel(rule, OPEN_KERNEL, leaf);
        }
        audit_report_tables(rule, OPEN_TABLE, leaf);
    }
}

const struct audit_rule_module AUDIT_KERNEL_NO_EL0 = {
    .info = {.id = "kernel-no-el0",
             .title = "EL0 has no access to what is the kernel's",
             .section = "DDI 0487, D8.4.1.2.1 Stage 1 data accesses using Direct permissions",
             .level_max = AUDIT_ERROR},
    .messages = OPEN_MESSAGES,
    .excuse = audit_needs_el0,
    .judge = judge_open,
};

enum { UXN_UPPER, UXN_KERNEL, UXN_NO_DATA, UXN_EXECUTE_ONLY };

static const struct audit_message UXN_MESSAGES[] = {
    [UXN_UPPER] = {AUDIT_ERROR, "EL0 may execute in the upper half",
                   "AP says nothing about executing: a program can jump into the kernel's half and "
                   "runs what is there as itself",
                   "set UXN in the descriptor"},
    [UXN_KERNEL] = {AUDIT_ERROR, "EL0 may execute memory of the kernel's image",
                    "a program runs the kernel's code as itself: gadgets, and an oracle for what "
                    "lies where",
                    "set UXN in the descriptor"},
    [UXN_NO_DATA] = {AUDIT_ERROR, "EL0 may execute what it may neither read nor write",
                     "the page is the kernel's by its access permissions, and UXN is missing",
                     "set UXN in the descriptor"},
    [UXN_EXECUTE_ONLY] = {AUDIT_NOTE, "EL0 may execute what it may neither read nor write",
                          "looks like a program's execute-only page (not global, privileged code "
                          "neither writes nor executes it); PAN does not cover such pages without "
                          "FEAT_PAN3",
                          "nothing, if it is meant; otherwise set UXN"},
};

static bool execute_only(const struct audit_leaf *leaf)
{
    return leaf->attr.ng != 0 && (leaf->given & (AUDIT_EL1_WRITE | AUDIT_EL1_EXEC)) == 0;
}

static void judge_uxn_leaf(struct audit_rule *rule, const struct audit_leaf *leaf)
{
    bool data = (leaf->rights & AUDIT_EL0_DATA) != 0;

    if (leaf->upper != 0) {
        audit_report_leaf(rule, UXN_UPPER, leaf);
    } else if (!data && !execute_only(leaf)) {
        audit_report_leaf(rule, UXN_NO_DATA, leaf);
    } else {
        if (!data) {
            audit_report_leaf(rule, UXN_EXECUTE_ONLY, leaf);
        }
        report_kernel(rule, UXN_KERNEL, leaf);
    }
}

static void judge_uxn(struct audit_rule *rule)
{
    for (size_t i = 0; i < rule->scene->leaf_count; i++) {
        const struct audit_leaf *leaf = &rule->scene->leaves[i];

        rule->subjects += leaf->count;
        if ((leaf->rights & AUDIT_EL0_EXEC) != 0) {
            judge_uxn_leaf(rule, leaf);
        }
    }
}

const struct audit_rule_module AUDIT_KERNEL_UXN = {
    .info = {.id = "kernel-uxn",
             .title = "EL0 executes nothing of the kernel's",
             .section = "DDI 0487, D8.4.1.2.3 Stage 1 instruction execution using Direct "
                        "permissions",
             .level_max = AUDIT_ERROR},
    .messages = UXN_MESSAGES,
    .excuse = audit_needs_el0,
    .judge = judge_uxn,
};

enum { PXN_WRITTEN, PXN_READ, PXN_READ_ELSEWHERE, PXN_IMPLICIT };

static const struct audit_message PXN_MESSAGES[] = {
    [PXN_WRITTEN] = {AUDIT_ERROR, "EL1 may execute here what EL0 can write elsewhere",
                     "a program prepares code, and a bent pointer in the kernel runs it",
                     "set PXN in this descriptor, or take the frames away from EL0"},
    [PXN_READ] = {AUDIT_ERROR, "EL1 may execute a page that EL0 may access",
                  "a bent pointer in the kernel runs a program's page with the kernel's rights",
                  "set PXN in the descriptor of each page that a program may use"},
    [PXN_READ_ELSEWHERE] = {AUDIT_ERROR, "EL1 may execute here what EL0 can access elsewhere",
                            "the kernel runs memory that is a program's",
                            "set PXN in this descriptor, or take the frames away from EL0"},
    [PXN_IMPLICIT] = {AUDIT_NOTE, "PXN is clear on a page that EL0 may write",
                      "that EL1 does not execute it is because of EL0's write right alone: made "
                      "read-only later, the page becomes executable for the kernel",
                      "set PXN in the descriptor"},
};

static void judge_pxn(struct audit_rule *rule)
{
    for (size_t i = 0; i < rule->scene->leaf_count; i++) {
        const struct audit_leaf *leaf = &rule->scene->leaves[i];

        if ((leaf->rights & AUDIT_EL0_DATA) == 0) {
            continue;
        }
        rule->subjects += leaf->count;
        if ((leaf->rights & AUDIT_EL0_WRITE) != 0 && (leaf->descriptor & DESC_LEAF_PXN_BIT) == 0 &&
            (leaf->tables & AUDIT_TABLE_PXN) == 0) {
            audit_report_leaf(rule, PXN_IMPLICIT, leaf);
        }
    }
}

/* [first, last] of the segment: EL1 executes it through `runs`, EL0 uses it through `uses`. */
static void report_pxn(struct audit_rule *rule, const struct audit_segment *segment,
                       unsigned message, size_t runs, size_t uses, uint64_t first, uint64_t last)
{
    const struct audit_scene *scene = rule->scene;
    const struct audit_leaf *leaf = &scene->leaves[runs];
    uint64_t va = audit_segment_va(segment, leaf) + (first - segment->first);
    struct audit_finding finding = audit_leaf_finding(scene, leaf, va, va + (last - first));

    if (uses != runs) {
        finding.other = audit_segment_va(segment, &scene->leaves[uses]) + (first - segment->first);
        finding.has_other = true;
        finding.other_what = audit_leaf_what(scene, &scene->leaves[uses]);
    }
    audit_report(rule, message, finding);
}

/* Read access to the kernel's own frames is what kernel-no-el0 speaks of. */
static void report_readable(struct audit_rule *rule, const struct audit_segment *segment,
                            size_t runs, size_t uses)
{
    for (uint64_t pa = segment->first; pa <= segment->last && audit_spend_pair(rule->scene);) {
        struct audit_piece piece = audit_memory_at(&rule->scene->kernel, pa, segment->last);

        if (piece.kind == AUDIT_NOTHING) {
            report_pxn(rule, segment, uses == runs ? PXN_READ : PXN_READ_ELSEWHERE, runs, uses,
                       piece.first, piece.last);
        }
        pa = piece.last + 1;
    }
}

static void pxn_segment(struct audit_rule *rule, const struct audit_segment *segment)
{
    size_t writer = audit_segment_first(segment, AUDIT_LIST_EL0_WRITE);
    size_t reader = audit_segment_first(segment, AUDIT_LIST_EL0_DATA);

    if (reader == AUDIT_LEAF_NONE) {
        return;
    }
    for (size_t leaf = audit_segment_first(segment, AUDIT_LIST_EL1_EXEC);
         leaf != AUDIT_LEAF_NONE && audit_spend_pair(rule->scene);
         leaf = audit_segment_next(segment, AUDIT_LIST_EL1_EXEC, leaf)) {
        if (writer != AUDIT_LEAF_NONE) {
            report_pxn(rule, segment, PXN_WRITTEN, leaf, writer, segment->first, segment->last);
        } else if ((rule->scene->leaves[leaf].rights & AUDIT_EL0_DATA) != 0) {
            report_readable(rule, segment, leaf, leaf);
        } else {
            report_readable(rule, segment, leaf, reader);
        }
    }
}

const struct audit_rule_module AUDIT_USER_PXN = {
    .info = {.id = "user-pxn",
             .title = "EL1 executes nothing that EL0 can use",
             .section = "DDI 0487, D8.4.1.2.3 Stage 1 instruction execution using Direct "
                        "permissions",
             .level_max = AUDIT_ERROR},
    .messages = PXN_MESSAGES,
    .excuse = audit_needs_el0,
    .judge = judge_pxn,
    .segment = pxn_segment,
};
