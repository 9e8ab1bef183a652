#include <inttypes.h>
#include <jansson.h>

#include "coverage.h"

enum { JSON_SCHEMA = 1, PAGE_BITS = 12 };

static void put(json_t *object, const char *key, json_t *value)
{
    json_object_set_new(object, key, value);
}

static void put_text(json_t *object, const char *key, const char *text)
{
    put(object, key, json_string(text));
}

static void put_count(json_t *object, const char *key, uint64_t value)
{
    put(object, key, json_integer((json_int_t)value));
}

static void put_hex(json_t *object, const char *key, uint64_t value)
{
    char text[24];
    snprintf(text, sizeof(text), "0x%" PRIx64, value);
    put_text(object, key, text);
}

static json_t *pair(uint64_t found, uint64_t hit)
{
    json_t *list = json_array();
    json_array_append_new(list, json_integer((json_int_t)found));
    json_array_append_new(list, json_integer((json_int_t)hit));
    return list;
}

static void put_file(const struct coverage *report, json_t *object, uint32_t file)
{
    put(object, "file",
        file == SOURCE_NONE ? json_null() : json_string(report->sources->files[file].shown));
}

static const char *mmu_name(enum trace_mmu mmu)
{
    static const char *const names[] = {"off", "on", "unknown"};
    return names[mmu];
}

static json_t *traces_json(const struct coverage *report)
{
    json_t *list = json_array();
    for (size_t i = 0; i < report->trace_count; i++) {
        const struct trace *trace = &report->traces[i];
        json_t *item = json_object();
        put_text(item, "file", report->trace_paths[i]);
        put(item, "closed", json_boolean((trace->flags & TRACE_CLOSED) != 0));
        put_count(item, "torn_bytes", trace->torn_bytes);
        put(item, "full", json_boolean((trace->flags & TRACE_FULL) != 0));
        put(item, "epochs_cut", json_boolean((trace->flags & TRACE_EPOCHS_CUT) != 0));
        put_count(item, "api", trace->api);
        put_count(item, "cpus", trace->cpus);
        put_count(item, "blocks", trace->block_count);
        put_count(item, "epochs", trace->epoch_count);
        json_array_append_new(list, item);
    }
    return list;
}

static json_t *epochs_json(const struct coverage *report)
{
    json_t *list = json_array();
    for (size_t i = 0; i < report->trace_count; i++) {
        const struct trace *trace = &report->traces[i];
        for (size_t k = 0; k < trace->epoch_count; k++) {
            const struct trace_epoch_view *epoch = &trace->epochs[k];
            json_t *item = json_object();
            put_count(item, "trace", i);
            put_hex(item, "vaddr", epoch->vaddr);
            put_hex(item, "opcode", epoch->opcode);
            put_count(item, "el", epoch->el);
            put_text(item, "after", mmu_name(epoch->after));
            put_text(item, "mmu", mmu_name(counts_mmu(trace, report->rules, k + 1)));
            json_array_append_new(list, item);
        }
    }
    return list;
}

static json_t *instructions_json(const struct instruction_totals *totals)
{
    json_t *object = json_object();
    put_count(object, "found", totals->found);
    put_count(object, "hit", totals->hit);
    put_count(object, "hit_mmu_off", totals->hit_off);
    put_count(object, "hit_mmu_on", totals->hit_on);
    put_count(object, "hit_both", totals->hit_both);
    put_count(object, "hit_mmu_unknown", totals->hit_unknown);
    put_count(object, "outside_functions", totals->outside_functions);
    return object;
}

static json_t *functions_json(const struct coverage *report, const struct totals *totals)
{
    json_t *missed = json_array();
    for (size_t i = 0; i < report->result->function_count; i++) {
        const struct function *function = &report->result->functions[i];
        if (function->count == 0) {
            json_t *item = json_object();
            put_text(item, "name", function->name);
            put_file(report, item, function->file);
            put_count(item, "line", function->line);
            json_array_append_new(missed, item);
        }
    }
    json_t *object = json_object();
    put_count(object, "found", totals->functions);
    put_count(object, "hit", totals->functions_hit);
    put(object, "missed", missed);
    return object;
}

static json_t *lines_json(const struct totals *totals)
{
    json_t *object = json_object();
    put_count(object, "found", totals->lines);
    put_count(object, "hit", totals->lines_hit);
    put_count(object, "partial", totals->lines_partial);
    return object;
}

static json_t *excluded_json(const struct coverage *report, enum excluded_kind kind)
{
    json_t *list = json_array();
    for (size_t i = 0; i < report->result->excluded_count; i++) {
        const struct excluded *excluded = &report->result->excluded[i];
        if (excluded->kind != kind) {
            continue;
        }
        json_t *item = json_object();
        put_file(report, item, excluded->file);
        put_count(item, "line", excluded->line);
        if (kind != EXCLUDED_LINE) {
            put_text(item, "function", excluded->function);
        }
        if (kind == EXCLUDED_BRANCH) {
            put_text(item, "direction", coverage_direction(excluded->taken));
        }
        put_count(item, "count", excluded->count);
        put_text(item, "reason", excluded->reason);
        json_array_append_new(list, item);
    }
    return list;
}

static json_t *branches_json(const struct coverage *report, const struct totals *totals)
{
    const struct result *result = report->result;
    json_t *lineless = json_array();
    for (size_t i = 0; i < result->lineless_count; i++) {
        json_t *item = json_object();
        put_hex(item, "address", result->lineless[i].address);
        put_text(item, "function", result->lineless[i].function);
        json_array_append_new(lineless, item);
    }
    json_t *object = json_object();
    put_count(object, "found", totals->directions);
    put_count(object, "hit", totals->directions_hit);
    put_count(object, "unknown", result->unknown_outcomes);
    put_count(object, "line0", result->lineless_count);
    put(object, "line0_at", lineless);
    put(object, "excluded", excluded_json(report, EXCLUDED_BRANCH));
    return object;
}

static json_t *findings_json(const struct coverage *report)
{
    json_t *list = json_array();
    for (uint32_t file = 0; file < report->sources->count; file++) {
        const struct markers *markers = &report->result->markers[file];
        for (size_t i = 0; i < markers->finding_count; i++) {
            json_t *item = json_object();
            put_file(report, item, file);
            put_count(item, "line", markers->findings[i].line);
            put_text(item, "text", markers->findings[i].text);
            json_array_append_new(list, item);
        }
    }
    return list;
}

static json_t *outside_json(const struct strays *outside)
{
    json_t *list = json_array();
    for (size_t i = 0; i < outside->count;) {
        uint64_t page = outside->items[i].address >> PAGE_BITS;
        uint64_t last = UINT64_MAX;
        uint64_t instructions = 0;
        uint64_t executions = 0;
        for (; i < outside->count && outside->items[i].address >> PAGE_BITS == page; i++) {
            /* One address may have held several instructions in turn. */
            instructions += outside->items[i].address != last;
            last = outside->items[i].address;
            executions += outside->items[i].count;
        }
        json_t *item = json_object();
        put_hex(item, "page", page << PAGE_BITS);
        put_count(item, "instructions", instructions);
        put_count(item, "executions", executions);
        json_array_append_new(list, item);
    }
    return list;
}

static json_t *differs_json(const struct coverage *report)
{
    json_t *list = json_array();
    for (size_t i = 0; i < report->counts->differs.count; i++) {
        const struct stray *stray = &report->counts->differs.items[i];
        size_t word;
        json_t *item = json_object();
        put_hex(item, "address", stray->address);
        put_count(item, "count", stray->count);
        put_hex(item, "opcode", stray->opcode);
        if (image_word(report->image, stray->address, &word)) {
            put_hex(item, "file_opcode", image_opcode(report->image, word));
        }
        json_array_append_new(list, item);
    }
    return list;
}

static json_t *missed_branches_json(const struct result *result, const struct file_part *part)
{
    json_t *list = json_array();
    for (size_t i = part->direction; i < part->direction_end; i++) {
        const struct direction *direction = &result->directions[i];
        if (direction->count > 0) {
            continue;
        }
        json_t *item = json_object();
        put_count(item, "line", direction->line);
        put_text(item, "function", direction->function);
        put_hex(item, "address", direction->address);
        put_text(item, "direction", coverage_direction(direction->taken));
        put(item, "executed", json_boolean(direction->executed));
        json_array_append_new(list, item);
    }
    return list;
}

static json_t *files_json(const struct coverage *report)
{
    const struct result *result = report->result;
    json_t *list = json_array();
    struct file_part part = {0};
    while (result_next_file(result, &part)) {
        struct totals totals = result_totals(result, &part);
        json_t *missed = json_array();
        json_t *partial = json_array();
        for (size_t i = part.line; i < part.line_end; i++) {
            const struct line_result *line = &result->lines[i];
            if (line->count == 0) {
                json_array_append_new(missed, json_integer(line->line));
            } else if (line->partial) {
                json_array_append_new(partial, json_integer(line->line));
            }
        }
        json_t *item = json_object();
        put_file(report, item, part.file);
        put(item, "lines", pair(totals.lines, totals.lines_hit));
        put(item, "functions", pair(totals.functions, totals.functions_hit));
        put(item, "branches", pair(totals.directions, totals.directions_hit));
        put(item, "missed_lines", missed);
        put(item, "partial_lines", partial);
        put(item, "missed_branches", missed_branches_json(result, &part));
        json_array_append_new(list, item);
    }
    return list;
}

bool coverage_json(const struct coverage *report, FILE *out)
{
    struct totals totals = result_totals(report->result, NULL);
    json_t *root = json_object();
    json_t *excluded = json_object();
    put_text(root, "tool", "rig-trace cover");
    put_count(root, "schema", JSON_SCHEMA);
    put_text(root, "version", RIG_TRACE_VERSION);
    put_text(root, "image", report->image->build_id);
    put_text(root, "elf", report->elf);
    put(root, "dwarf", json_boolean(report->image->dwarf != NULL));
    put(root, "traces", traces_json(report));
    put(root, "epochs", epochs_json(report));
    put(root, "instructions", instructions_json(&report->result->instructions));
    put(root, "functions", functions_json(report, &totals));
    put(root, "lines", lines_json(&totals));
    put(root, "branches", branches_json(report, &totals));
    put(excluded, "lines", excluded_json(report, EXCLUDED_LINE));
    put(excluded, "functions", excluded_json(report, EXCLUDED_FUNCTION));
    put(root, "excluded", excluded);
    put(root, "findings", findings_json(report));
    put(root, "outside", outside_json(&report->counts->outside));
    put(root, "differs", differs_json(report));
    put(root, "files", files_json(report));
    bool written = json_dumpf(root, out, JSON_INDENT(1)) == 0 && fputc('\n', out) != EOF;
    json_decref(root);
    return written;
}
