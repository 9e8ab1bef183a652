#include "cover.h"

#include <stdio.h>

#include "console.h"
#include "coverage.h"
#include "mapping.h"
#include "output.h"

static bool write_info(const struct coverage *report, const char *path, char *error)
{
    struct output output;
    if (!output_begin(&output, path, error)) {
        return false;
    }
    coverage_info(report, output.file);
    return output_end(&output, error);
}

static bool write_json(const struct coverage *report, const char *path, char *error)
{
    struct output output;
    if (!output_begin(&output, path, error)) {
        return false;
    }
    if (!coverage_json(report, output.file)) {
        output_abandon(&output);
        snprintf(error, OUTPUT_ERROR_TEXT, "%s: cannot write the report", path);
        return false;
    }
    return output_end(&output, error);
}

/* Say what is wrong with exclusions; whether anything is. */
static bool say_findings(const struct coverage *report)
{
    bool any = false;
    for (size_t file = 0; file < report->sources->count; file++) {
        const struct markers *markers = &report->result->markers[file];
        for (size_t i = 0; i < markers->finding_count; i++) {
            any = true;
            fprintf(stderr, "%s:%u: %s\n", report->sources->files[file].shown,
                    markers->findings[i].line, markers->findings[i].text);
        }
    }
    return any;
}

static enum exit_code write_reports(const struct coverage *report,
                                    const struct cover_options *options)
{
    char error[OUTPUT_ERROR_TEXT];
    bool lined = report->image->dwarf != NULL;
    if (options->info != NULL && !lined) {
        fprintf(stderr, "rig-trace: %s: no DWARF, so no lines: %s is not written\n", options->elf,
                options->info);
    }
    if ((options->info != NULL && lined && !write_info(report, options->info, error)) ||
        (options->json != NULL && !write_json(report, options->json, error))) {
        fprintf(stderr, "rig-trace: %s\n", error);
        return EXIT_USAGE;
    }
    coverage_text(report, stdout);
    if (console_flushed(EXIT_HELD) != EXIT_HELD) {
        return EXIT_NOT_JUDGED;
    }
    return say_findings(report) ? EXIT_BROKEN : EXIT_HELD;
}

/* A name that is none of the image's excludes nothing, which the user should know. */
static void check_never_calls(const struct image *image, const struct cover_options *options)
{
    for (size_t i = 0; i < options->never_call_count; i++) {
        bool found = false;
        for (size_t k = 0; k < image->symbol_count && !found; k++) {
            found = image_has_symbol(image, image->symbols[k].low, options->never_calls[i]);
        }
        if (!found) {
            fprintf(stderr, "rig-trace: --never-calls %s: the image has no such function\n",
                    options->never_calls[i]);
        }
    }
}

static enum exit_code cover(const struct mapping *mapping, const struct cover_options *options)
{
    struct result result;
    const struct result_inputs inputs = {
        .image = &mapping->image,
        .sources = &mapping->sources,
        .lines = &mapping->lines,
        .functions = &mapping->functions,
        .branches = &mapping->branches,
        .counts = &mapping->counts,
        .never_calls = options->never_calls,
        .never_call_count = options->never_call_count,
    };
    check_never_calls(&mapping->image, options);
    result_make(&result, &inputs);
    const struct coverage report = {
        .elf = options->elf,
        .image = &mapping->image,
        .sources = &mapping->sources,
        .result = &result,
        .counts = &mapping->counts,
        .rules = &mapping->rules,
        .trace_paths = options->traces,
        .traces = mapping->traces,
        .trace_count = mapping->trace_count,
    };
    enum exit_code code = write_reports(&report, options);
    result_free(&result);
    return code;
}

int cover_command(int argc, char **argv)
{
    return mapping_command(argc, argv, cover);
}
