/* One frame with two sets of memory attributes. */
#include <stdio.h>

#include "audit_rule.h"

enum { OTHER_TYPE, OTHER_CACHEABILITY, OTHER_SHAREABILITY, OTHER_UNCACHED };

static const struct audit_message MESSAGES[] = {
    [OTHER_TYPE] = {AUDIT_ERROR, "the same memory is mapped with another memory type elsewhere",
                    "mismatched attributes: the guarantees of the Device type may be lost (no "
                    "speculation, no merging, no reordering), and coherency with them",
                    "use one memory type for all mappings of a frame"},
    [OTHER_CACHEABILITY] = {AUDIT_ERROR,
                            "the same memory is mapped with another cacheability elsewhere",
                            "mismatched attributes: a read may miss what was written through the "
                            "other address, and an old cache line may be written over it; only "
                            "cache maintenance between the accesses helps",
                            "use one cacheability for all mappings of a frame, or unmap the other "
                            "one while this one is used"},
    [OTHER_SHAREABILITY] = {AUDIT_ERROR,
                            "the same memory is mapped with another shareability elsewhere",
                            "mismatched attributes: coherency between observers is not guaranteed",
                            "use one shareability for all mappings of a frame"},
    [OTHER_UNCACHED] = {AUDIT_ERROR,
                        "the same memory is mapped with another uncached type elsewhere",
                        "mismatched attributes: the properties of the stricter type may be lost, "
                        "and accesses through the two addresses may be reordered without a DMB",
                        "use one memory type for all mappings of a frame"},
};

static bool uncached(const struct audit_class *class)
{
    return class->memory != RIG_WALK_NORMAL ||
           (class->inner == AUDIT_NON_CACHEABLE && class->outer == AUDIT_NON_CACHEABLE);
}

/* DDI 0487 B2.11: what of the common definition differs. */
static unsigned difference(const struct audit_class *class, const struct audit_class *other)
{
    if (uncached(class) && uncached(other)) {
        return OTHER_UNCACHED;
    }
    if (class->memory != other->memory) {
        return OTHER_TYPE;
    }
    if (class->inner != other->inner || class->outer != other->outer) {
        return OTHER_CACHEABILITY;
    }
    return OTHER_SHAREABILITY;
}

static void judge(struct audit_rule *rule)
{
    for (size_t i = 0; i < rule->scene->leaf_count; i++) {
        rule->subjects += rule->scene->leaves[i].count;
    }
}

/*
 * Which of several classes counts as the memory's own: that of the largest mapping (a kernel's
 * linear map), the first of equal ones. The others are what is reported.
 */
static size_t reference(const struct audit_scene *scene, const struct audit_segment *segment,
                        size_t *present)
{
    size_t best = AUDIT_CLASS_NONE;
    uint64_t best_length = 0;

    *present = 0;
    for (size_t i = 0; i < audit_segment_classes(segment); i++) {
        size_t leaf = audit_segment_first(segment, audit_class_list(i));
        uint64_t length;

        if (leaf == AUDIT_LEAF_NONE) {
            continue;
        }
        length = scene->leaves[leaf].last_va - scene->leaves[leaf].first_va;
        if (*present == 0 || length > best_length) {
            best = i;
            best_length = length;
        }
        ++*present;
    }
    return best;
}

static void report_class(struct audit_rule *rule, const struct audit_segment *segment,
                         size_t number, size_t own)
{
    const struct audit_scene *scene = rule->scene;
    unsigned message =
        difference(audit_segment_class(segment, number), audit_segment_class(segment, own));
    const struct audit_leaf *other =
        &scene->leaves[audit_segment_first(segment, audit_class_list(own))];

    for (size_t i = audit_segment_first(segment, audit_class_list(number));
         i != AUDIT_LEAF_NONE && audit_spend_pair(rule->scene);
         i = audit_segment_next(segment, audit_class_list(number), i)) {
        const struct audit_leaf *leaf = &scene->leaves[i];
        uint64_t va = audit_segment_va(segment, leaf);
        struct audit_finding finding =
            audit_leaf_finding(scene, leaf, va, va + (segment->last - segment->first));

        finding.other = audit_segment_va(segment, other);
        finding.has_other = true;
        finding.other_what = audit_leaf_what(scene, other);
        audit_report(rule, message, finding);
    }
}

static void visit(struct audit_rule *rule, const struct audit_segment *segment)
{
    size_t present;
    size_t own = reference(rule->scene, segment, &present);

    for (size_t i = 0; present > 1 && i < audit_segment_classes(segment); i++) {
        if (i != own) {
            report_class(rule, segment, i, own);
        }
    }
}

const struct audit_rule_module AUDIT_ALIAS_ATTRIBUTES = {
    .info = {.id = "alias-attributes",
             .title = "all mappings of a frame have the same memory attributes",
             .section = "DDI 0487, B2.11 Mismatched memory attributes",
             .level_max = AUDIT_ERROR},
    .messages = MESSAGES,
    .judge = judge,
    .segment = visit,
};
