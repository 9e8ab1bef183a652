/* Findings: made of leaves and tables, split where waivers end, merged over neighbours. */
#include <stdlib.h>
#include <string.h>

#include "audit_rule.h"
#include "memory.h"

static uint8_t bits_of(uint64_t size)
{
    return (uint8_t)(size == 0 ? 0 : __builtin_ctzll(size));
}

struct audit_what audit_leaf_what(const struct audit_scene *scene, const struct audit_leaf *leaf)
{
    return (struct audit_what){.kind = AUDIT_WHAT_LEAF,
                               .rights = audit_leaf_effective(scene, leaf),
                               .attr_index = leaf->attr.attr_index,
                               .shareability = leaf->attr.shareability,
                               .ng = leaf->attr.ng,
                               .size_bits = bits_of(leaf->size),
                               .level = leaf->level,
                               .upper = leaf->upper};
}

struct audit_finding audit_leaf_finding(const struct audit_scene *scene,
                                        const struct audit_leaf *leaf, uint64_t first,
                                        uint64_t last)
{
    return (struct audit_finding){.first = first,
                                  .last = last,
                                  .pa = leaf->pa + (first - leaf->first_va),
                                  .has_pa = leaf->fits != 0,
                                  .unit_bits = bits_of(leaf->size),
                                  .what = audit_leaf_what(scene, leaf)};
}

struct audit_finding audit_table_finding(const struct audit_table *table)
{
    return (struct audit_finding){
        .first = table->first_va,
        .last = table->last_va,
        .pa = table->pa,
        .has_pa = table->status != RIG_WALK_FAULT_ADDRESS_SIZE,
        .count = 1,
        .what = {.kind = AUDIT_WHAT_TABLE, .level = table->level, .upper = table->upper}};
}

struct audit_finding audit_gap_finding(uint64_t first, uint64_t last)
{
    return (struct audit_finding){
        .first = first, .last = last, .count = 1, .what = {.kind = AUDIT_WHAT_NONE}};
}

/* The first waiver of the rule that covers [first, last]; every one that does is of use. */
static uint32_t cover(struct audit_rule *rule, uint64_t first, uint64_t last)
{
    const struct audit_spec *spec = rule->scene->spec;
    uint32_t found = 0;

    for (size_t i = 0; i < spec->waiver_count; i++) {
        const struct audit_waiver *waiver = &spec->waivers[i];

        if (waiver->range.first <= first && last <= waiver->range.last &&
            strcmp(waiver->rule, rule->module->info.id) == 0) {
            rule->result->waiver_used[i] = true;
            found = found == 0 ? (uint32_t)i + 1 : found;
        }
    }
    return found;
}

/* Where the first piece of [first, last] ends: at the next edge of a waiver of the rule. */
static uint64_t piece_last(const struct audit_rule *rule, uint64_t first, uint64_t last)
{
    const struct audit_spec *spec = rule->scene->spec;

    for (size_t i = 0; i < spec->waiver_count; i++) {
        const struct audit_range *range = &spec->waivers[i].range;

        if (strcmp(spec->waivers[i].rule, rule->module->info.id) != 0) {
            continue;
        }
        if (range->first > first && range->first <= last) {
            last = range->first - 1;
        }
        if (range->last >= first && range->last < last) {
            last = range->last;
        }
    }
    return last;
}

static void keep(struct audit_result *result, const struct audit_finding *finding)
{
    if (result->count == AUDIT_FINDINGS_MAX) {
        result->cut++;
        return;
    }
    result->findings =
        memory_grow(result->findings, result->count, &result->room, sizeof(*finding));
    result->findings[result->count++] = *finding;
}

void audit_report(struct audit_rule *rule, unsigned message, struct audit_finding finding)
{
    uint64_t first = finding.first;
    uint64_t last = finding.last;

    finding.rule = rule->index;
    finding.message = (uint8_t)message;
    finding.level = (uint8_t)rule->module->messages[message].level;
    for (;;) {
        struct audit_finding piece = finding;

        piece.first = first;
        piece.last = last;
        if (finding.unit_bits != 0) {
            piece.last = piece_last(rule, first, last);
            piece.pa += first - finding.first;
            piece.other += first - finding.first;
            piece.count = ((piece.last - piece.first) >> finding.unit_bits) + 1;
        }
        piece.waiver = cover(rule, piece.first, piece.last);
        keep(rule->result, &piece);
        if (piece.last == last) {
            return;
        }
        first = piece.last + 1;
    }
}

void audit_report_leaf(struct audit_rule *rule, unsigned message, const struct audit_leaf *leaf)
{
    audit_report(rule, message,
                 audit_leaf_finding(rule->scene, leaf, leaf->first_va, leaf->last_va));
}

void audit_report_tables(struct audit_rule *rule, unsigned message, const struct audit_leaf *leaf)
{
    const struct audit_scene *scene = rule->scene;
    uint64_t last = audit_leaf_last_pa(leaf);
    uint64_t told = leaf->pa; /* everything below is told */

    for (size_t i = audit_frame_at(scene, leaf->pa);
         leaf->fits != 0 && i < scene->frame_count && scene->frames[i].pa <= last; i++) {
        uint64_t first = scene->frames[i].pa & ~(leaf->size - 1);
        uint64_t end = (scene->frames[i].pa + (scene->frames[i].size - 1)) | (leaf->size - 1);

        if (end < told || !audit_spend_pair(rule->scene)) {
            continue;
        }
        first = first < told ? told : first;
        end = end > last ? last : end;
        audit_report(rule, message,
                     audit_leaf_finding(scene, leaf, leaf->first_va + (first - leaf->pa),
                                        leaf->first_va + (end - leaf->pa)));
        told = end + 1;
    }
}

static int compare(uint64_t left, uint64_t right)
{
    return (left > right) - (left < right);
}

/* What has to be equal for two findings to say the same. */
static int by_words(const struct audit_finding *left, const struct audit_finding *right)
{
    int order = compare(left->rule, right->rule);

    order = order != 0 ? order : compare(left->level, right->level);
    order = order != 0 ? order : compare(left->message, right->message);
    order = order != 0 ? order : compare(left->argument, right->argument);
    order = order != 0 ? order : compare(left->has_other, right->has_other);
    order = order != 0 ? order : compare(left->waiver, right->waiver);
    order = order != 0 ? order : memcmp(&left->what, &right->what, sizeof(left->what));
    return order != 0 ? order
                      : memcmp(&left->other_what, &right->other_what, sizeof(left->other_what));
}

static int by_words_and_place(const void *left_item, const void *right_item)
{
    const struct audit_finding *left = left_item;
    const struct audit_finding *right = right_item;
    int order = by_words(left, right);

    order = order != 0 ? order : compare(left->first, right->first);
    return order != 0 ? order : compare(left->last, right->last);
}

static int by_rule_and_place(const void *left_item, const void *right_item)
{
    const struct audit_finding *left = left_item;
    const struct audit_finding *right = right_item;
    int order = compare(left->rule, right->rule);

    order = order != 0 ? order : compare(left->level, right->level);
    order = order != 0 ? order : compare(left->first, right->first);
    order = order != 0 ? order : compare(left->last, right->last);
    return order != 0 ? order : by_words(left, right);
}

static bool merge(struct audit_finding *before, const struct audit_finding *finding)
{
    uint64_t length = before->last - before->first + 1;

    if (before->last + 1 != finding->first || by_words(before, finding) != 0) {
        return false;
    }
    before->scattered |= finding->scattered || before->pa + length != finding->pa;
    before->other_scattered |= finding->other_scattered || before->other + length != finding->other;
    before->last = finding->last;
    before->count += finding->count;
    return true;
}

void audit_findings_order(struct audit_result *result)
{
    size_t count = 0;

    if (result->count == 0) {
        return;
    }
    qsort(result->findings, result->count, sizeof(result->findings[0]), by_words_and_place);
    for (size_t i = 0; i < result->count; i++) {
        if (count == 0 || !merge(&result->findings[count - 1], &result->findings[i])) {
            result->findings[count++] = result->findings[i];
        }
    }
    result->count = count;
    qsort(result->findings, count, sizeof(result->findings[0]), by_rule_and_place);
}
