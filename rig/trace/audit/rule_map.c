/* The map that the pack expects, against the one that is there: line by line, nothing left over. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "audit_rule.h"
#include "space_map.h"

enum { MAP_MISSING, MAP_UNEXPECTED, MAP_DIFFERS, MAP_MMU_OFF };

static const struct audit_message MESSAGES[] = {
    [MAP_MISSING] = {AUDIT_ERROR, "expected to be mapped, and is not", "the first access faults",
                     "map it, or correct the pack's map"},
    [MAP_UNEXPECTED] = {AUDIT_ERROR, "mapped, and not in the expected map",
                        "nobody meant this to be reachable",
                        "take the mapping away, or add it to the pack's map with what it is"},
    [MAP_DIFFERS] = {AUDIT_ERROR, "mapped in another way than expected",
                     "what the pack says of this range does not hold",
                     "correct the tables, or the pack's map"},
    [MAP_MMU_OFF] = {AUDIT_ERROR, "the MMU is off, and a map is expected",
                     "every address is its own physical address, with all rights",
                     "look at a moment at which the MMU is on"},
};

/* What differs, as bits of a finding's argument; the rest of it is the line. */
enum {
    DIFFERS_PA = 1 << 0,
    DIFFERS_EL1 = 1 << 1,
    DIFFERS_EL0 = 1 << 2,
    DIFFERS_MEMORY = 1 << 3,
    DIFFERS_SHAREABILITY = 1 << 4,
    DIFFERS_GLOBAL = 1 << 5,
    DIFFERS_BITS = 8,
};

static const char *level_words(unsigned rights, unsigned shift, char words[static 4])
{
    words[0] = (rights >> shift & AUDIT_EL1_READ) != 0 ? 'r' : '-';
    words[1] = (rights >> shift & AUDIT_EL1_WRITE) != 0 ? 'w' : '-';
    words[2] = (rights >> shift & AUDIT_EL1_EXEC) != 0 ? 'x' : '-';
    words[3] = '\0';
    return words;
}

enum { EL1_SHIFT = 0, EL0_SHIFT = 3 };

static unsigned difference(const struct audit_scene *scene, const struct audit_map_line *line,
                           const struct audit_leaf *leaf, uint64_t first)
{
    uint8_t rights = audit_leaf_effective(scene, leaf);
    char words[4];
    unsigned bits = 0;

    if (line->pa_kind == AUDIT_PA_EXACT &&
        leaf->pa + (first - leaf->first_va) != line->pa + (first - line->range.first)) {
        bits |= DIFFERS_PA;
    }
    bits |= strcmp(level_words(rights, EL1_SHIFT, words), line->el1) != 0 ? DIFFERS_EL1 : 0U;
    bits |= strcmp(level_words(rights, EL0_SHIFT, words), line->el0) != 0 ? DIFFERS_EL0 : 0U;
    bits |=
        strcmp(scene->memory_words[leaf->attr.attr_index], line->memory) != 0 ? DIFFERS_MEMORY : 0U;
    if (line->shareability != NULL &&
        strcmp(space_map_shareability_words(leaf->attr.shareability), line->shareability) != 0) {
        bits |= DIFFERS_SHAREABILITY;
    }
    return bits | ((leaf->attr.ng == 0) != line->global ? DIFFERS_GLOBAL : 0U);
}

static void report_leaf(struct audit_rule *rule, unsigned message, const struct audit_leaf *leaf,
                        uint64_t first, uint64_t last, uint64_t argument)
{
    struct audit_finding finding = audit_leaf_finding(rule->scene, leaf, first, last);

    finding.argument = argument;
    audit_report(rule, message, finding);
}

/* Any frame of RAM will do: report what is none. */
static void judge_any_ram(struct audit_rule *rule, const struct audit_map_line *line,
                          const struct audit_leaf *leaf, uint64_t first, uint64_t last,
                          unsigned bits)
{
    uint64_t line_number = (uint64_t)(line - rule->scene->spec->map);
    uint64_t last_pa = leaf->pa + (last - leaf->first_va);

    for (uint64_t pa = leaf->pa + (first - leaf->first_va);
         pa <= last_pa && audit_spend_pair(rule->scene);) {
        struct audit_piece piece = audit_memory_at(rule->scene->memory, pa, last_pa);
        unsigned all = bits;
        uint64_t va = leaf->first_va + (piece.first - leaf->pa);

        if (piece.kind != AUDIT_RAM && rule->scene->memory->known) {
            all |= DIFFERS_PA;
        }
        if (all != 0) {
            report_leaf(rule, MAP_DIFFERS, leaf, va, va + (piece.last - piece.first),
                        line_number << DIFFERS_BITS | all);
        }
        pa = piece.last + 1;
    }
}

/* [first, last] lies in one line and one leaf. */
static void judge_both(struct audit_rule *rule, const struct audit_map_line *line,
                       const struct audit_leaf *leaf, uint64_t first, uint64_t last)
{
    unsigned bits = difference(rule->scene, line, leaf, first);
    uint64_t line_number = (uint64_t)(line - rule->scene->spec->map);

    if (line->pa_kind == AUDIT_PA_ANY_RAM) {
        judge_any_ram(rule, line, leaf, first, last, bits);
    } else if (bits != 0) {
        report_leaf(rule, MAP_DIFFERS, leaf, first, last, line_number << DIFFERS_BITS | bits);
    }
}

static void report_missing(struct audit_rule *rule, const struct audit_map_line *line,
                           uint64_t first, uint64_t last)
{
    struct audit_finding finding = audit_gap_finding(first, last);

    finding.argument = (uint64_t)(line - rule->scene->spec->map) << DIFFERS_BITS;
    audit_report(rule, MAP_MISSING, finding);
}

static uint64_t minimum(uint64_t left, uint64_t right)
{
    return left < right ? left : right;
}

/* Go up over lines and leaves at once; both are ascending. */
static void compare_maps(struct audit_rule *rule)
{
    const struct audit_scene *scene = rule->scene;
    const struct audit_spec *spec = scene->spec;
    size_t line = 0;
    size_t leaf = 0;
    uint64_t at = 0;

    for (;;) {
        const struct audit_map_line *expected = line < spec->map_count ? &spec->map[line] : NULL;
        const struct audit_leaf *actual;
        bool in_line;
        bool in_leaf;
        uint64_t last;

        while (leaf < scene->leaf_count && scene->leaves[leaf].fits == 0) {
            leaf++; /* maps nothing */
        }
        actual = leaf < scene->leaf_count ? &scene->leaves[leaf] : NULL;
        if (expected == NULL && actual == NULL) {
            return;
        }
        in_line = expected != NULL && expected->range.first <= at;
        in_leaf = actual != NULL && actual->first_va <= at;
        last = UINT64_MAX;
        if (expected != NULL) {
            last = in_line ? expected->range.last : expected->range.first - 1;
        }
        if (actual != NULL) {
            last = minimum(last, in_leaf ? actual->last_va : actual->first_va - 1);
        }
        if (in_line && in_leaf) {
            judge_both(rule, expected, actual, at, last);
        } else if (in_line) {
            report_missing(rule, expected, at, last);
        } else if (in_leaf) {
            report_leaf(rule, MAP_UNEXPECTED, actual, at, last, 0);
        }
        line += in_line && expected->range.last == last;
        leaf += in_leaf && actual->last_va == last;
        if (last == UINT64_MAX) {
            return;
        }
        at = last + 1;
    }
}

static void judge(struct audit_rule *rule)
{
    const struct audit_scene *scene = rule->scene;

    if (!scene->spec->has_map) {
        return;
    }
    rule->subjects = scene->spec->map_count;
    if (scene->flat) {
        audit_report(rule, MAP_MMU_OFF, audit_gap_finding(0, UINT64_MAX));
        return;
    }
    compare_maps(rule);
}

static size_t append(char *text, size_t size, size_t at, const char *name, const char *expected,
                     const char *actual)
{
    if (at >= size) {
        return at;
    }
    return at + (size_t)snprintf(text + at, size - at, "%s%s %s expected, %s is there",
                                 at == 0 ? "" : "; ", name, expected, actual);
}

static size_t append_pa(const struct audit_map_line *line, const struct audit_finding *finding,
                        char *text, size_t size, size_t at)
{
    char expected[32] = "any RAM";
    char actual[32];

    if (line->pa_kind == AUDIT_PA_EXACT) {
        snprintf(expected, sizeof(expected), "0x%" PRIx64,
                 line->pa + (finding->first - line->range.first));
    }
    snprintf(actual, sizeof(actual), "0x%" PRIx64, finding->pa);
    return append(text, size, at, "physical address", expected, actual);
}

static void put_difference(const struct audit_scene *scene, const struct audit_map_line *line,
                           const struct audit_finding *finding, char *text, size_t size)
{
    unsigned bits = (unsigned)finding->argument & ((1U << DIFFERS_BITS) - 1);
    const struct audit_what *what = &finding->what;
    char words[4];
    size_t at = 0;

    if ((bits & DIFFERS_EL1) != 0) {
        at = append(text, size, at, scene->el2 ? "EL2" : "EL1", line->el1,
                    level_words(what->rights, EL1_SHIFT, words));
    }
    if ((bits & DIFFERS_EL0) != 0) {
        at = append(text, size, at, "EL0", line->el0, level_words(what->rights, EL0_SHIFT, words));
    }
    if ((bits & DIFFERS_MEMORY) != 0) {
        at = append(text, size, at, "memory", line->memory, scene->memory_words[what->attr_index]);
    }
    if ((bits & DIFFERS_SHAREABILITY) != 0) {
        at = append(text, size, at, "shareability", line->shareability,
                    space_map_shareability_words(what->shareability));
    }
    if ((bits & DIFFERS_GLOBAL) != 0) {
        at = append(text, size, at, "", line->global ? "global" : "not global",
                    what->ng == 0 ? "global" : "not global");
    }
    if ((bits & DIFFERS_PA) != 0) {
        at = append_pa(line, finding, text, size, at);
    }
    if (line->name[0] != '\0' && at < size) {
        snprintf(text + at, size - at, " (%s)", line->name);
    }
}

static void particulars(const struct audit_scene *scene, const struct audit_finding *finding,
                        char *text, size_t size)
{
    const struct audit_map_line *line;

    if (finding->message == MAP_MMU_OFF || finding->message == MAP_UNEXPECTED) {
        return;
    }
    line = &scene->spec->map[finding->argument >> DIFFERS_BITS];
    if (finding->message == MAP_DIFFERS) {
        put_difference(scene, line, finding, text, size);
        return;
    }
    snprintf(text, size, "expected: EL1 %s, EL0 %s, %s%s%s (%s)", line->el1, line->el0,
             line->memory, line->shareability == NULL ? "" : ", ",
             line->shareability == NULL ? "" : line->shareability, line->name);
}

const struct audit_rule_module AUDIT_EXPECTED_MAP = {
    .info = {.id = "expected-map",
             .title = "the map is the one that the pack expects",
             .section = "the pack's map",
             .level_max = AUDIT_ERROR},
    .messages = MESSAGES,
    .judge = judge,
    .particulars = particulars,
};
