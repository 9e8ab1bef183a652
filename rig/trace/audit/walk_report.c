/* What each level of a walk said, and who took which right away (DDI 0487, D8.3 and D8.4). */
#include "walk_report.h"

#include <inttypes.h>
#include <string.h>

#include "json_fields.h"
#include "space_map.h"
#include "sysregs.h"
#include "walk_fields.h"
#include "walk_rights.h"

enum { TEXT = 256, SENTENCE = 512, LAST_LEVEL = 3, NAME = 160, WORD_BYTES = 8 };

/* A walk as it is shown. */
struct shown {
    const struct snapshot *snapshot;
    const struct rig_walk_result *result; /* what the address means */
    struct rig_walk_result path;          /* the same, or what the tables say without EPD */
    struct rig_walk_half half;
    bool has_tables; /* the snapshot has those of a half whose walks are disabled */
};

static struct shown show(const struct snapshot *snapshot, const struct rig_walk_result *result)
{
    struct shown shown = {.snapshot = snapshot, .result = result, .path = *result};

    rig_walk_half(&snapshot->regs, result->upper, &shown.half);
    if (result->status == RIG_WALK_FAULT_WALK_DISABLED) {
        struct rig_walk_regs regs = walk_without_epd(&snapshot->regs);
        struct snapshot_reader reader = {.snapshot = snapshot};

        (void)rig_walk(&regs, snapshot_read_u64, &reader, result->va, &shown.path);
        shown.has_tables =
            shown.path.step_count != 0 && shown.path.steps[0].read != 0 && reader.missing == 0;
        if (!shown.has_tables) {
            shown.path = *result;
        }
    }
    return shown;
}

/* The index of a step's descriptor in its table. */
static uint64_t entry_index(const struct shown *shown, size_t number)
{
    uint64_t pa = shown->path.steps[number].descriptor_pa;

    return (number == 0 ? pa - shown->half.root_pa
                        : pa % (UINT64_C(1) << shown->half.granule_bits)) /
           WORD_BYTES;
}

static bool is_leaf(const struct rig_walk_step *step)
{
    bool type = (step->descriptor & DESC_TYPE_BIT) != 0;

    return (step->descriptor & DESC_VALID_BIT) != 0 && (step->level == LAST_LEVEL) == type;
}

/* Where a page or block begins; 0 when that does not fit the physical address size. */
static uint64_t leaf_pa(const struct rig_walk_result *path)
{
    return path->has_pa == 0 ? 0 : path->pa & ~(path->size - 1);
}

/* What a descriptor is, in short. */
static void step_words(const struct shown *shown, size_t number, char *text, size_t size)
{
    const struct rig_walk_step *step = &shown->path.steps[number];
    bool last = number + 1 == shown->path.step_count;

    if (step->read == 0) {
        snprintf(text, size, "cannot be read");
    } else if ((step->descriptor & DESC_VALID_BIT) == 0) {
        snprintf(text, size, "invalid (bit 0 is 0)");
    } else if (last && shown->path.reason == RIG_WALK_REASON_RESERVED) {
        snprintf(text, size, "reserved (%s)",
                 step->level == LAST_LEVEL ? "bit 1 is 0 at level 3" : "no block at this level");
    } else if (is_leaf(step)) {
        snprintf(text, size, "%s", step->level == LAST_LEVEL ? "page" : "block");
        if (shown->path.has_pa != 0) {
            snprintf(text + strlen(text), size - strlen(text), " at %#" PRIx64,
                     leaf_pa(&shown->path));
        }
    } else {
        snprintf(text, size, "table at %#" PRIx64,
                 last ? (uint64_t)(step->descriptor & DESC_TABLE_NEXT_MASK)
                      : shown->path.steps[number + 1].descriptor_pa -
                            WORD_BYTES * entry_index(shown, number + 1));
    }
}

/* The fields of a valid descriptor that is none of the reserved ones. */
static size_t step_fields(const struct shown *shown, size_t number, struct walk_field *fields)
{
    const struct rig_walk_step *step = &shown->path.steps[number];
    bool last = number + 1 == shown->path.step_count;

    if ((step->descriptor & DESC_VALID_BIT) == 0 ||
        (last && shown->path.reason == RIG_WALK_REASON_RESERVED)) {
        return 0;
    }
    return is_leaf(step) ? walk_leaf_fields(&shown->snapshot->regs, step->descriptor, fields)
                         : walk_table_fields(&shown->snapshot->regs, step->descriptor, fields);
}

/* --- text ------------------------------------------------------------------------------------ */

static void put_field(const struct walk_field *field, FILE *out)
{
    char value[16] = "0b";
    size_t length = field->bits == 1 ? 0 : 2;

    for (unsigned bit = field->bits; bit > 0; bit--) {
        value[length++] = (field->value >> (bit - 1) & 1) != 0 ? '1' : '0';
    }
    value[length] = '\0';
    fprintf(out, "             %-10s %6s  %s\n", field->name, value, field->means);
}

static void put_steps(const struct shown *shown, FILE *out)
{
    for (size_t i = 0; i < shown->path.step_count; i++) {
        const struct rig_walk_step *step = &shown->path.steps[i];
        struct walk_field fields[WALK_FIELDS_MAX];
        size_t count = step_fields(shown, i, fields);
        char words[TEXT];

        step_words(shown, i, words, sizeof(words));
        fprintf(out, "  level %u  entry %4" PRIu64 " at 0x%010" PRIx64 ": 0x%016" PRIx64 "  %s\n",
                step->level, entry_index(shown, i), step->descriptor_pa, step->descriptor, words);
        for (size_t k = 0; k < count; k++) {
            put_field(&fields[k], out);
        }
    }
}

static void put_rights(const struct shown *shown, FILE *out)
{
    bool el2 = shown->snapshot->regs.regime == RIG_WALK_REGIME_EL2;
    struct walk_rights rights;

    walk_rights_of(shown->snapshot, shown->result, &rights);
    for (size_t i = 0; i < rights.count; i++) {
        const struct walk_right *line = &rights.lines[i];

        fprintf(out, "  %-9s %s %s", i == 0 ? "rights" : (line->takes ? "  taken" : "  left"),
                el2 ? "EL2" : "EL1", line->el1);
        if (!el2) {
            fprintf(out, ", EL0 %s", line->el0);
        }
        fprintf(out, "  %s %s\n", i == 0 || line->takes ? "by" : "untouched by", line->who);
    }
    if (shown->result->attr.pan_blocks_el1 != 0) {
        fputs("  PSTATE.PAN = 1: EL1's own loads and stores fault here\n", out);
    }
}

static void put_origin(const struct shown *shown, FILE *out)
{
    bool el2 = shown->snapshot->regs.regime == RIG_WALK_REGIME_EL2;

    fprintf(out, "0x%016" PRIx64 ": ", shown->result->va);
    if (shown->path.step_count == 0) {
        fputs("no table is read\n", out);
        return;
    }
    fprintf(out, "from TTBR%u_EL%d, %u KiB pages, %u bits of address from level %u on\n",
            shown->result->upper, el2 ? 2 : 1, (1U << shown->half.granule_bits) / 1024,
            shown->half.input_bits, shown->half.start_level);
}

void walk_report_text(const struct snapshot *snapshot, const struct audit_spec *spec,
                      const struct rig_walk_result *result, FILE *out)
{
    struct shown shown = show(snapshot, result);
    char sentence[SENTENCE];

    put_origin(&shown, out);
    put_steps(&shown, out);
    put_rights(&shown, out);
    (void)rig_walk_describe(result, sentence, sizeof(sentence));
    fprintf(out, "  %s\n", sentence);
    if (result->status == RIG_WALK_FAULT_WALK_DISABLED) {
        if (shown.has_tables) {
            (void)rig_walk_describe(&shown.path, sentence, sizeof(sentence));
            fprintf(out, "  With walks enabled: %s\n", sentence);
        } else {
            fputs("  The snapshot has no tables of this half.\n", out);
        }
    }
    if (result->has_pa != 0) {
        char name[NAME];

        space_map_name(snapshot, spec, result->va, result->pa, 1, name, sizeof(name));
        fprintf(out, "  there: %s\n", name);
    }
}

/* --- JSON ------------------------------------------------------------------------------------ */

static json_t *fields_json(const struct walk_field *fields, size_t count)
{
    json_t *list = json_array();

    for (size_t i = 0; i < count; i++) {
        json_t *item = json_object();

        json_put_text(item, "name", fields[i].name);
        json_put_count(item, "value", fields[i].value);
        json_put_text(item, "means", fields[i].means);
        json_array_append_new(list, item);
    }
    return list;
}

static json_t *steps_json(const struct shown *shown)
{
    json_t *list = json_array();

    for (size_t i = 0; i < shown->path.step_count; i++) {
        const struct rig_walk_step *step = &shown->path.steps[i];
        struct walk_field fields[WALK_FIELDS_MAX];
        size_t count = step_fields(shown, i, fields);
        char words[TEXT];
        json_t *item = json_object();

        step_words(shown, i, words, sizeof(words));
        json_put_count(item, "level", step->level);
        json_put_count(item, "index", entry_index(shown, i));
        json_put_hex(item, "address", true, step->descriptor_pa);
        json_put_hex(item, "descriptor", step->read != 0, step->descriptor);
        json_put_text(item, "words", words);
        json_put(item, "fields", fields_json(fields, count));
        json_array_append_new(list, item);
    }
    return list;
}

static json_t *rights_json(const struct shown *shown)
{
    json_t *list = json_array();
    struct walk_rights rights;

    walk_rights_of(shown->snapshot, shown->result, &rights);
    for (size_t i = 0; i < rights.count; i++) {
        const struct walk_right *line = &rights.lines[i];
        json_t *item = json_object();

        json_put_text(item, "by", line->who);
        json_put_text(item, "el1", line->el1);
        json_put_text(item, "el0", line->el0);
        json_put(item, "takes", json_boolean(line->takes));
        json_array_append_new(list, item);
    }
    return list;
}

json_t *walk_report_json(const struct snapshot *snapshot, const struct audit_spec *spec,
                         const struct rig_walk_result *result)
{
    struct shown shown = show(snapshot, result);
    json_t *object = json_object();
    char sentence[SENTENCE];
    char rights[4];

    json_put_hex(object, "va", true, result->va);
    json_put_text(object, "half", result->upper != 0 ? "high" : "low");
    json_put_text(object, "status", rig_walk_status_text(result->status));
    json_put_hex(object, "pa", result->has_pa != 0, result->pa);
    json_put_count(object, "size", result->size);
    json_put_text(object, "el1", space_map_rights(&result->attr, 1, rights));
    json_put_text(object, "el0", space_map_rights(&result->attr, 0, rights));
    json_put(object, "steps", steps_json(&shown));
    json_put(object, "rights", rights_json(&shown));
    (void)rig_walk_describe(result, sentence, sizeof(sentence));
    json_put_text(object, "sentence", sentence);
    if (result->has_pa != 0) {
        char name[NAME];

        space_map_name(snapshot, spec, result->va, result->pa, 1, name, sizeof(name));
        json_put_text(object, "name", name);
    }
    return object;
}
