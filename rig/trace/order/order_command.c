#include "order_command.h"

#include <stdio.h>

#include "console.h"
#include "order_report.h"

enum { FINDINGS_KEPT = 100000 };

static enum exit_code write_reports(const struct order_report *report)
{
    char error[OUTPUT_ERROR_TEXT];
    if (!report->options->quiet) {
        order_report_text(report, stdout, console_colour());
    }
    if (console_flushed(EXIT_HELD) != EXIT_HELD) {
        return EXIT_NOT_JUDGED;
    }
    if (report->options->json != NULL && !order_report_json(report, report->options->json, error)) {
        return console_say(EXIT_USAGE, error);
    }
    return report->verdict->code;
}

static enum exit_code order(struct event_input *input, struct order_options *options)
{
    char error[ORDER_TEXT];
    struct disassembler disassembler;
    struct order_result result;
    struct order_verdict verdict;
    const struct order_settings settings = {
        .features = options->features,
        .rules = options->rule_count == 0 ? NULL : options->rules,
        .finding_limit = FINDINGS_KEPT,
    };
    if (!disassembler_open(&disassembler)) {
        return console_say(EXIT_NOT_JUDGED, "Capstone cannot decode AArch64 here");
    }
    if (!order_check(&input->trace, &settings, &result, error)) {
        disassembler_close(&disassembler);
        return console_say(EXIT_NOT_JUDGED, error);
    }
    order_verdict_make(&verdict, input, options, &result);
    const struct order_report report = {input, options, &result, &verdict, &disassembler};
    enum exit_code code = write_reports(&report);
    order_verdict_free(&verdict);
    order_result_free(&result);
    disassembler_close(&disassembler);
    return code;
}

int order_command(int argc, char **argv)
{
    struct order_options options;
    enum order_parsed parsed = order_options_parse(&options, argc, argv);
    enum exit_code code = parsed == ORDER_DONE ? EXIT_HELD : EXIT_USAGE;
    if (parsed == ORDER_RUN) {
        struct event_input input;
        code = event_input_open(&input, &options.input);
        if (code == EXIT_HELD) {
            code = order(&input, &options);
        }
        event_input_close(&input);
    }
    order_options_free(&options);
    return (int)code;
}
