#include "gate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "console.h"
#include "judge.h"
#include "options.h"
#include "pack.h"
#include "report.h"
#include "symbols.h"
#include "tally.h"

/* What a run holds; large, so it lives on the heap. */
struct run {
    struct options options;
    struct pack pack;
    struct tally tally;
    struct tally baseline;
    struct judgement judgement;
    struct symbols *symbols;
};

/* Give each rule with `at` the range of its symbol. */
static bool resolve_symbols(struct run *run)
{
    char error[SYMBOLS_ERROR_TEXT];
    for (size_t i = 0; i < run->pack.fault_count; i++) {
        struct fault_rule *rule = &run->pack.faults[i];
        if (rule->at == NULL || !rule->active) {
            continue;
        }
        if (run->symbols == NULL) {
            snprintf(error, sizeof(error), "it asks for a symbol; give the image with --elf FILE");
        } else if (symbols_range(run->symbols, rule->at, &rule->at_low, &rule->at_high, error)) {
            continue;
        }
        fprintf(stderr, "rig-trace: %s:%u: faults.allow(%s).at: %s\n", run->options.rules,
                rule->line, rule->id, error);
        return false;
    }
    return true;
}

static bool read_log(struct run *run, struct tally *tally, const char *path)
{
    struct message_matcher matcher = pack_message_matcher(&run->pack);
    if (!tally_init(tally, run->options.max_sites, &matcher)) {
        console_say(EXIT_NOT_JUDGED, "out of memory");
        return false;
    }
    int error = log_reader_file(&tally->reader, path, isatty(STDERR_FILENO) != 0);
    if (error != 0) {
        fprintf(stderr, "rig-trace: %s: cannot read the log: %s\n", path, strerror(error));
    }
    return error == 0;
}

static enum exit_code write_reports(const struct run *run, const struct tally *baseline)
{
    char error[SYMBOLS_ERROR_TEXT];
    const struct report report = {
        .options = &run->options,
        .pack = &run->pack,
        .tally = &run->tally,
        .baseline = baseline,
        .judgement = &run->judgement,
        .symbols = run->symbols,
    };
    report_text(&report, stdout, console_colour());
    if (console_flushed(EXIT_HELD) != EXIT_HELD) {
        return EXIT_NOT_JUDGED;
    }
    if (run->options.json != NULL &&
        !report_json(&report, run->options.json, error, sizeof(error))) {
        return console_say(EXIT_USAGE, error);
    }
    return run->judgement.exit_code;
}

static enum exit_code gate(struct run *run)
{
    char error[SYMBOLS_ERROR_TEXT];
    _Static_assert((int)PACK_ERROR_TEXT <= (int)SYMBOLS_ERROR_TEXT, "one buffer serves both");
    if (!pack_load(&run->pack, run->options.rules, run->options.variant, error)) {
        return console_say(EXIT_USAGE, error);
    }
    if (run->options.elf != NULL) {
        run->symbols = symbols_open(run->options.elf, error);
        if (run->symbols == NULL) {
            return console_say(EXIT_USAGE, error);
        }
    }
    if (!resolve_symbols(run)) {
        return EXIT_USAGE;
    }
    struct tally *baseline = run->options.baseline == NULL ? NULL : &run->baseline;
    if ((baseline != NULL && !read_log(run, baseline, run->options.baseline)) ||
        !read_log(run, &run->tally, run->options.log)) {
        return EXIT_NOT_JUDGED;
    }
    if (!judge(&run->judgement, &run->pack, &run->tally, baseline)) {
        return console_say(EXIT_NOT_JUDGED, "out of memory");
    }
    return write_reports(run, baseline);
}

int gate_command(int argc, char **argv)
{
    struct options options;
    enum parsed parsed = options_parse(&options, argc, argv);
    if (parsed != PARSED_GATE) {
        return (int)(parsed == PARSED_DONE ? EXIT_HELD : EXIT_USAGE);
    }
    struct run *run = calloc(1, sizeof(*run));
    if (run == NULL) {
        return (int)console_say(EXIT_NOT_JUDGED, "out of memory");
    }
    run->options = options;
    enum exit_code code = gate(run);
    judgement_free(&run->judgement);
    tally_free(&run->tally);
    tally_free(&run->baseline);
    symbols_close(run->symbols);
    pack_free(&run->pack);
    free(run);
    return (int)code;
}
