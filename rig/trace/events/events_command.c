#include <inttypes.h>
#include <stdio.h>

#include "event_words.h"
#include "events.h"
#include "events_options.h"
#include "json_fields.h"

/* An event and what is known of it. */
struct listed {
    const struct trace_event *event;
    uint64_t number;
    const struct place *place;
    const char *words;
};

static bool wanted(const struct events_options *options, const struct trace_event *event)
{
    return (options->kinds & 1U << event->kind) != 0 &&
           (options->cpu < 0 || options->cpu == event->cpu) &&
           (options->pc_high == 0 ||
            (event->pc >= options->pc_low && event->pc < options->pc_high));
}

static void put_line(const struct listed *listed)
{
    const struct trace_event *event = listed->event;
    printf("%10" PRIu64 "  cpu%u %s  %-10s  0x%016" PRIx64, listed->number, event->cpu,
           event_el_name(event->el), event_kind_name(event->kind), event->pc);
    if (listed->place->symbol[0] != '\0') {
        printf(" <%s>", listed->place->symbol);
    }
    if (listed->place->source[0] != '\0') {
        printf(" %s", listed->place->source);
    }
    printf("  %s\n", listed->words);
}

static json_t *flags_json(uint8_t flags)
{
    static const struct {
        uint8_t flag;
        const char *name;
    } names[] = {
        {TRACE_EVENT_VALUE, "value"},     {TRACE_EVENT_TABLE, "table"},
        {TRACE_EVENT_CODE, "code"},       {TRACE_EVENT_WRITE, "write"},
        {TRACE_EVENT_ZVA, "zva"},         {TRACE_EVENT_CACHES_OFF, "caches-off"},
        {TRACE_EVENT_PENDING, "pending"},
    };
    json_t *list = json_array();
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if ((flags & names[i].flag) != 0) {
            json_array_append_new(list, json_string(names[i].name));
        }
    }
    return list;
}

/* Kinds whose `value` refers to a chunk, and those whose `opcode` is an instruction. */
static bool has_value(const struct trace_event *event)
{
    return event->kind == TRACE_EVENT_ENTRY ||
           ((event->kind == TRACE_EVENT_INSN || event->kind == TRACE_EVENT_STORE) &&
            (event->flags & TRACE_EVENT_VALUE) != 0);
}

static bool has_address(const struct trace_event *event)
{
    return event->kind != TRACE_EVENT_INSN && event->kind != TRACE_EVENT_FRAME &&
           event->kind != TRACE_EVENT_FRAME_GONE && event->kind != TRACE_EVENT_CUT;
}

static bool has_pa(const struct trace_event *event)
{
    bool kind = event->kind != TRACE_EVENT_INSN && event->kind != TRACE_EVENT_CUT;
    return kind && event->pa != TRACE_UNKNOWN_ADDRESS;
}

static json_t *bytes_json(const struct trace_event *event)
{
    bool access = event->kind == TRACE_EVENT_STORE || event->kind == TRACE_EVENT_ACCESS;
    return access ? json_integer(event->opcode) : json_null();
}

static bool put_json(const struct listed *listed)
{
    const struct trace_event *event = listed->event;
    json_t *object = json_object();
    json_put_count(object, "event", listed->number);
    json_put_count(object, "cpu", event->cpu);
    json_put_el(object, "el", event->el);
    json_put_text(object, "kind", event_kind_name(event->kind));
    json_put(object, "flags", flags_json(event->flags));
    json_put_hex(object, "pc", true, event->pc);
    json_put_hex(object, "pc_pa", event->pc_pa != TRACE_UNKNOWN_ADDRESS, event->pc_pa);
    json_put_text(object, "symbol", listed->place->symbol);
    json_put_text(object, "source", listed->place->source);
    bool insn = event->kind == TRACE_EVENT_INSN;
    json_put_hex(object, "opcode", insn, event->opcode);
    json_put_text(object, "class", insn ? event_class_name(a64_class(event->opcode)) : NULL);
    json_put(object, "bytes", bytes_json(event));
    json_put_hex(object, "va", has_address(event), event->va);
    json_put_hex(object, "pa", has_pa(event), event->pa);
    json_put_hex(object, "value", has_value(event), event->value);
    json_put_text(object, "text", listed->words);
    bool good = json_dumpf(object, stdout, JSON_COMPACT) == 0 && putchar('\n') != EOF;
    json_decref(object);
    return good;
}

static enum exit_code events(struct event_input *input, const struct events_options *options)
{
    struct disassembler disassembler;
    if (!disassembler_open(&disassembler)) {
        fputs("rig-trace: Capstone cannot decode AArch64 here\n", stderr);
        return EXIT_NOT_JUDGED;
    }
    char words[EVENT_WORDS];
    bool good = true;
    struct event_cursor cursor = event_trace_begin(&input->trace);
    while (good && cursor.number <= options->to) {
        uint64_t number = cursor.number;
        const struct trace_event *event = event_next(&cursor);
        if (event == NULL) {
            break;
        }
        if (number < options->from || !wanted(options, event)) {
            continue;
        }
        const struct listed listed = {
            .event = event,
            .number = number,
            .place = event_input_place(input, event->pc),
            .words = event_words(input, &disassembler, event, words),
        };
        if (options->json_lines) {
            good = put_json(&listed);
        } else {
            put_line(&listed);
        }
        good = good && ferror(stdout) == 0;
    }
    disassembler_close(&disassembler);
    return EXIT_HELD; /* what standard output did not take is told by events_run */
}

int events_command(int argc, char **argv)
{
    return events_run(argc, argv, WHAT_EVENTS, events);
}
