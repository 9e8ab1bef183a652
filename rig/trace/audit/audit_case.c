/* One snapshot judged, and what that amounts to. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "audit_report.h"

enum { GRANULE_BITS_MIN = 12 };

bool audit_waiver_unused(const struct audit_case *item, size_t waiver)
{
    int rule = audit_rule_index(item->spec->waivers[waiver].rule);

    return rule >= 0 && item->result.rules[rule].judged && !item->result.waiver_used[waiver];
}

static void count(struct audit_tally *tally, const struct audit_finding *finding)
{
    if (finding->waiver != 0) {
        tally->waived++;
    } else if (finding->level == AUDIT_ERROR) {
        tally->errors++;
    } else {
        tally->notes++;
    }
}

/* An address as one of the two that translated it says it. */
static void put_answer(bool translates, uint64_t pa, char *text, size_t size)
{
    if (translates) {
        snprintf(text, size, "0x%" PRIx64, pa);
    } else {
        snprintf(text, size, "no translation");
    }
}

static void put_witness(const struct audit_case *item, char *text, size_t size)
{
    const struct audit_witnesses *witnesses = &item->witnesses;
    char theirs[32];
    char ours[32];

    put_answer(witnesses->theirs.translates, witnesses->theirs.pa, theirs, sizeof(theirs));
    put_answer(witnesses->ours.status == RIG_WALK_OK, witnesses->ours.pa, ours, sizeof(ours));
    snprintf(text, size,
             "the rig cannot be trusted here: for 0x%" PRIx64 " the emulator said %s, the walker "
             "says %s (%s); %" PRIu64 " of %" PRIu64 " such answers differ",
             witnesses->va, theirs, ours, rig_walk_status_text(witnesses->ours.status),
             witnesses->differ, witnesses->checked);
}

/* A selected rule that could not judge and leaves a question open. */
static const struct audit_rule_info *blocked(const struct audit_case *item, const char **why)
{
    for (size_t i = 0; audit_rule_of(i) != NULL; i++) {
        if (item->result.rules[i].selected && item->result.rules[i].blocks) {
            *why = item->result.rules[i].why_not;
            return audit_rule_of(i);
        }
    }
    return NULL;
}

/* An expected map says of an empty one, too, whether it is right. */
static bool map_judged(const struct audit_case *item)
{
    return item->spec->has_map && item->result.rules[audit_rule_index("expected-map")].judged;
}

/* Why there is no verdict; "" when there is one. */
static void put_not_judged(const struct audit_case *item, char *text, size_t size)
{
    const struct audit_rule_info *rule;
    const char *why = "";

    text[0] = '\0';
    if (!item->snapshot.walkable) {
        snprintf(text, size, "%s", item->snapshot.not_walkable);
    } else if (item->witnesses.differ > 0) {
        put_witness(item, text, size);
    } else if (item->reader.missing > 0) {
        snprintf(text, size, "the snapshot lacks a table: nothing is known of RAM at 0x%" PRIx64,
                 item->reader.missing_pa);
    } else if (item->scene.status == RIG_WALK_LIMIT) {
        snprintf(text, size,
                 "the tables lead to more than is followed (after %" PRIu64
                 " descriptors): many paths to the same tables, or a map onto itself",
                 item->scene.descriptors);
    } else if ((rule = blocked(item, &why)) != NULL) {
        snprintf(text, size, "%s: %s", rule->id, why);
    } else if (item->result.cut > 0) {
        snprintf(text, size, "there are more findings than are kept: %" PRIu64 " were left out",
                 item->result.cut);
    } else if (item->leaves == 0 && !map_judged(item) && item->total.errors == 0) {
        snprintf(text, size, "zero checks: %s",
                 item->scene.flat ? "the MMU is off" : "neither half maps anything");
    }
}

static void settle(struct audit_case *item)
{
    for (size_t i = 0; i < item->result.count; i++) {
        count(&item->tallies[item->result.findings[i].rule], &item->result.findings[i]);
        count(&item->total, &item->result.findings[i]);
    }
    for (size_t i = 0; i < item->scene.leaf_count; i++) {
        item->leaves += item->scene.leaves[i].count;
    }
    for (size_t i = 0; i < item->result.waiver_count; i++) {
        item->waivers_unused += audit_waiver_unused(item, i);
    }
    put_not_judged(item, item->not_judged, sizeof(item->not_judged));
    if (item->not_judged[0] != '\0') {
        item->code = EXIT_NOT_JUDGED;
    } else {
        item->code = item->total.errors > 0 || item->waivers_unused > 0 ? EXIT_BROKEN : EXIT_HELD;
    }
}

/* The coarsest granule in use: nothing is mapped in finer pieces. */
static unsigned granule_bits(const struct snapshot *snapshot)
{
    unsigned bits = GRANULE_BITS_MIN;

    for (int upper = 0; upper < 2; upper++) {
        struct rig_walk_half half;

        rig_walk_half(&snapshot->regs, upper, &half);
        if (half.walk_disabled == 0 && half.status == RIG_WALK_OK && half.granule_bits > bits) {
            bits = half.granule_bits;
        }
    }
    return bits;
}

void audit_case_judge(struct audit_case *item, audit_selection selection)
{
    item->reader = (struct snapshot_reader){.snapshot = &item->snapshot};
    audit_result_begin(&item->result);
    if (item->snapshot.walkable) {
        audit_memory_make(&item->memory, &item->snapshot, item->spec,
                          granule_bits(&item->snapshot));
        audit_scene_begin(&item->scene, &item->snapshot, item->spec, &item->memory);
        audit_witnesses_check(&item->witnesses, &item->reader);
        audit_scene_collect(&item->scene, snapshot_read_u64, &item->reader);
        audit_judge(&item->scene, selection, &item->result);
    }
    settle(item);
}

enum exit_code audit_case_open(struct audit_case *item, const char *path,
                               const struct audit_spec *spec, audit_selection selection,
                               char error[static SNAPSHOT_ERROR_TEXT])
{
    int code;

    *item = (struct audit_case){.path = path, .spec = spec};
    code = snapshot_read(&item->snapshot, path, error);
    if (code == EXIT_HELD) {
        audit_case_judge(item, selection);
    }
    return (enum exit_code)code;
}

void audit_case_close(struct audit_case *item)
{
    audit_result_free(&item->result);
    audit_scene_free(&item->scene);
    audit_memory_free(&item->memory);
    snapshot_free(&item->snapshot);
}
