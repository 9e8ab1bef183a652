#include "audit_command.h"

#include <stdio.h>

#include "audit_options.h"
#include "audit_report.h"
#include "console.h"
#include "flip_report.h"
#include "json_fields.h"

/* A wrong input is told before anything else; no answer outweighs a bad one. */
static enum exit_code worse(enum exit_code left, enum exit_code right)
{
    static const int weights[] = {
        [EXIT_HELD] = 0, [EXIT_BROKEN] = 1, [EXIT_NOT_JUDGED] = 2, [EXIT_USAGE] = 3};

    return weights[left] > weights[right] ? left : right;
}

/* The ids in a spec are checked here: the map command, which reads specs too, knows no rules. */
static enum exit_code check_ids(const struct audit_spec *spec, const char *path)
{
    for (size_t i = 0; i < spec->rule_count; i++) {
        if (audit_rule_index(spec->rules[i]) < 0) {
            fprintf(stderr, "rig-trace: %s: rules[%zu]: no rule of the audit is called \"%s\"\n",
                    path, i, spec->rules[i]);
            return EXIT_USAGE;
        }
    }
    for (size_t i = 0; i < spec->waiver_count; i++) {
        if (audit_rule_index(spec->waivers[i].rule) < 0) {
            fprintf(stderr,
                    "rig-trace: %s: waive[%zu].rule: no rule of the audit is called \"%s\"\n", path,
                    i, spec->waivers[i].rule);
            return EXIT_USAGE;
        }
    }
    return EXIT_HELD;
}

/* What judges: --rule, else the spec's list, else all. */
static audit_selection selection_of(const struct audit_options *options,
                                    const struct audit_spec *spec)
{
    audit_selection selection = options->rules;

    for (size_t i = 0; options->rules == 0 && i < spec->rule_count; i++) {
        selection |= (audit_selection)1 << audit_rule_index(spec->rules[i]);
    }
    return selection;
}

static enum exit_code put_json(const struct audit_options *options, json_t *audits,
                               enum exit_code code)
{
    char error[OUTPUT_ERROR_TEXT];
    json_t *object;

    if (options->json == NULL) {
        json_decref(audits);
        return code;
    }
    if (options->snapshot_count == 1 && json_array_size(audits) == 1) {
        object = json_incref(json_array_get(audits, 0));
        json_decref(audits);
    } else {
        object = json_object();
        json_put(object, "schema", json_string("rig-audits-1"));
        json_put_count(object, "exit_code", (uint64_t)code);
        json_put(object, "audits", audits);
    }
    return json_write(object, options->json, error) ? code : console_say(EXIT_USAGE, error);
}

static enum exit_code judge_one(const struct audit_options *options, const struct audit_spec *spec,
                                const char *path, json_t *audits)
{
    char error[SNAPSHOT_ERROR_TEXT];
    struct audit_case item;
    enum exit_code code = audit_case_open(&item, path, spec, selection_of(options, spec), error);

    if (code != EXIT_HELD) {
        (void)console_say(code, error);
    } else {
        code = item.code;
        if (!options->quiet) {
            audit_report_text(&item, stdout, console_colour());
        } else if (item.not_judged[0] != '\0') {
            fprintf(stderr, "rig-trace: %s: could not judge: %s\n", path, item.not_judged);
        }
        if (options->json != NULL) {
            json_array_append_new(audits, audit_report_json(&item));
        }
    }
    audit_case_close(&item);
    return code;
}

static enum exit_code judge_all(const struct audit_options *options, const struct audit_spec *spec)
{
    enum exit_code code = EXIT_HELD;
    json_t *audits = json_array();

    for (size_t i = 0; i < options->snapshot_count; i++) {
        code = worse(code, judge_one(options, spec, options->snapshots[i], audits));
    }
    return put_json(options, audits, code);
}

static enum exit_code flip_one(const struct audit_options *options, const struct audit_spec *spec)
{
    char error[SNAPSHOT_ERROR_TEXT];
    struct audit_case item;
    enum exit_code code =
        audit_case_open(&item, options->snapshots[0], spec, selection_of(options, spec), error);

    if (code != EXIT_HELD) {
        (void)console_say(code, error);
    } else if (item.code == EXIT_NOT_JUDGED) {
        code = EXIT_NOT_JUDGED;
        fprintf(stderr, "rig-trace: %s: could not judge: %s\n", item.path, item.not_judged);
    } else {
        struct flips flips;

        flips_run(&flips, &item, selection_of(options, spec));
        code = flips.code;
        if (!options->quiet) {
            flip_report_text(&flips, &item, stdout, console_colour());
        }
        if (options->json != NULL &&
            !json_write(flip_report_json(&flips, &item), options->json, error)) {
            code = console_say(EXIT_USAGE, error);
        }
        flips_free(&flips);
    }
    audit_case_close(&item);
    return code;
}

static enum exit_code audit(const struct audit_options *options)
{
    char error[AUDIT_SPEC_ERROR_TEXT];
    struct audit_spec spec = {0};
    enum exit_code code = EXIT_HELD;

    if (options->spec != NULL) {
        code = (enum exit_code)audit_spec_read(&spec, options->spec, error);
        code = code != EXIT_HELD ? console_say(code, error) : check_ids(&spec, options->spec);
    }
    if (code == EXIT_HELD) {
        code = options->flips ? flip_one(options, &spec) : judge_all(options, &spec);
    }
    audit_spec_free(&spec);
    return console_flushed(code);
}

int audit_command(int argc, char **argv)
{
    struct audit_options options;
    enum audit_parsed parsed = audit_options_parse(&options, argc, argv);
    enum exit_code code = parsed == AUDIT_DONE ? EXIT_HELD : EXIT_USAGE;

    if (parsed == AUDIT_RUN) {
        code = audit(&options);
    }
    audit_options_free(&options);
    return (int)code;
}
