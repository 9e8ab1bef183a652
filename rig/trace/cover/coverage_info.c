#include <inttypes.h>

#include "coverage.h"

static void put_functions(const struct result *result, const struct file_part *part, FILE *out)
{
    uint64_t found = 0;
    uint64_t hit = 0;
    /* Without a line (a function that DWARF does not place) there is nothing to show it at. */
    for (size_t i = part->function; i < part->function_end; i++) {
        const struct function *function = &result->functions[i];
        if (function->line != 0) {
            found++;
            hit += function->count > 0;
            fprintf(out, "FN:%" PRIu32 ",%s\n", function->line, function->name);
        }
    }
    for (size_t i = part->function; i < part->function_end; i++) {
        const struct function *function = &result->functions[i];
        if (function->line != 0) {
            fprintf(out, "FNDA:%" PRIu64 ",%s\n", function->count, function->name);
        }
    }
    fprintf(out, "FNF:%" PRIu64 "\nFNH:%" PRIu64 "\n", found, hit);
}

static void put_branches(const struct result *result, const struct file_part *part, FILE *out)
{
    for (size_t i = part->direction; i < part->direction_end; i++) {
        const struct direction *direction = &result->directions[i];
        fprintf(out, "BRDA:%" PRIu32 ",%" PRIu32 ",%" PRIu32 ",", direction->line, direction->block,
                direction->taken);
        if (direction->executed) {
            fprintf(out, "%" PRIu64 "\n", direction->count);
        } else {
            fputs("-\n", out);
        }
    }
}

void coverage_info(const struct coverage *report, FILE *out)
{
    const struct result *result = report->result;
    struct file_part part = {0};
    while (result_next_file(result, &part)) {
        struct totals totals = result_totals(result, &part);
        fprintf(out, "TN:\nSF:%s\n", report->sources->files[part.file].shown);
        put_functions(result, &part, out);
        put_branches(result, &part, out);
        fprintf(out, "BRF:%" PRIu64 "\nBRH:%" PRIu64 "\n", totals.directions,
                totals.directions_hit);
        for (size_t i = part.line; i < part.line_end; i++) {
            fprintf(out, "DA:%" PRIu32 ",%" PRIu64 "\n", result->lines[i].line,
                    result->lines[i].count);
        }
        fprintf(out, "LF:%" PRIu64 "\nLH:%" PRIu64 "\nend_of_record\n", totals.lines,
                totals.lines_hit);
    }
}
