#include <inttypes.h>
#include <stdio.h>

#include "event_words.h"
#include "events.h"
#include "events_options.h"
#include "json_fields.h"
#include "register_words.h"
#include "timeline_words.h"

/* What the report is made of. */
struct report {
    struct event_input *input;
    const struct events_options *options;
    const struct timeline *timeline;
    const struct disassembler *disassembler;
};

static bool is_act(const struct timeline_line *line)
{
    return line->act < ACT_COUNT;
}

static void put_line(const struct report *report, const struct timeline_line *line)
{
    char words[TIMELINE_WORDS];
    char barriers[BARRIER_WORDS];
    printf("%10" PRIu64 "  cpu%u %s  %s", line->first, line->cpu, event_el_name(line->el),
           timeline_words(report->input, report->disassembler, line, words));
    const struct place *place = event_input_place(report->input, line->pc);
    if (is_act(line)) {
        printf("  @ 0x%" PRIx64 "%s%s%s%s%s", line->pc, place->symbol[0] == '\0' ? "" : " <",
               place->symbol, place->symbol[0] == '\0' ? "" : ">",
               place->source[0] == '\0' ? "" : " ", place->source);
    }
    if (timeline_barriers(line, barriers)[0] != '\0') {
        printf("; %s%s", line->act == LINE_BARRIERS ? "" : "then ", barriers);
    }
    putchar('\n');
}

static json_t *again_json(const struct timeline_line *line)
{
    json_t *object = json_object();
    for (unsigned int act = 0; act < ACT_COUNT; act++) {
        if (line->again[act] > 0) {
            json_put_count(object, timeline_act_name(act), line->again[act]);
        }
    }
    return object;
}

static json_t *line_json(const struct report *report, const struct timeline_line *line)
{
    char words[TIMELINE_WORDS];
    char name[REGISTER_NAME];
    json_t *object = json_object();
    json_t *barriers = json_object();
    bool written = line->act == ACT_REGISTER && a64_class(line->opcode) == A64_MSR;
    timeline_words(report->input, report->disassembler, line, words);
    const struct place *place = event_input_place(report->input, line->pc);
    json_put_text(object, "act", timeline_act_name(line->act));
    json_put_count(object, "first", line->first);
    json_put_count(object, "last", line->last);
    json_put_count(object, "count", line->count);
    json_put_count(object, "cpu", line->cpu);
    json_put_el(object, "el", line->el);
    json_put_hex(object, "pc", is_act(line), line->pc);
    json_put_text(object, "symbol", is_act(line) ? place->symbol : NULL);
    json_put_text(object, "source", is_act(line) ? place->source : NULL);
    json_put_text(object, "register", written ? register_name(a64_sys(line->opcode), name) : NULL);
    json_put_hex(object, "value", written && line->has_value, line->value);
    json_put_text(object, "mmu",
                  line->mmu == MMU_AS_BEFORE ? NULL : (line->mmu == MMU_TURNED_ON ? "on" : "off"));
    json_put_hex(object, "low", line->has_range, line->low);
    json_put_hex(object, "high", line->has_range, line->high);
    json_put_count(barriers, "dmb", line->dmb);
    json_put_count(barriers, "dsb", line->dsb);
    json_put_count(barriers, "isb", line->isb);
    json_put(object, "barriers", barriers);
    json_put(object, "again", again_json(line));
    json_put_text(object, "text", words);
    return object;
}

static json_t *report_json(const struct report *report)
{
    json_t *object = json_object();
    json_t *lines = json_array();
    for (size_t i = 0; i < report->timeline->count; i++) {
        json_array_append_new(lines, line_json(report, &report->timeline->lines[i]));
    }
    json_put_text(object, "schema", "rig-timeline-1");
    json_put_count(object, "events", report->input->trace.event_count);
    json_put_count(object, "cpus", report->input->trace.cpus);
    json_put(object, "flags", json_trace_flags(report->input->trace.flags));
    json_put(object, "lines", lines);
    return object;
}

static enum exit_code timeline(struct event_input *input, const struct events_options *options)
{
    struct disassembler disassembler;
    if (!disassembler_open(&disassembler)) {
        fputs("rig-trace: Capstone cannot decode AArch64 here\n", stderr);
        return EXIT_NOT_JUDGED;
    }
    struct timeline told;
    timeline_make(&told, &input->trace, options->cpu);
    const struct report report = {input, options, &told, &disassembler};
    for (size_t i = 0; i < told.count; i++) {
        put_line(&report, &told.lines[i]);
    }
    char error[OUTPUT_ERROR_TEXT];
    enum exit_code code = EXIT_HELD;
    if (options->json != NULL && !json_write(report_json(&report), options->json, error)) {
        fprintf(stderr, "rig-trace: %s\n", error);
        code = EXIT_USAGE;
    }
    timeline_free(&told);
    disassembler_close(&disassembler);
    return code;
}

int timeline_command(int argc, char **argv)
{
    return events_run(argc, argv, WHAT_TIMELINE, timeline);
}
