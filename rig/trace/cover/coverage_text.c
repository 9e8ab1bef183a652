#include <inttypes.h>

#include "coverage.h"

const char *coverage_direction(uint32_t taken)
{
    return taken != 0 ? "taken" : "not taken";
}

static void put_row(FILE *out, const char *what, uint64_t hit, uint64_t found, const char *rest)
{
    double part = found == 0 ? 0.0 : 100.0 * (double)hit / (double)found;
    fprintf(out, "%-13s %8" PRIu64 " of %8" PRIu64 "  %5.1f %%%s\n", what, hit, found, part, rest);
}

static void put_traces(const struct coverage *report, FILE *out)
{
    for (size_t i = 0; i < report->trace_count; i++) {
        const struct trace *trace = &report->traces[i];
        fprintf(out, "trace %s: %zu blocks, %zu epochs%s%s\n", report->trace_paths[i],
                trace->block_count, trace->epoch_count,
                (trace->flags & TRACE_CLOSED) != 0 ? "" : ", not closed (the guest was ended)",
                (trace->flags & TRACE_FULL) != 0 ? ", full: later blocks are missing" : "");
        if (trace->torn_bytes > 0) {
            fprintf(out, "  its tail is torn: %" PRIu64 " bytes dropped\n", trace->torn_bytes);
        }
    }
}

static void put_strays(const struct coverage *report, FILE *out)
{
    const struct counts *counts = report->counts;
    if (counts->outside.count > 0) {
        fprintf(out, "%zu executed instructions lie outside of the image\n", counts->outside.count);
    }
    if (counts->differs.count > 0) {
        fprintf(out, "%zu executed instructions differ from the file, the first at 0x%" PRIx64 "\n",
                counts->differs.count, counts->differs.items[0].address);
    }
}

void coverage_text(const struct coverage *report, FILE *out)
{
    const struct result *result = report->result;
    const struct instruction_totals *insns = &result->instructions;
    struct totals totals = result_totals(result, NULL);
    char rest[128];
    put_traces(report, out);
    snprintf(rest, sizeof(rest),
             "  (MMU off %" PRIu64 ", on %" PRIu64 ", both %" PRIu64 ", unknown %" PRIu64 ")",
             insns->hit_off, insns->hit_on, insns->hit_both, insns->hit_unknown);
    put_row(out, "instructions", insns->hit, insns->found, rest);
    put_row(out, "functions", totals.functions_hit, totals.functions, "");
    if (report->image->dwarf == NULL) {
        fputs("no DWARF: functions and instructions only\n", out);
    } else {
        snprintf(rest, sizeof(rest), "  (%" PRIu64 " in part)", totals.lines_partial);
        put_row(out, "lines", totals.lines_hit, totals.lines, rest);
        snprintf(rest, sizeof(rest), "  (%" PRIu64 " outcomes unknown, %zu branches of no line)",
                 result->unknown_outcomes, result->lineless_count);
        put_row(out, "branches", totals.directions_hit, totals.directions, rest);
    }
    if (result->excluded_count > 0) {
        fprintf(out, "%zu exclusions\n", result->excluded_count);
    }
    put_strays(report, out);
}
