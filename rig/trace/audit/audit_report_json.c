#include "audit_report.h"
#include "json_fields.h"

/* The contract with readers of the JSON: no text is "", not null. */
static void put_words(json_t *object, const char *key, const char *text)
{
    json_put(object, key, json_string(text));
}

static const char *level_name(enum audit_level level)
{
    return level == AUDIT_ERROR ? "error" : "note";
}

static json_t *rules_json(const struct audit_case *item)
{
    json_t *list = json_array();

    for (size_t i = 0; audit_rule_of(i) != NULL; i++) {
        const struct audit_rule_info *info = audit_rule_of(i);
        const struct audit_rule_result *rule = &item->result.rules[i];
        json_t *object;

        if (!rule->selected) {
            continue;
        }
        object = json_object();
        put_words(object, "id", info->id);
        put_words(object, "title", info->title);
        put_words(object, "section", info->section);
        put_words(object, "level_max", level_name(info->level_max));
        json_put(object, "judged", json_boolean(rule->judged));
        put_words(object, "why_not", rule->why_not);
        json_put_count(object, "subjects", rule->subjects);
        json_array_append_new(list, object);
    }
    return list;
}

static json_t *finding_json(const struct audit_case *item, const struct audit_finding *finding)
{
    const struct audit_rule_info *info = audit_rule_of(finding->rule);
    json_t *object = json_object();
    struct audit_words words;

    audit_words_of(&item->scene, finding, &words);
    put_words(object, "rule", info->id);
    put_words(object, "level", level_name((enum audit_level)finding->level));
    json_put_hex(object, "first", true, finding->first);
    json_put_hex(object, "last", true, finding->last);
    json_put_hex(object, "pa", finding->has_pa, finding->pa);
    put_words(object, "what", words.what);
    put_words(object, "missing", words.missing);
    put_words(object, "detail", words.detail);
    put_words(object, "fix", words.fix);
    put_words(object, "section", info->section);
    json_put_count(object, "count", finding->count);
    put_words(object, "waived",
              finding->waiver == 0 ? "" : item->spec->waivers[finding->waiver - 1].why);
    return object;
}

static json_t *unused_json(const struct audit_case *item)
{
    json_t *list = json_array();

    for (size_t i = 0; i < item->result.waiver_count; i++) {
        if (audit_waiver_unused(item, i)) {
            json_t *object = json_object();

            put_words(object, "rule", item->spec->waivers[i].rule);
            put_words(object, "text", item->spec->waivers[i].text);
            json_array_append_new(list, object);
        }
    }
    return list;
}

json_t *audit_report_json(const struct audit_case *item)
{
    json_t *object = json_object();
    json_t *findings = json_array();
    json_t *witnesses = json_object();
    json_t *made = json_object_get(item->snapshot.header, "made");

    for (size_t i = 0; i < item->result.count; i++) {
        json_array_append_new(findings, finding_json(item, &item->result.findings[i]));
    }
    json_put_count(witnesses, "checked", item->witnesses.checked);
    json_put_count(witnesses, "differ", item->witnesses.differ);
    json_put_count(witnesses, "left_out", item->witnesses.left_out);
    put_words(object, "schema", "rig-audit-1");
    put_words(object, "version", RIG_TRACE_VERSION);
    put_words(object, "path", item->path);
    json_put(object, "made", made == NULL ? json_object() : json_deep_copy(made));
    json_put_count(object, "exit_code", (uint64_t)item->code);
    put_words(object, "not_judged", item->not_judged);
    json_put(object, "rules", rules_json(item));
    json_put(object, "findings", findings);
    json_put_count(object, "findings_cut", item->result.cut);
    json_put(object, "waivers_unused", unused_json(item));
    json_put_count(object, "entries", item->leaves);
    json_put_count(object, "descriptors", item->scene.descriptors);
    json_put(object, "witnesses", witnesses);
    return object;
}
