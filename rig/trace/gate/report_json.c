#include "report.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "esr_text.h"

enum { JSON_SCHEMA = 1 };

static void put(json_t *object, const char *key, json_t *value)
{
    json_object_set_new(object, key, value);
}

static void put_text(json_t *object, const char *key, const char *text)
{
    put(object, key, text == NULL || text[0] == '\0' ? json_null() : json_string(text));
}

static void put_count(json_t *object, const char *key, uint64_t value)
{
    put(object, key, json_integer((json_int_t)value));
}

static void put_hex(json_t *object, const char *key, bool present, uint64_t value)
{
    char text[24];
    snprintf(text, sizeof(text), "0x%" PRIx64, value);
    put(object, key, present ? json_string(text) : json_null());
}

static void put_el(json_t *object, const char *key, uint8_t el)
{
    char text[8];
    snprintf(text, sizeof(text), "EL%u", el);
    put_text(object, key, text);
}

static const char *verdict_name(enum verdict verdict)
{
    static const char *const names[] = {
        [VERDICT_HELD] = "held",
        [VERDICT_BROKEN] = "broken",
        [VERDICT_UNDECIDED] = "undecided",
        [VERDICT_OTHER_VARIANT] = "other-variant",
        [VERDICT_NOT_JUDGED] = "not-judged",
    };
    return names[verdict];
}

static void add_rule(json_t *list, const char *id, const char *kind, const char *why, unsigned line,
                     const struct budget *budget, const struct rule_outcome *outcome)
{
    json_t *rule = json_object();
    put_text(rule, "id", id);
    put_text(rule, "kind", kind);
    put_text(rule, "verdict", verdict_name(outcome->verdict));
    put_count(rule, "counted", outcome->counted);
    put_count(rule, "maybe", outcome->maybe);
    put_count(rule, "min", budget->min);
    put(rule, "max",
        budget->max == UINT64_MAX ? json_null() : json_integer((json_int_t)budget->max));
    put_text(rule, "why", why);
    put(rule, "line", line == 0 ? json_null() : json_integer(line));
    json_array_append_new(list, rule);
}

static json_t *rules_json(const struct report *report)
{
    json_t *list = json_array();
    for (size_t i = 0; i < report->pack->fault_count; i++) {
        const struct fault_rule *rule = &report->pack->faults[i];
        add_rule(list, rule->id, "allow", rule->why, rule->line, &rule->budget,
                 &report->judgement->faults[i]);
    }
    for (size_t i = 0; i < report->pack->message_count; i++) {
        const struct message_rule *rule = &report->pack->messages[i];
        add_rule(list, rule->id, "message", rule->why, rule->line, &rule->budget,
                 &report->judgement->messages[i]);
    }
    const struct budget none = {0};
    add_rule(list, "deny-all-others", "deny", "faults.deny", 0, &none, &report->judgement->deny);
    return list;
}

static void put_place(json_t *object, const struct report *report, const char *symbol_key,
                      const char *source_key, bool present, uint64_t address)
{
    struct place place = {0};
    if (present) {
        place = symbols_place(report->symbols, pack_fold(report->pack, address));
    }
    put_text(object, symbol_key, place.symbol);
    if (source_key != NULL) {
        put_text(object, source_key, place.source);
    }
}

static json_t *site_json(const struct report *report, uint32_t index)
{
    const struct site *site = &report->tally->sites.sites[index];
    const struct site_outcome *outcome = &report->judgement->sites[index];
    const struct site_key *key = &site->key;
    bool has_esr = (key->flags & SITE_HAS_ESR) != 0;
    bool has_elr = (key->flags & SITE_HAS_ELR) != 0;
    bool has_far = site->far_count > 0;
    char text[ESR_TEXT];
    json_t *object = json_object();
    put_text(object, "class", fault_class_name((enum fault_class)key->class));
    put_count(object, "number", key->number);
    put_el(object, "from", key->from_el);
    put_el(object, "to", key->to_el);
    put(object, "psci", json_boolean((key->flags & SITE_PSCI) != 0));
    put_hex(object, "esr", has_esr, key->esr);
    put_text(object, "esr_text", has_esr ? esr_text(key->esr, text) : NULL);
    put_hex(object, "elr", has_elr, key->elr);
    put_place(object, report, "elr_symbol", "elr_source", has_elr, site_pc(key));
    put_hex(object, "far_min", has_far, site->far_min);
    put_hex(object, "far_max", has_far, site->far_max);
    put_place(object, report, "far_symbol", NULL, has_far, site->far_min);
    put_count(object, "count", site->count);
    put_count(object, "ambiguous", site->ambiguous);
    put_count(object, "first_line", site->first_line);
    put_text(object, "rule", outcome->rule < 0 ? NULL : report->pack->faults[outcome->rule].id);
    put_count(object, "denied", outcome->denied);
    put(object, "undecided", json_boolean(outcome->undecided));
    return object;
}

static json_t *sites_json(const struct report *report)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < report->tally->sites.count; i++) {
        json_array_append_new(list, site_json(report, i));
    }
    return list;
}

static json_t *overflow_json(const struct tally *tally)
{
    json_t *object = json_object();
    json_t *list = json_array();
    for (int i = 0; i < CLASS_COUNT * EL_COUNT * EL_COUNT * 2; i++) {
        int class = i / (EL_COUNT * EL_COUNT * 2);
        uint8_t from = (uint8_t)(i / (EL_COUNT * 2) % EL_COUNT);
        uint8_t to = (uint8_t)(i / 2 % EL_COUNT);
        const struct bucket *bucket = &tally->sites.buckets[class][from][to][i % 2];
        if (bucket->count == 0) {
            continue;
        }
        json_t *entry = json_object();
        put_text(entry, "class", fault_class_name((enum fault_class) class));
        put_el(entry, "from", from);
        put_el(entry, "to", to);
        put(entry, "psci", json_boolean(i % 2));
        put_count(entry, "count", bucket->count);
        put_count(entry, "first_line", bucket->first_line);
        json_array_append_new(list, entry);
    }
    put_count(object, "records", tally->sites.overflow);
    put_count(object, "messages", tally->messages.overflow);
    put(object, "buckets", list);
    return object;
}

static json_t *messages_json(const struct report *report)
{
    const struct message_table *table = &report->tally->messages;
    json_t *list = json_array();
    for (uint32_t i = 0; i < table->count; i++) {
        const struct message *message = &table->messages[i];
        char text[MESSAGE_TEXT];
        json_t *object = json_object();
        put(object, "text", json_string(message_text(table, message, text)));
        put_count(object, "count", message->count);
        put_count(object, "first_line", message->first_line);
        put_text(object, "rule",
                 message->rule < 0 ? NULL : report->pack->messages[message->rule].id);
        put(object, "denied", json_boolean(report->judgement->message_denied[i]));
        json_array_append_new(list, object);
    }
    return list;
}

static json_t *damage_json(const struct tally *tally)
{
    json_t *object = json_object();
    json_t *kinds = json_object();
    json_t *samples = json_array();
    for (int kind = 0; kind < DAMAGE_KINDS; kind++) {
        if (tally->damage_by_kind[kind] > 0) {
            put_count(kinds, damage_text((enum damage_kind)kind), tally->damage_by_kind[kind]);
        }
    }
    for (uint32_t i = 0; i < tally->damage_sample_count; i++) {
        const struct damage_sample *sample = &tally->damage_samples[i];
        char text[MESSAGE_TEXT];
        json_t *entry = json_object();
        put_text(entry, "kind", damage_text(sample->kind));
        put_count(entry, "line", sample->line);
        put_text(entry, "text", printable(sample->text, sample->length, false, text));
        json_array_append_new(samples, entry);
    }
    put_count(object, "total", tally->damage);
    put(object, "kinds", kinds);
    put(object, "samples", samples);
    return object;
}

static json_t *records_json(const struct tally *tally)
{
    json_t *object = json_object();
    json_t *classes = json_object();
    for (int class = 0; class < CLASS_COUNT; class ++) {
        if (tally->by_class[class] > 0) {
            put_count(classes, fault_class_name((enum fault_class) class), tally->by_class[class]);
        }
    }
    put_count(object, "total", tally->records);
    put_count(object, "ambiguous", tally->ambiguous);
    put(object, "by_class", classes);
    return object;
}

static json_t *lines_json(const struct line_counts *lines)
{
    json_t *object = json_object();
    put_count(object, "total", lines->total);
    put_count(object, "in_records", lines->in_records);
    put_count(object, "returns", lines->returns);
    put_count(object, "messages", lines->messages);
    put_count(object, "damaged", lines->damaged);
    return object;
}

static json_t *baseline_json(const struct report *report)
{
    if (report->baseline == NULL) {
        return json_null();
    }
    json_t *object = json_object();
    put_text(object, "log", report->options->baseline);
    put_count(object, "records", report->baseline->records);
    put(object, "damaged", damage_json(report->baseline));
    return object;
}

static json_t *elf_json(const struct report *report)
{
    if (report->symbols == NULL) {
        return json_null();
    }
    json_t *object = json_object();
    put_text(object, "path", report->options->elf);
    put_text(object, "build_id", symbols_build_id(report->symbols));
    return object;
}

static json_t *whole_json(const struct report *report)
{
    static const char *const verdicts[] = {
        [EXIT_HELD] = "held",
        [EXIT_BROKEN] = "broken",
        [EXIT_USAGE] = "",
        [EXIT_NOT_JUDGED] = "not-judged",
    };
    json_t *object = json_object();
    put_text(object, "tool", "rig-trace gate");
    put_count(object, "schema", JSON_SCHEMA);
    put_text(object, "version", RIG_TRACE_VERSION);
    put_text(object, "log", report->options->log);
    put_text(object, "rules", report->options->rules);
    put_text(object, "guest", report->pack->guest);
    put_text(object, "variant", report->options->variant);
    put(object, "elf", elf_json(report));
    put(object, "lines", lines_json(&report->tally->parser.lines));
    put_count(object, "bytes", report->tally->reader.bytes);
    put(object, "records", records_json(report->tally));
    put(object, "rules_judged", rules_json(report));
    put(object, "sites", sites_json(report));
    put(object, "overflow", overflow_json(report->tally));
    put(object, "messages", messages_json(report));
    put(object, "damaged", damage_json(report->tally));
    put(object, "baseline", baseline_json(report));
    put_count(object, "undecided", report->judgement->undecided);
    put_text(object, "verdict", verdicts[report->judgement->exit_code]);
    put_count(object, "exit_code", (uint64_t)report->judgement->exit_code);
    return object;
}

static bool dump_to_temporary(json_t *object, const char *temporary)
{
    FILE *file = fopen(temporary, "we");
    if (file == NULL) {
        return false;
    }
    bool good = json_dumpf(object, file, JSON_INDENT(2)) == 0 && fputc('\n', file) != EOF;
    good &= fclose(file) == 0;
    return good;
}

bool report_json(const struct report *report, const char *path, char *error, size_t size)
{
    size_t room = strlen(path) + sizeof(".4294967295.tmp");
    char *temporary = malloc(room);
    json_t *object = whole_json(report);
    bool good = false;
    if (temporary != NULL && object != NULL) {
        snprintf(temporary, room, "%s.%u.tmp", path, (unsigned)getpid());
        errno = 0;
        good = dump_to_temporary(object, temporary) && rename(temporary, path) == 0;
        if (!good) {
            snprintf(error, size, "%s: cannot write: %s", path, strerror(errno));
            unlink(temporary);
        }
    } else {
        snprintf(error, size, "%s: out of memory", path);
    }
    json_decref(object);
    free(temporary);
    return good;
}
