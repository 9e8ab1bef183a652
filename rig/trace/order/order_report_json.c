#include "json_fields.h"
#include "order_report.h"

static const char *level_name(enum order_level level)
{
    return level == ORDER_ERROR ? "error" : "note";
}

static json_t *trace_json(const struct order_report *report)
{
    const struct event_trace *trace = &report->input->trace;
    json_t *object = json_object();
    json_put_text(object, "path", report->options->input.trace);
    json_put_count(object, "events", trace->event_count);
    json_put_count(object, "cpus", trace->cpus);
    json_put_count(object, "torn_bytes", trace->torn_bytes);
    json_put(object, "flags", json_trace_flags(trace->flags));
    json_put_count(object, "windows_cut", report->result->windows_cut);
    return object;
}

static json_t *rules_json(const struct order_report *report)
{
    json_t *list = json_array();
    for (size_t i = 0; i < report->result->rule_count; i++) {
        const struct order_rule_result *rule = &report->result->rules[i];
        const struct rule_tally *tally = &report->verdict->tallies[i];
        const struct order_rule_info *info = order_rule_of(rule->id);
        json_t *object = json_object();
        json_put_text(object, "id", rule->id);
        json_put_text(object, "title", info == NULL ? NULL : info->title);
        json_put_text(object, "section", info == NULL ? NULL : info->section);
        json_put_text(object, "level", info == NULL ? NULL : level_name(info->level));
        json_put_count(object, "subjects", rule->subjects);
        json_put_count(object, "consumers", rule->consumers);
        json_put(object, "judged", json_boolean(rule->judged));
        json_put_text(object, "why_not", rule->judged ? NULL : rule->why_not);
        json_put_count(object, "errors", tally->errors);
        json_put_count(object, "notes", tally->notes);
        json_put_count(object, "waived", tally->waived);
        json_array_append_new(list, object);
    }
    return list;
}

static json_t *excerpt_json(const struct excerpt *excerpt)
{
    json_t *list = json_array();
    for (size_t i = 0; i < excerpt->count; i++) {
        json_array_append_new(list, json_string(excerpt->lines[i]));
    }
    return list;
}

static json_t *end_json(const struct order_end *end, const struct end_words *words)
{
    json_t *object = json_object();
    json_put_count(object, "event", end->event);
    json_put_hex(object, "pc", true, end->pc);
    json_put_hex(object, "pa", end->pc_pa != TRACE_UNKNOWN_ADDRESS, end->pc_pa);
    json_put_text(object, "symbol", words->place->symbol);
    json_put_text(object, "source", words->place->source);
    json_put_hex(object, "opcode", words->has_opcode, words->opcode);
    json_put_text(object, "text", words->text);
    json_put_count(object, "cpu", end->cpu);
    json_put_el(object, "el", end->el);
    json_put_hex(object, "address", end->has_address, end->address);
    return object;
}

static json_t *finding_json(const struct order_report *report, size_t index)
{
    const struct order_finding *finding = &report->result->findings[index];
    const struct order_rule_info *info = order_rule_of(finding->rule);
    struct end_words words;
    json_t *object = json_object();
    json_t *disassembly = json_object();
    json_put_text(object, "rule", finding->rule);
    json_put_text(object, "level", level_name(finding->level));
    json_put_text(object, "waived", report->verdict->waived[index]);
    json_put_count(object, "count", finding->count);
    order_end_words(report, &finding->write, &words);
    json_put(object, "write", end_json(&finding->write, &words));
    json_put(disassembly, "write", excerpt_json(&words.excerpt));
    order_end_words(report, &finding->consumer, &words);
    json_put(object, "consumer", end_json(&finding->consumer, &words));
    json_put(disassembly, "consumer", excerpt_json(&words.excerpt));
    json_put(object, "missing", json_string(finding->missing));
    json_put(object, "detail", json_string(finding->detail));
    json_put(object, "fix", json_string(finding->fix));
    json_put_text(object, "section", info == NULL ? NULL : info->section);
    json_put(object, "disassembly", disassembly);
    return object;
}

static json_t *findings_json(const struct order_report *report)
{
    json_t *list = json_array();
    for (size_t i = 0; i < report->result->finding_count; i++) {
        json_array_append_new(list, finding_json(report, i));
    }
    return list;
}

static json_t *unused_json(const struct order_report *report)
{
    json_t *list = json_array();
    for (size_t i = 0; i < report->options->waivers.count; i++) {
        const struct waiver *waiver = &report->options->waivers.items[i];
        if (order_waiver_unused(report->result, waiver)) {
            json_t *object = json_object();
            json_put_text(object, "rule", waiver->rule);
            json_put_text(object, "symbol", waiver->symbol);
            json_put_text(object, "why", waiver->why);
            json_array_append_new(list, object);
        }
    }
    return list;
}

bool order_report_json(const struct order_report *report, const char *path,
                       char error[static OUTPUT_ERROR_TEXT])
{
    static const char *const verdicts[] = {
        [EXIT_HELD] = "held",
        [EXIT_BROKEN] = "broken",
        [EXIT_USAGE] = "",
        [EXIT_NOT_JUDGED] = "not-judged",
    };
    json_t *object = json_object();
    json_put_text(object, "schema", "rig-order-1");
    json_put_text(object, "tool", "rig-trace order");
    json_put_text(object, "version", RIG_TRACE_VERSION);
    json_put(object, "trace", trace_json(report));
    json_put(object, "rules", rules_json(report));
    json_put(object, "findings", findings_json(report));
    json_put_count(object, "findings_cut", report->result->findings_cut);
    json_put(object, "waivers_unused", unused_json(report));
    json_put_text(object, "not_judged", report->verdict->not_judged);
    json_put_text(object, "verdict", verdicts[report->verdict->code]);
    json_put_count(object, "exit_code", (uint64_t)report->verdict->code);
    return json_write(object, path, error);
}
