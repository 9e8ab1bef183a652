#include "events_options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "event_words.h"
#include "memory.h"

#define COMMON_HELP                                                                                \
    "  --elf ELF         the guest's image: symbols, source lines, its code\n"                     \
    "  --alias LOW:SIZE:BY\n"                                                                      \
    "                    an address in [LOW, LOW + SIZE) is the link address + BY; may be given\n" \
    "                    several times\n"

#define EXIT_HELP                                                                                  \
    "exit status: 0 done; 2 wrong usage, or an image that cannot be used or is not the one that\n" \
    "             ran; 3 the trace is damaged or no event trace\n"

static const char *const HELP[] = {
    [WHAT_EVENTS] =
        "usage: rig-trace events TRACE [options]\n"
        "\n"
        "events: list an event trace, one line an event: number, CPU, exception level, kind, PC,\n"
        "place, and what the event says.\n"
        "\n" COMMON_HELP
        "  --kind KIND,...   only these: insn, store, access, block, translate, frame,\n"
        "                    frame-gone, entry, cut, off-read\n"
        "  --from N, --to N  only events of these numbers, both inclusive\n"
        "  --cpu N           only this virtual CPU's\n"
        "  --pc LOW:HIGH     only PCs in [LOW, HIGH)\n"
        "  --json            a JSON object a line instead\n"
        "\n" EXIT_HELP,
    [WHAT_STATS] =
        "usage: rig-trace stats TRACE [options]\n"
        "\n"
        "stats: how many events of which kind, the instructions that were recorded most often,\n"
        "windows, and what the trace lacks.\n"
        "\n" COMMON_HELP "  --top N           so many instructions, 0 to 1000 (default 10)\n"
        "  --json FILE       write the result as JSON as well\n"
        "\n" EXIT_HELP,
    [WHAT_TIMELINE] =
        "usage: rig-trace timeline TRACE [options]\n"
        "\n"
        "timeline: what the guest did, in order, for people: translation controls with their\n"
        "values in words, tables, TLB and cache maintenance, exceptions. What happens in the same\n"
        "place again is folded into lines that count; barriers are counted where they stand.\n"
        "\n" COMMON_HELP "  --cpu N           only this virtual CPU's\n"
        "  --json FILE       write the result as JSON as well\n"
        "\n" EXIT_HELP,
    [WHAT_OPERANDS] =
        "usage: rig-trace operands TRACE\n"
        "\n"
        "operands: the executed instructions whose operand decides what they do, for a second run\n"
        "that reads them: PC, number of the register, how often executed, class.\n"
        "\n" EXIT_HELP,
};

static const char *const NAMES[] = {
    [WHAT_EVENTS] = "events",
    [WHAT_STATS] = "stats",
    [WHAT_TIMELINE] = "timeline",
    [WHAT_OPERANDS] = "operands",
};

enum option_code {
    OPTION_HELP = 256,
    OPTION_ELF,
    OPTION_ALIAS,
    OPTION_KIND,
    OPTION_FROM,
    OPTION_TO,
    OPTION_CPU,
    OPTION_PC,
    OPTION_JSON_LINES,
    OPTION_JSON,
    OPTION_TOP,
};

#define HELP_OPTION                                                                                \
    {                                                                                              \
        "help", no_argument, NULL, OPTION_HELP                                                     \
    }
#define COMMON_OPTIONS                                                                             \
    HELP_OPTION, {"elf", required_argument, NULL, OPTION_ELF},                                     \
    {                                                                                              \
        "alias", required_argument, NULL, OPTION_ALIAS                                             \
    }

static const struct option EVENTS_OPTIONS[] = {
    COMMON_OPTIONS,
    {"kind", required_argument, NULL, OPTION_KIND},
    {"from", required_argument, NULL, OPTION_FROM},
    {"to", required_argument, NULL, OPTION_TO},
    {"cpu", required_argument, NULL, OPTION_CPU},
    {"pc", required_argument, NULL, OPTION_PC},
    {"json", no_argument, NULL, OPTION_JSON_LINES},
    {0},
};

static const struct option STATS_OPTIONS[] = {
    COMMON_OPTIONS,
    {"top", required_argument, NULL, OPTION_TOP},
    {"json", required_argument, NULL, OPTION_JSON},
    {0},
};

static const struct option TIMELINE_OPTIONS[] = {
    COMMON_OPTIONS,
    {"cpu", required_argument, NULL, OPTION_CPU},
    {"json", required_argument, NULL, OPTION_JSON},
    {0},
};

static const struct option OPERANDS_OPTIONS[] = {HELP_OPTION, {0}};

static const struct option *const OPTIONS[] = {
    [WHAT_EVENTS] = EVENTS_OPTIONS,
    [WHAT_STATS] = STATS_OPTIONS,
    [WHAT_TIMELINE] = TIMELINE_OPTIONS,
    [WHAT_OPERANDS] = OPERANDS_OPTIONS,
};

static bool take_number(const char *text, uint64_t *value)
{
    const char *rest;
    return number_take(text, '\0', value, &rest);
}

static bool take_kinds(struct events_options *options, const char *text)
{
    options->kinds = 0;
    for (const char *at = text;; at++) {
        size_t length = strcspn(at, ",");
        unsigned int kind = event_kind_of(at, length);
        if (kind == 0) {
            return false;
        }
        options->kinds |= 1U << kind;
        at += length;
        if (*at == '\0') {
            return true;
        }
    }
}

static bool take_cpu(struct events_options *options, const char *text)
{
    uint64_t cpu;
    if (!take_number(text, &cpu) || cpu > UINT8_MAX) {
        return false;
    }
    options->cpu = (int)cpu;
    return true;
}

static bool take_pc(struct events_options *options, const char *text)
{
    const char *rest = text;
    return number_take(rest, ':', &options->pc_low, &rest) &&
           number_take(rest, '\0', &options->pc_high, &rest) && options->pc_high > options->pc_low;
}

static bool take_top(struct events_options *options, const char *text)
{
    uint64_t top;
    if (!take_number(text, &top) || top > 1000) {
        return false;
    }
    options->top = (uint32_t)top;
    return true;
}

/* Take one option; false with `what` when its value is wrong. */
static bool take(struct events_options *options, int code, const char *value, const char **what)
{
    switch (code) {
    case OPTION_ELF:
        options->input.elf = value;
        return true;
    case OPTION_JSON:
        options->json = value;
        return true;
    case OPTION_JSON_LINES:
        options->json_lines = true;
        return true;
    case OPTION_ALIAS:
        *what = "--alias must be LOW:SIZE:BY, not ";
        return aliases_take(&options->input.aliases, value);
    case OPTION_KIND:
        *what = "--kind must be kinds of events with commas between, not ";
        return take_kinds(options, value);
    case OPTION_FROM:
        *what = "--from must be the number of an event, not ";
        return take_number(value, &options->from);
    case OPTION_TO:
        *what = "--to must be the number of an event, not ";
        return take_number(value, &options->to);
    case OPTION_CPU:
        *what = "--cpu must be 0 to 255, not ";
        return take_cpu(options, value);
    case OPTION_PC:
        *what = "--pc must be LOW:HIGH, not ";
        return take_pc(options, value);
    case OPTION_TOP:
        *what = "--top must be 0 to 1000, not ";
        return take_top(options, value);
    default:
        return true;
    }
}

static enum events_parsed wrong(enum events_what command, const char *what, const char *name)
{
    fprintf(stderr, "rig-trace: %s%s (see rig-trace %s --help)\n", what, name, NAMES[command]);
    return EVENTS_WRONG;
}

enum events_parsed events_options_parse(struct events_options *options, enum events_what what,
                                        int argc, char **argv)
{
    *options = (struct events_options){.kinds = UINT32_MAX, .to = UINT64_MAX, .cpu = -1, .top = 10};
    options->input.aliases.items =
        memory_get((size_t)argc, sizeof(options->input.aliases.items[0]));
    int code;
    while ((code = getopt_long(argc, argv, "", OPTIONS[what], NULL)) != -1) {
        const char *problem = "";
        if (code == OPTION_HELP) {
            fputs(HELP[what], stdout);
            return EVENTS_DONE;
        }
        if (code < OPTION_HELP) {
            return wrong(what, "wrong option", ""); /* getopt has said which */
        }
        if (!take(options, code, optarg, &problem)) {
            return wrong(what, problem, optarg);
        }
    }
    if (optind == argc) {
        return wrong(what, "no trace given", "");
    }
    if (optind + 1 < argc) {
        return wrong(what, "one trace at a time, unexpected argument ", argv[optind + 1]);
    }
    options->input.trace = argv[optind];
    return EVENTS_RUN;
}

void events_options_free(struct events_options *options)
{
    free(options->input.aliases.items);
    *options = (struct events_options){0};
}

int events_run(int argc, char **argv, enum events_what what,
               enum exit_code (*work)(struct event_input *input,
                                      const struct events_options *options))
{
    struct events_options options;
    enum events_parsed parsed = events_options_parse(&options, what, argc, argv);
    enum exit_code code = parsed == EVENTS_DONE ? EXIT_HELD : EXIT_USAGE;
    if (parsed == EVENTS_RUN) {
        struct event_input input;
        code = event_input_open(&input, &options.input);
        if (code == EXIT_HELD) {
            code = work(&input, &options);
        }
        event_input_close(&input);
        if (fflush(stdout) != 0 || ferror(stdout) != 0) {
            fputs("rig-trace: cannot write to standard output\n", stderr);
            code = EXIT_NOT_JUDGED;
        }
    }
    events_options_free(&options);
    return (int)code;
}
