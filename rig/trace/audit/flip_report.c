#include "flip_report.h"

#include <inttypes.h>

#include "json_fields.h"

enum { SURVIVORS_SHOWN = 40 };

static void put_cell(FILE *out, enum flip_kind kind, unsigned bit, const struct flip_cell *cell)
{
    const char *before = " by ";

    fprintf(out,
            "  %-7s bit %2u  %6" PRIu64 " flips, %6" PRIu64 " reported, %6" PRIu64
            " without the map",
            flip_kind_name(kind), bit, cell->flips, cell->reported, cell->without_map);
    for (size_t i = 0; audit_rule_of(i) != NULL; i++) {
        if (cell->rules[i] > 0) {
            fprintf(out, "%s%s %" PRIu64, before, audit_rule_of(i)->id, cell->rules[i]);
            before = ", ";
        }
    }
    if (cell->harmless > 0) {
        fprintf(out, "; %" PRIu64 " harmless", cell->harmless);
    }
    fputc('\n', out);
}

static void put_survivors(const struct flips *flips, FILE *out, bool colour)
{
    for (uint64_t i = 0; i < flips->survivor_count && i < SURVIVORS_SHOWN; i++) {
        const struct flip_survivor *item = &flips->survivors[i];

        fprintf(out,
                "%serror%s: unseen: bit %u of the %s descriptor 0x%016" PRIx64 " at 0x%" PRIx64
                " (level %u, for 0x%" PRIx64 ")\n",
                colour ? "\033[1;31m" : "", colour ? "\033[0m" : "", item->bit,
                flip_kind_name(item->kind), item->descriptor, item->descriptor_pa, item->level,
                item->va);
    }
    if (flips->survivor_count > SURVIVORS_SHOWN) {
        fprintf(out, "and %" PRIu64 " more that go unseen (--json FILE lists some)\n",
                flips->survivor_count - SURVIVORS_SHOWN);
    }
}

static void put_unused(const struct flips *flips, const struct audit_spec *spec, FILE *out,
                       bool colour)
{
    for (size_t i = 0; i < spec->harmless_count; i++) {
        const struct audit_harmless *line = &spec->harmless[i];

        if (!flips->harmless_used[i]) {
            fprintf(out,
                    "%serror%s: harmless %s bits %u:%u cover nothing: every such change is "
                    "reported, or there is none (%s)\n",
                    colour ? "\033[1;31m" : "", colour ? "\033[0m" : "", line->kind, line->high,
                    line->low, line->why);
        }
    }
}

void flip_report_text(const struct flips *flips, const struct audit_case *item, FILE *out,
                      bool colour)
{
    for (unsigned kind = 0; kind < FLIP_KINDS; kind++) {
        for (unsigned bit = 0; bit < FLIP_BITS; bit++) {
            if (flips->cells[kind][bit].flips > 0) {
                put_cell(out, (enum flip_kind)kind, bit, &flips->cells[kind][bit]);
            }
        }
    }
    put_survivors(flips, out, colour);
    put_unused(flips, item->spec, out, colour);
    fprintf(out,
            "%s: %" PRIu64 " flips of %" PRIu64 " table, %" PRIu64 " block, %" PRIu64
            " page and %" PRIu64 " invalid descriptors: %" PRIu64 " reported (%" PRIu64
            " by errors, %" PRIu64 " without the expected map), %" PRIu64 " harmless, %" PRIu64
            " unseen\n",
            item->path, flips->total.flips, flips->descriptors[FLIP_TABLE],
            flips->descriptors[FLIP_BLOCK], flips->descriptors[FLIP_PAGE],
            flips->descriptors[FLIP_INVALID], flips->total.reported, flips->total.by_error,
            flips->total.without_map, flips->total.harmless, flips->survivor_count);
}

static json_t *cell_json(unsigned bit, const struct flip_cell *cell)
{
    json_t *object = json_object();
    json_t *rules = json_object();

    for (size_t i = 0; audit_rule_of(i) != NULL; i++) {
        if (cell->rules[i] > 0) {
            json_put_count(rules, audit_rule_of(i)->id, cell->rules[i]);
        }
    }
    json_put_count(object, "bit", bit);
    json_put_count(object, "flips", cell->flips);
    json_put_count(object, "reported", cell->reported);
    json_put_count(object, "by_error", cell->by_error);
    json_put_count(object, "without_map", cell->without_map);
    json_put_count(object, "harmless", cell->harmless);
    json_put(object, "rules", rules);
    return object;
}

static json_t *kinds_json(const struct flips *flips)
{
    json_t *list = json_array();

    for (unsigned kind = 0; kind < FLIP_KINDS; kind++) {
        json_t *object = json_object();
        json_t *bits = json_array();

        for (unsigned bit = 0; bit < FLIP_BITS; bit++) {
            if (flips->cells[kind][bit].flips > 0) {
                json_array_append_new(bits, cell_json(bit, &flips->cells[kind][bit]));
            }
        }
        json_put(object, "kind", json_string(flip_kind_name((enum flip_kind)kind)));
        json_put(object, "bits", bits);
        json_array_append_new(list, object);
    }
    return list;
}

static json_t *survivors_json(const struct flips *flips)
{
    json_t *list = json_array();

    for (uint64_t i = 0; i < flips->survivor_count && i < FLIP_SURVIVORS_MAX; i++) {
        const struct flip_survivor *item = &flips->survivors[i];
        json_t *object = json_object();

        json_put(object, "kind", json_string(flip_kind_name(item->kind)));
        json_put_count(object, "bit", item->bit);
        json_put_count(object, "level", item->level);
        json_put_hex(object, "va", true, item->va);
        json_put_hex(object, "descriptor", true, item->descriptor);
        json_put_hex(object, "descriptor_pa", true, item->descriptor_pa);
        json_array_append_new(list, object);
    }
    return list;
}

static json_t *unused_json(const struct flips *flips, const struct audit_spec *spec)
{
    json_t *list = json_array();

    for (size_t i = 0; i < spec->harmless_count; i++) {
        const struct audit_harmless *line = &spec->harmless[i];

        if (!flips->harmless_used[i]) {
            json_t *object = json_object();

            json_put(object, "kind", json_string(line->kind));
            json_put_count(object, "high", line->high);
            json_put_count(object, "low", line->low);
            json_put(object, "why", json_string(line->why));
            json_array_append_new(list, object);
        }
    }
    return list;
}

json_t *flip_report_json(const struct flips *flips, const struct audit_case *item)
{
    json_t *object = json_object();
    json_t *descriptors = json_object();
    json_t *made = json_object_get(item->snapshot.header, "made");

    for (unsigned kind = 0; kind < FLIP_KINDS; kind++) {
        json_put_count(descriptors, flip_kind_name((enum flip_kind)kind), flips->descriptors[kind]);
    }
    json_put(object, "schema", json_string("rig-flips-1"));
    json_put(object, "version", json_string(RIG_TRACE_VERSION));
    json_put(object, "made", made == NULL ? json_object() : json_deep_copy(made));
    json_put_count(object, "exit_code", (uint64_t)flips->code);
    json_put(object, "descriptors", descriptors);
    json_put_count(object, "flips", flips->total.flips);
    json_put_count(object, "reported", flips->total.reported);
    json_put_count(object, "by_error", flips->total.by_error);
    json_put_count(object, "reported_without_map", flips->total.without_map);
    json_put_count(object, "harmless", flips->total.harmless);
    json_put_count(object, "unreported", flips->survivor_count);
    json_put(object, "kinds", kinds_json(flips));
    json_put(object, "survivors", survivors_json(flips));
    json_put(object, "harmless_unused", unused_json(flips, item->spec));
    return object;
}
