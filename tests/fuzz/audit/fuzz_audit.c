/*
 * Fuzz target: bytes choose registers and, one after the other, descriptors of a few tables that
 * may point to each other in any way; the audit judges whatever that is.
 *
 * Held for every input: the judgement ends; leaves are ascending and do not overlap; findings lie
 * in order, say what they say in whole texts, and are inside of what is there; a second judgement,
 * and a rule alone, find the same; the sweep over frames finds the aliases that comparing each leaf
 * with each finds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit_report.h"
#include "audit_sweep.h"
#include "sysregs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TABLES = 6, TABLE_BYTES = 65536, ENTRIES_MAX = 40, PAIRS_MAX = 400, REGIONS = 2 };
#define TABLES_PA UINT64_C(0x40100000)

/* What is left of the input; zeros behind its end. */
struct choices {
    const uint8_t *at;
    size_t left;
};

static void must(bool condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "broken: %s\n", what);
        abort();
    }
}

static uint8_t choose(struct choices *choices, unsigned below)
{
    if (choices->left == 0) {
        return 0;
    }
    choices->left--;
    return (uint8_t)(*choices->at++ % below);
}

#define CHOOSE(choices, values)                                                                    \
    ((values)[choose(choices, (unsigned)(sizeof(values) / sizeof((values)[0])))])

/* Frames that leaves lead to: RAM, tables, its end, ROM, a device, nothing, beyond the PA size. */
static const uint64_t FRAMES[] = {
    0x40000000, 0x40200000, 0x40201000, 0x40100000, 0x40110000,         0x47ffe000,
    0x00001000, 0x09000000, 0x48000000, 0x80000000, 0x0000ff0000000000, 0x40210000,
};
static const uint64_t BITS[] = {
    DESC_LEAF_AF_BIT | DESC_LEAF_SH_INNER,
    DESC_LEAF_AF_BIT | DESC_LEAF_SH_INNER | DESC_LEAF_UXN_BIT | DESC_LEAF_AP_EL1_RO,
    DESC_LEAF_AF_BIT | DESC_LEAF_SH_INNER | DESC_LEAF_UXN_BIT | DESC_LEAF_PXN_BIT,
    DESC_LEAF_AF_BIT | DESC_LEAF_SH_INNER | DESC_LEAF_PXN_BIT | DESC_LEAF_AP_ALL_RO |
        DESC_LEAF_NG_BIT,
    DESC_LEAF_AF_BIT | DESC_LEAF_SH_OUTER | DESC_LEAF_UXN_BIT | DESC_LEAF_AP_ALL_RW,
    DESC_LEAF_CONTIGUOUS_BIT | DESC_LEAF_AF_BIT | DESC_LEAF_SH_INNER | DESC_LEAF_UXN_BIT,
    DESC_LEAF_DBM_BIT | DESC_LEAF_AF_BIT | DESC_LEAF_AP_EL1_RO | DESC_LEAF_PXN_BIT,
    UINT64_C(0xffff000000000000),
    UINT64_C(1) << 8,
};
static const uint64_t TABLE_BITS[] = {
    0,
    0,
    DESC_TABLE_APTABLE_NO_EL0,
    DESC_TABLE_APTABLE_READ_ONLY,
    DESC_TABLE_PXNTABLE_BIT | DESC_TABLE_UXNTABLE_BIT,
    DESC_TABLE_NSTABLE_BIT | UINT64_C(1) << 50,
};
static const uint64_t INDEXES[] = {0, 1, 2, 3, 15, 16, 17, 31, 256, 510, 511, 2047, 8191};

static struct rig_walk_regs choose_registers(struct choices *choices)
{
    static const uint64_t granules[] = {
        TCR_EL1_TG0_4K | TCR_EL1_TG1_4K, TCR_EL1_TG0_4K | TCR_EL1_TG1_4K,
        TCR_EL1_TG0_16K | TCR_EL1_TG1_16K, TCR_EL1_TG0_64K | TCR_EL1_TG1_64K};
    static const uint64_t sizes[] = {16, 25, 28, 34, 39, 50};
    static const uint64_t others[] = {0,
                                      TCR_EL1_EPD0_BIT,
                                      TCR_EL1_HA_BIT,
                                      TCR_EL1_HA_BIT | TCR_EL1_HD_BIT,
                                      TCR_EL1_HPD0_BIT,
                                      TCR_EL1_E0PD1_BIT,
                                      TCR_EL1_DS_BIT};
    static const uint64_t controls[] = {SCTLR_EL1_M_BIT | SCTLR_EL1_C_BIT,
                                        SCTLR_EL1_M_BIT | SCTLR_EL1_C_BIT | SCTLR_EL1_WXN_BIT,
                                        SCTLR_EL1_M_BIT, SCTLR_EL1_C_BIT};
    static const uint64_t roots[] = {TABLES_PA, TABLES_PA, TABLES_PA + TABLE_BYTES, 0,
                                     UINT64_C(0x0000800000000000)};
    struct rig_walk_regs regs = {
        .sctlr = CHOOSE(choices, controls),
        .tcr = CHOOSE(choices, granules) | CHOOSE(choices, sizes) << TCR_EL1_T0SZ_SHIFT |
               CHOOSE(choices, sizes) << TCR_EL1_T1SZ_SHIFT | CHOOSE(choices, others) |
               UINT64_C(2) << TCR_EL1_IPS_SHIFT,
        .mair = UINT64_C(0x0204bb4400ff),
        .id_aa64mmfr0 = choose(choices, 2) != 0 ? 0x00100006 : 0x00100002,
        .id_aa64mmfr1 = choose(choices, 2) != 0 ? 0x1002 : 0,
        .regime = choose(choices, 4) == 3 ? RIG_WALK_REGIME_EL2 : RIG_WALK_REGIME_EL1_0,
    };

    regs.ttbr0 = CHOOSE(choices, roots);
    regs.ttbr1 = CHOOSE(choices, roots);
    return regs;
}

static void add_entry(struct choices *choices, unsigned char *tables)
{
    uint64_t table = choose(choices, TABLES);
    uint64_t index = CHOOSE(choices, INDEXES);
    uint8_t kind = choose(choices, 8);
    uint64_t descriptor;

    if (kind < 3) {
        descriptor = (TABLES_PA + choose(choices, TABLES) * (uint64_t)TABLE_BYTES) |
                     CHOOSE(choices, TABLE_BITS) | DESC_TYPE_BIT | DESC_VALID_BIT;
    } else {
        descriptor = CHOOSE(choices, FRAMES) | CHOOSE(choices, BITS) | DESC_VALID_BIT |
                     (uint64_t)choose(choices, 6) << DESC_LEAF_ATTRINDX_SHIFT;
        descriptor |= kind < 7 ? DESC_TYPE_BIT : 0;
    }
    memcpy(tables + table * TABLE_BYTES + index * sizeof(descriptor), &descriptor,
           sizeof(descriptor));
}

static void make_snapshot(struct snapshot *snapshot, struct choices *choices)
{
    static const struct snapshot_memory memory[] = {
        {0, 0x03ffffff, SNAPSHOT_ROM, "rom"},
        {0x09000000, 0x09000017, SNAPSHOT_IO, "device"},
        {0x40000000, 0x47ffffff, SNAPSHOT_RAM, "ram"},
    };

    *snapshot = (struct snapshot){.regs = choose_registers(choices), .walkable = true};
    snapshot->header = json_object();
    snapshot->memory = calloc(3, sizeof(memory[0]));
    snapshot->frames = calloc(1, sizeof(snapshot->frames[0]));
    must(snapshot->memory != NULL && snapshot->frames != NULL, "memory");
    memcpy(snapshot->memory, memory, sizeof(memory));
    snapshot->memory_count = choose(choices, 8) == 7 ? 0 : 3;
    snapshot->frames[0] =
        (struct snapshot_frames){TABLES_PA, TABLES * TABLE_BYTES, calloc(TABLES, TABLE_BYTES)};
    must(snapshot->frames[0].bytes != NULL, "memory");
    snapshot->frame_count = 1;
    for (unsigned i = 0; i < ENTRIES_MAX && choices->left > 0; i++) {
        add_entry(choices, snapshot->frames[0].bytes);
    }
}

static void check_leaves(const struct audit_scene *scene)
{
    for (size_t i = 0; i < scene->leaf_count; i++) {
        const struct audit_leaf *leaf = &scene->leaves[i];

        must(leaf->first_va <= leaf->last_va, "a leaf has an extent");
        must(leaf->count * leaf->size == leaf->last_va - leaf->first_va + 1, "it is its leaves");
        must(i == 0 || scene->leaves[i - 1].last_va < leaf->first_va, "leaves are ascending");
    }
    for (size_t i = 1; i < scene->frame_count; i++) {
        must(scene->frames[i - 1].pa < scene->frames[i].pa, "frames are ascending, each once");
    }
}

static void check_findings(const struct audit_case *item)
{
    for (size_t i = 0; i < item->result.count; i++) {
        const struct audit_finding *finding = &item->result.findings[i];
        struct audit_words words;

        must(finding->first <= finding->last && finding->count > 0, "a finding has an extent");
        must(i == 0 || item->result.findings[i - 1].rule <= finding->rule, "ordered by rule");
        must(item->result.rules[finding->rule].judged, "only rules that judge find");
        must(audit_rule_of(finding->rule)->level_max <= finding->level, "level_max is the worst");
        audit_words_of(&item->scene, finding, &words);
        must(memchr(words.what, 0, sizeof(words.what)) != NULL &&
                 memchr(words.detail, 0, sizeof(words.detail)) != NULL,
             "texts end");
        must(words.what[0] != '\0' && words.missing[0] != '\0' && words.detail[0] != '\0' &&
                 words.fix[0] != '\0',
             "a finding has words");
    }
}

static bool overlap(const struct audit_leaf *left, const struct audit_leaf *right)
{
    return left->fits != 0 && right->fits != 0 && left->pa <= audit_leaf_last_pa(right) &&
           right->pa <= audit_leaf_last_pa(left);
}

/* Whether the rule has an error at [first, last] of the leaf, which maps pa there. */
static bool is_told(const struct audit_case *item, const char *rule, uint64_t va)
{
    int index = audit_rule_index(rule);

    for (size_t i = 0; i < item->result.count; i++) {
        const struct audit_finding *finding = &item->result.findings[i];

        if (finding->rule == index && finding->level == AUDIT_ERROR && finding->first <= va &&
            va <= finding->last) {
            return true;
        }
    }
    return false;
}

/* Each leaf with each: what the sweep must have found. */
static void check_aliases(const struct audit_case *item)
{
    const struct audit_scene *scene = &item->scene;
    bool differ = false;

    for (size_t i = 0; i < scene->leaf_count; i++) {
        for (size_t j = 0; j < scene->leaf_count; j++) {
            const struct audit_leaf *runs = &scene->leaves[i];
            const struct audit_leaf *writes = &scene->leaves[j];
            struct audit_class left;
            struct audit_class right;

            if (i == j || !overlap(runs, writes)) {
                continue;
            }
            if ((runs->rights & AUDIT_EL1_EXEC) != 0 && (writes->rights & AUDIT_EL1_WRITE) != 0) {
                uint64_t pa = runs->pa > writes->pa ? runs->pa : writes->pa;

                must(is_told(item, "wx-alias", runs->first_va + (pa - runs->pa)),
                     "an alias is found");
            }
            differ |= audit_class_of(&runs->attr, &left) && audit_class_of(&writes->attr, &right) &&
                      memcmp(&left, &right, sizeof(left)) != 0;
        }
    }
    for (size_t i = 0; i < item->result.count; i++) {
        differ &= item->result.findings[i].rule != audit_rule_index("alias-attributes");
    }
    must(!differ, "mismatched attributes are found");
}

static size_t count_of(const struct audit_result *result, int rule)
{
    size_t count = 0;

    for (size_t i = 0; i < result->count; i++) {
        count += result->findings[i].rule == rule;
    }
    return count;
}

static bool same_findings(const struct audit_result *left, const struct audit_result *right)
{
    bool same = left->count == right->count;

    for (size_t i = 0; same && i < left->count; i++) {
        const struct audit_finding *a = &left->findings[i];
        const struct audit_finding *b = &right->findings[i];

        same = a->rule == b->rule && a->message == b->message && a->first == b->first &&
               a->last == b->last && a->pa == b->pa && a->count == b->count &&
               a->argument == b->argument && a->other == b->other && a->waiver == b->waiver &&
               memcmp(&a->what, &b->what, sizeof(a->what)) == 0;
    }
    return same;
}

static void check_again(struct audit_case *item, unsigned rule)
{
    struct audit_result again;

    audit_result_begin(&again);
    item->scene.pairs_left = AUDIT_PAIRS_MAX;
    audit_judge(&item->scene, 0, &again);
    must(same_findings(&again, &item->result), "the same is judged the same");
    item->scene.pairs_left = AUDIT_PAIRS_MAX;
    audit_judge(&item->scene, (audit_selection)1 << rule, &again);
    must(again.count == count_of(&item->result, (int)rule), "a rule does not depend on others");
    must(again.rules[rule].subjects == item->result.rules[rule].subjects,
         "nor does what it looked at");
    audit_result_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { RULES = 20 };
    struct audit_region regions[REGIONS] = {
        {.range = {0x40200000, 0x40200fff}, .physical = true, .kernel = true, .name = "text"},
        {.range = {0x1000, 0x2fff}, .kernel = true, .name = "low"},
    };
    struct audit_guard guard = {{0x3000, 0x3fff}, "guard", ""};
    struct audit_waiver waiver = {"wx-alias", {0x1000, 0x1fff}, "fuzz", ""};
    const struct audit_spec spec = {.regions = regions,
                                    .region_count = REGIONS,
                                    .guards = &guard,
                                    .guard_count = 1,
                                    .waivers = &waiver,
                                    .waiver_count = 1};
    struct choices choices = {data, size};
    struct audit_case item = {.path = "fuzz", .spec = &spec};
    unsigned rule = choose(&choices, RULES);

    make_snapshot(&item.snapshot, &choices);
    audit_case_judge(&item, 0);
    if (item.scene.status == RIG_WALK_OK && item.result.cut == 0) {
        check_leaves(&item.scene);
        check_findings(&item);
        if (item.scene.leaf_count <= PAIRS_MAX && item.result.count <= PAIRS_MAX) {
            check_aliases(&item);
        }
        check_again(&item, rule);
    }
    audit_case_close(&item);
    return 0;
}
