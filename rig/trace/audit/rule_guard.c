/* What the pack says of the layout: addresses that must not be mapped, and the linear map. */
#include <inttypes.h>
#include <stdio.h>

#include "audit_rule.h"

enum { GUARD_MAPPED };

static const struct audit_message GUARD_MESSAGES[] = {
    [GUARD_MAPPED] = {AUDIT_ERROR, "a guard is mapped",
                      "an overrun does not fault here: it silently writes into what lies there",
                      "leave the guard's page out of the tables"},
};

static const char *guard_excuse(const struct audit_scene *scene, bool *blocks)
{
    *blocks = scene->flat && scene->spec->guard_count > 0;
    return *blocks ? "the MMU is off: nothing is guarded" : NULL;
}

static void judge_guard(struct audit_rule *rule)
{
    const struct audit_scene *scene = rule->scene;

    rule->subjects = scene->spec->guard_count;
    for (size_t i = 0; i < scene->spec->guard_count; i++) {
        const struct audit_range *range = &scene->spec->guards[i].range;

        for (size_t at = audit_leaf_at(scene, range->first);
             at < scene->leaf_count && scene->leaves[at].first_va <= range->last; at++) {
            const struct audit_leaf *leaf = &scene->leaves[at];
            uint64_t first = leaf->first_va > range->first ? leaf->first_va : range->first;
            struct audit_finding finding = audit_leaf_finding(
                scene, leaf, first, leaf->last_va < range->last ? leaf->last_va : range->last);

            finding.argument = i;
            audit_report(rule, GUARD_MAPPED, finding);
        }
    }
}

static void guard_particulars(const struct audit_scene *scene, const struct audit_finding *finding,
                              char *text, size_t size)
{
    const struct audit_guard *guard = &scene->spec->guards[finding->argument];

    snprintf(text, size, "guard: %s%s%s", guard->name, guard->why[0] == '\0' ? "" : ", ",
             guard->why);
}

const struct audit_rule_module AUDIT_GUARD_PAGE = {
    .info = {.id = "guard-page",
             .title = "the declared guards are not mapped",
             .section = "the pack's guards; DDI 0487, D8.3 Translation table descriptor formats",
             .level_max = AUDIT_ERROR},
    .messages = GUARD_MESSAGES,
    .excuse = guard_excuse,
    .judge = judge_guard,
    .particulars = guard_particulars,
};

enum { OFFSET_OTHER };

static const struct audit_message OFFSET_MESSAGES[] = {
    [OFFSET_OTHER] = {AUDIT_ERROR, "the linear map leads elsewhere",
                      "the kernel computes addresses here with one offset: for this range they are "
                      "another memory's",
                      "map physical address PA at PA + offset, everywhere in the range"},
};

static void judge_offset_leaf(struct audit_rule *rule, const struct audit_leaf *leaf)
{
    const struct audit_spec *spec = rule->scene->spec;
    uint64_t first =
        leaf->first_va > spec->offset_range.first ? leaf->first_va : spec->offset_range.first;
    uint64_t last =
        leaf->last_va < spec->offset_range.last ? leaf->last_va : spec->offset_range.last;
    uint64_t last_pa = leaf->pa + (last - leaf->first_va);

    for (uint64_t pa = leaf->pa + (first - leaf->first_va);
         leaf->fits != 0 && pa <= last_pa && audit_spend_pair(rule->scene);) {
        struct audit_piece piece = audit_memory_at(rule->scene->memory, pa, last_pa);
        uint64_t va = leaf->first_va + (piece.first - leaf->pa);

        if (piece.kind == AUDIT_RAM) {
            rule->subjects++;
            if (va != piece.first + spec->offset) {
                audit_report(
                    rule, OFFSET_OTHER,
                    audit_leaf_finding(rule->scene, leaf, va, va + (piece.last - piece.first)));
            }
        }
        pa = piece.last + 1;
    }
}

static void judge_offset(struct audit_rule *rule)
{
    const struct audit_scene *scene = rule->scene;

    if (!scene->spec->has_offset) {
        return;
    }
    for (size_t at = audit_leaf_at(scene, scene->spec->offset_range.first);
         at < scene->leaf_count && scene->leaves[at].first_va <= scene->spec->offset_range.last;
         at++) {
        judge_offset_leaf(rule, &scene->leaves[at]);
    }
}

static const char *offset_excuse(const struct audit_scene *scene, bool *blocks)
{
    return scene->spec->has_offset ? audit_needs_memory(scene, blocks) : NULL;
}

static void offset_particulars(const struct audit_scene *scene, const struct audit_finding *finding,
                               char *text, size_t size)
{
    snprintf(text, size, "0x%" PRIx64 " belongs at 0x%" PRIx64, finding->pa,
             finding->pa + scene->spec->offset);
}

const struct audit_rule_module AUDIT_LINEAR_OFFSET = {
    .info = {.id = "linear-offset",
             .title = "the linear map has one offset everywhere",
             .section = "the pack's offset",
             .level_max = AUDIT_ERROR},
    .messages = OFFSET_MESSAGES,
    .excuse = offset_excuse,
    .judge = judge_offset,
    .particulars = offset_particulars,
};
