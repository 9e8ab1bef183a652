/* What each level of a walk said, and who took which right away (DDI 0487, D8.3 and D8.4). */
#include "walk_report.h"

#include <inttypes.h>
#include <string.h>

#include "json_fields.h"
#include "space_map.h"
#include "sysregs.h"

enum { TEXT = 256, SENTENCE = 512, LAST_LEVEL = 3, NAME = 160 };

/* A list of words with commas. */
struct words {
    char text[TEXT];
    size_t length;
};

static void add(struct words *words, const char *word)
{
    int added = snprintf(words->text + words->length, sizeof(words->text) - words->length, "%s%s",
                         words->length == 0 ? "" : ", ", word);

    if (added > 0) {
        words->length += (size_t)added;
        words->length = words->length < TEXT ? words->length : TEXT - 1;
    }
}

static bool is_leaf(const struct rig_walk_step *step)
{
    bool type = (step->descriptor & DESC_TYPE_BIT) != 0;

    return (step->descriptor & DESC_VALID_BIT) != 0 && (step->level == LAST_LEVEL) == type;
}

static void table_words(const struct snapshot *snapshot, uint64_t descriptor, struct words *words)
{
    bool el2 = snapshot->regs.regime == RIG_WALK_REGIME_EL2;

    if (!el2 && (descriptor & DESC_TABLE_APTABLE_NO_EL0) != 0) {
        add(words, "APTable: no EL0 below");
    }
    if ((descriptor & DESC_TABLE_APTABLE_READ_ONLY) != 0) {
        add(words, "APTable: read-only below");
    }
    if (!el2 && (descriptor & DESC_TABLE_PXNTABLE_BIT) != 0) {
        add(words, "PXNTable: EL1 executes nothing below");
    }
    if ((descriptor & DESC_TABLE_UXNTABLE_BIT) != 0) {
        add(words,
            el2 ? "XNTable: nothing below is executed" : "UXNTable: EL0 executes nothing below");
    }
}

static void leaf_words(const struct snapshot *snapshot, uint64_t descriptor, struct words *words)
{
    static const char *const AP[] = {"AP 0b00: EL1 rw", "AP 0b01: EL1 rw, EL0 rw", "AP 0b10: EL1 r",
                                     "AP 0b11: EL1 r, EL0 r"};
    bool el2 = snapshot->regs.regime == RIG_WALK_REGIME_EL2;
    unsigned index = (unsigned)((descriptor & DESC_LEAF_ATTRINDX_MASK) >> DESC_LEAF_ATTRINDX_SHIFT);
    unsigned ap = (unsigned)((descriptor & DESC_LEAF_AP_MASK) >> DESC_LEAF_AP_SHIFT);
    unsigned sh = (unsigned)((descriptor & DESC_LEAF_SH_MASK) >> DESC_LEAF_SH_SHIFT);
    char memory[TEXT / 2];
    char text[TEXT];

    snprintf(text, sizeof(text), "AttrIndx %u: %s", index,
             space_map_memory_words((uint8_t)(snapshot->regs.mair >> (8 * index)), memory,
                                    sizeof(memory)));
    add(words, text);
    if (el2) {
        add(words, (ap & 2) != 0 ? "AP[2]: read-only" : "AP[2] = 0: read and write");
    } else {
        add(words, AP[ap]);
    }
    snprintf(text, sizeof(text), "SH 0b%u%u: %s", sh >> 1, sh & 1,
             space_map_shareability_words((uint8_t)sh));
    add(words, text);
    add(words, (descriptor & DESC_LEAF_AF_BIT) != 0 ? "AF" : "AF = 0");
    if ((descriptor & DESC_LEAF_NG_BIT) != 0 && !el2) {
        add(words, "nG");
    }
    if ((descriptor & DESC_LEAF_CONTIGUOUS_BIT) != 0) {
        add(words, "contiguous");
    }
    if (!el2 && (descriptor & DESC_LEAF_PXN_BIT) != 0) {
        add(words, "PXN");
    }
    if ((descriptor & DESC_LEAF_UXN_BIT) != 0) {
        add(words, el2 ? "XN" : "UXN");
    }
}

/* The index of a step's descriptor in its table. */
static uint64_t entry_index(const struct snapshot *snapshot, const struct rig_walk_result *result,
                            size_t number)
{
    uint64_t pa = result->steps[number].descriptor_pa;
    struct rig_walk_half half;

    rig_walk_half(&snapshot->regs, result->upper, &half);
    return (number == 0 ? pa - half.root_pa : pa % (UINT64_C(1) << half.granule_bits)) / 8;
}

/* What a descriptor is, and its fields. */
static void step_words(const struct snapshot *snapshot, const struct rig_walk_result *result,
                       size_t number, struct words *words)
{
    const struct rig_walk_step *step = &result->steps[number];
    bool last = number + 1 == result->step_count;
    char text[64];

    if (step->read == 0) {
        add(words, "cannot be read");
    } else if ((step->descriptor & DESC_VALID_BIT) == 0) {
        add(words, "invalid (bit 0 is 0)");
    } else if (last && result->reason == RIG_WALK_REASON_RESERVED) {
        add(words, step->level == LAST_LEVEL ? "reserved (bit 1 is 0 at level 3)"
                                             : "reserved (no block at this level)");
    } else if (is_leaf(step)) {
        add(words, step->level == LAST_LEVEL ? "page" : "block");
        leaf_words(snapshot, step->descriptor, words);
    } else {
        snprintf(text, sizeof(text), "table at %#" PRIx64,
                 last ? (uint64_t)(step->descriptor & DESC_TABLE_NEXT_MASK)
                      : result->steps[number + 1].descriptor_pa -
                            8 * entry_index(snapshot, result, number + 1));
        add(words, text);
        table_words(snapshot, step->descriptor, words);
    }
}

/* The rights with something else out of the way; true when they are more than now. */
static bool more_rights(const struct snapshot *snapshot, const struct rig_walk_regs *regs,
                        const struct rig_walk_result *now, char *text, size_t size)
{
    struct snapshot_reader reader = {.snapshot = snapshot};
    struct rig_walk_result then;
    char el1[4];
    char el0[4];

    (void)rig_walk(regs, snapshot_read_u64, &reader, now->va, &then);
    space_map_rights(&then.attr, 1, el1);
    space_map_rights(&then.attr, 0, el0);
    snprintf(text, size, "EL%d %s, EL0 %s", regs->regime == RIG_WALK_REGIME_EL2 ? 2 : 1, el1, el0);
    return memcmp(&then.attr, &now->attr, 6) != 0;
}

/* Reasons why the rights are fewer than the leaf gives. */
static void taken_words(const struct snapshot *snapshot, const struct rig_walk_result *result,
                        FILE *out)
{
    struct rig_walk_regs regs = snapshot->regs;
    char text[64];

    regs.sctlr &= ~(uint64_t)SCTLR_EL1_WXN_BIT; /* the same bit in SCTLR_EL2 */
    if (more_rights(snapshot, &regs, result, text, sizeof(text))) {
        fprintf(out, "  without WXN it would be: %s\n", text);
    }
    regs = snapshot->regs;
    regs.tcr &= ~(uint64_t)(TCR_EL1_E0PD0_BIT | TCR_EL1_E0PD1_BIT);
    if (regs.regime != RIG_WALK_REGIME_EL2 &&
        more_rights(snapshot, &regs, result, text, sizeof(text))) {
        fprintf(out, "  without E0PD it would be: %s\n", text);
    }
    for (size_t i = 0; i + 1 < result->step_count; i++) {
        struct words words = {.text = ""};

        table_words(snapshot, result->steps[i].descriptor, &words);
        if (words.length != 0) {
            fprintf(out, "  taken away by the table descriptor at level %u: %s\n",
                    result->steps[i].level, words.text);
        }
    }
    if (result->attr.pan_blocks_el1 != 0) {
        fputs("  PSTATE.PAN is 1: EL1's own loads and stores fault here\n", out);
    }
}

void walk_report_text(const struct snapshot *snapshot, const struct audit_spec *spec,
                      const struct rig_walk_result *result, FILE *out)
{
    bool el2 = snapshot->regs.regime == RIG_WALK_REGIME_EL2;
    char sentence[SENTENCE];

    fprintf(out, "0x%016" PRIx64 ": %s\n", result->va,
            result->step_count == 0 ? "no table is read"
            : el2                   ? "from TTBR0_EL2"
            : result->upper != 0    ? "from TTBR1_EL1"
                                    : "from TTBR0_EL1");
    for (size_t i = 0; i < result->step_count; i++) {
        const struct rig_walk_step *step = &result->steps[i];
        struct words words = {.text = ""};

        step_words(snapshot, result, i, &words);
        fprintf(out, "  level %u  entry %4" PRIu64 " at 0x%010" PRIx64 ": 0x%016" PRIx64 "  %s\n",
                step->level, entry_index(snapshot, result, i), step->descriptor_pa,
                step->descriptor, words.text);
    }
    (void)rig_walk_describe(result, sentence, sizeof(sentence));
    fprintf(out, "  %s\n", sentence);
    if (result->status == RIG_WALK_OK && result->step_count != 0) {
        taken_words(snapshot, result, out);
    }
    if (result->has_pa != 0) {
        char name[NAME];

        space_map_name(snapshot, spec, result->va, result->pa, 1, name, sizeof(name));
        fprintf(out, "  there: %s\n", name);
    }
}

json_t *walk_report_json(const struct snapshot *snapshot, const struct audit_spec *spec,
                         const struct rig_walk_result *result)
{
    json_t *object = json_object();
    json_t *steps = json_array();
    char sentence[SENTENCE];
    char rights[4];

    json_put_hex(object, "va", true, result->va);
    json_put_text(object, "status", rig_walk_status_text(result->status));
    json_put_hex(object, "pa", result->has_pa != 0, result->pa);
    json_put_text(object, "el1", space_map_rights(&result->attr, 1, rights));
    json_put_text(object, "el0", space_map_rights(&result->attr, 0, rights));
    for (size_t i = 0; i < result->step_count; i++) {
        const struct rig_walk_step *step = &result->steps[i];
        struct words words = {.text = ""};
        json_t *item = json_object();

        step_words(snapshot, result, i, &words);
        json_put_count(item, "level", step->level);
        json_put_hex(item, "address", true, step->descriptor_pa);
        json_put_hex(item, "descriptor", step->read != 0, step->descriptor);
        json_put_text(item, "words", words.text);
        json_array_append_new(steps, item);
    }
    json_put(object, "steps", steps);
    (void)rig_walk_describe(result, sentence, sizeof(sentence));
    json_put_text(object, "sentence", sentence);
    if (result->has_pa != 0) {
        char name[NAME];

        space_map_name(snapshot, spec, result->va, result->pa, 1, name, sizeof(name));
        json_put_text(object, "name", name);
    }
    return object;
}
