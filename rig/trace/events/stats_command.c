#include <inttypes.h>
#include <stdio.h>

#include "event_stats.h"
#include "events.h"
#include "events_options.h"
#include "json_fields.h"
#include "trace_flags.h"

/* What the report is made of. */
struct report {
    struct event_input *input;
    const struct events_options *options;
    const struct event_stats *stats;
    const struct disassembler *disassembler;
};

static size_t sites_shown(const struct report *report)
{
    size_t count = report->stats->sites.count;
    return count < report->options->top ? count : report->options->top;
}

static void put_flags(const struct event_trace *trace)
{
    for (size_t i = 0; i < TRACE_FLAG_COUNT; i++) {
        const struct trace_flag_words *words = &TRACE_FLAG_WORDS[i];
        if ((trace->flags & words->flag) != 0) {
            printf("  %-14s  %s\n", words->name, words->set);
        } else if (words->unset != NULL) {
            printf("  not %-10s  %s\n", words->name, words->unset);
        }
    }
    if (trace->torn_bytes > 0) {
        printf("  %-14s  %" PRIu64 " bytes at the end are no whole chunk and were dropped\n",
               "torn", trace->torn_bytes);
    }
}

static void put_sites(const struct report *report)
{
    char text[DISASSEMBLY_TEXT];
    size_t shown = sites_shown(report);
    if (shown == 0) {
        return;
    }
    printf("\nmost frequent instructions, %zu of %zu\n", shown, report->stats->sites.count);
    for (size_t i = 0; i < shown; i++) {
        const struct site_count *site = &report->stats->sites.items[i];
        const struct place *place = event_input_place(report->input, site->pc);
        printf("  %10" PRIu64 "  0x%016" PRIx64 "%s%s%s  %s\n", site->count, site->pc,
               place->symbol[0] == '\0' ? "" : " <", place->symbol,
               place->symbol[0] == '\0' ? "" : ">",
               disassembly_text(report->disassembler, site->pc, site->opcode, text));
    }
}

static void put_windows(const struct window_stats *windows)
{
    printf("\nwindows\n  %10" PRIu64 "  opened, %" PRIu64 " still open at the end\n"
           "  %10" PRIu64 "  accesses and blocks recorded in them\n",
           windows->count, windows->open_at_end, windows->recorded);
    if (windows->longest > 0) {
        printf("  %10" PRIu64 "  in the longest one, opened by event %" PRIu64 "\n",
               windows->longest, windows->longest_at);
    }
    printf("  %10" PRIu64 "  cut because they grew too long\n", windows->cuts);
}

static void put_report(const struct report *report)
{
    const struct event_trace *trace = &report->input->trace;
    const struct event_stats *stats = report->stats;
    printf("%s: %" PRIu64 " event%s of %" PRIu32 " CPU%s, plugin API %" PRIu32 ", %zu bytes\n",
           report->options->input.trace, trace->event_count, trace->event_count == 1 ? "" : "s",
           trace->cpus, trace->cpus == 1 ? "" : "s", trace->api, trace->size);
    put_flags(trace);
    puts("\nevents by kind");
    for (unsigned int kind = 1; kind < TRACE_EVENT_KINDS; kind++) {
        printf("  %10" PRIu64 "  %s\n", stats->kinds[kind], event_kind_name(kind));
    }
    puts("\ninstructions by class");
    for (unsigned int class = 0; class < EVENT_CLASSES; class ++) {
        if (stats->classes[class] > 0) {
            printf("  %10" PRIu64 "  %s\n", stats->classes[class],
                   event_class_name((enum a64_class) class));
        }
    }
    printf("  %10" PRIu64 "  with an operand, %" PRIu64 " of them unknown\n", stats->operands,
           stats->unknown_operands);
    put_windows(&stats->windows);
    put_sites(report);
}

static json_t *windows_json(const struct window_stats *windows)
{
    json_t *object = json_object();
    json_put_count(object, "count", windows->count);
    json_put_count(object, "open_at_end", windows->open_at_end);
    json_put_count(object, "recorded", windows->recorded);
    json_put_count(object, "longest", windows->longest);
    json_put(object, "longest_opened_by",
             windows->longest > 0 ? json_integer((json_int_t)windows->longest_at) : json_null());
    json_put_count(object, "cut", windows->cuts);
    return object;
}

static json_t *sites_json(const struct report *report)
{
    char text[DISASSEMBLY_TEXT];
    json_t *list = json_array();
    for (size_t i = 0; i < sites_shown(report); i++) {
        const struct site_count *site = &report->stats->sites.items[i];
        const struct place *place = event_input_place(report->input, site->pc);
        json_t *object = json_object();
        json_put_hex(object, "pc", true, site->pc);
        json_put_text(object, "symbol", place->symbol);
        json_put_text(object, "source", place->source);
        json_put_hex(object, "opcode", true, site->opcode);
        json_put_text(object, "text",
                      disassembly_text(report->disassembler, site->pc, site->opcode, text));
        json_put_count(object, "count", site->count);
        json_array_append_new(list, object);
    }
    return list;
}

static json_t *report_json(const struct report *report)
{
    const struct event_trace *trace = &report->input->trace;
    const struct event_stats *stats = report->stats;
    json_t *object = json_object();
    json_t *kinds = json_object();
    json_t *classes = json_object();
    for (unsigned int kind = 1; kind < TRACE_EVENT_KINDS; kind++) {
        json_put_count(kinds, event_kind_name(kind), stats->kinds[kind]);
    }
    for (unsigned int class = 0; class < EVENT_CLASSES; class ++) {
        json_put_count(classes, event_class_name((enum a64_class) class), stats->classes[class]);
    }
    json_put_text(object, "schema", "rig-event-stats-1");
    json_put_count(object, "events", trace->event_count);
    json_put_count(object, "cpus", trace->cpus);
    json_put_count(object, "api", trace->api);
    json_put_count(object, "bytes", trace->size);
    json_put_count(object, "torn_bytes", trace->torn_bytes);
    json_put(object, "flags", json_trace_flags(trace->flags));
    json_put(object, "kinds", kinds);
    json_put(object, "classes", classes);
    json_put_count(object, "operands", stats->operands);
    json_put_count(object, "operands_unknown", stats->unknown_operands);
    json_put(object, "windows", windows_json(&stats->windows));
    json_put(object, "sites", sites_json(report));
    return object;
}

static enum exit_code stats(struct event_input *input, const struct events_options *options)
{
    struct disassembler disassembler;
    if (!disassembler_open(&disassembler)) {
        fputs("rig-trace: Capstone cannot decode AArch64 here\n", stderr);
        return EXIT_NOT_JUDGED;
    }
    struct event_stats numbers;
    event_stats_make(&numbers, &input->trace);
    const struct report report = {input, options, &numbers, &disassembler};
    put_report(&report);
    char error[OUTPUT_ERROR_TEXT];
    enum exit_code code = EXIT_HELD;
    if (options->json != NULL && !json_write(report_json(&report), options->json, error)) {
        fprintf(stderr, "rig-trace: %s\n", error);
        code = EXIT_USAGE;
    }
    event_stats_free(&numbers);
    disassembler_close(&disassembler);
    return code;
}

int stats_command(int argc, char **argv)
{
    return events_run(argc, argv, WHAT_STATS, stats);
}
