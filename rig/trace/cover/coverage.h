/*
 * The result as lcov's tracefile, as JSON, and in words.
 *
 * Tracefile: FN in the form that lcov 1.16 and 2.x read; every FN has its FNDA, and the lines of FN
 * and BRDA are among the DA lines, as lcov 2.x wants it.
 *
 * JSON schema, stable within one `schema` number; addresses are strings "0x...":
 *   tool, schema, version, image (build-id, "" when it has none), elf, dwarf,
 *   traces: [{file, closed, torn_bytes, full, epochs_cut, api, cpus, blocks, epochs}],
 *   epochs: [{trace, vaddr, opcode, el, after, mmu}] (after: what the trace tells; mmu: what was
 * taken; off|on|unknown), instructions: {found, hit, hit_mmu_off, hit_mmu_on, hit_both,
 * hit_mmu_unknown, outside_functions}, functions: {found, hit, missed: [{name, file, line}]},
 *   lines: {found, hit, partial},
 *   branches: {found, hit, unknown, line0, line0_at: [{address, function}],
 *              excluded: [{file, line, function, direction, count, reason}]},
 *   excluded: {lines: [{file, line, count, reason}],
 *              functions: [{file, line, function, count, reason}]},
 *   findings: [{file, line, text}],
 *   outside: [{page, instructions, executions}], differs: [{address, count, opcode, file_opcode}],
 *   files: [{file, lines: [found, hit], functions: [found, hit], branches: [found, hit],
 *            missed_lines: [n], partial_lines: [n],
 *            missed_branches: [{line, function, address, direction, executed}]}]
 */
#ifndef RIG_COVER_COVERAGE_H
#define RIG_COVER_COVERAGE_H

#include <stdio.h>

#include "result.h"

struct coverage {
    const char *elf;
    const struct image *image;
    const struct sources *sources;
    const struct result *result;
    const struct counts *counts;
    const struct count_rules *rules;
    const char *const *trace_paths;
    const struct trace *traces;
    size_t trace_count;
};

/* "taken" or "not taken". */
const char *coverage_direction(uint32_t taken);

/* Write the tracefile's text; the stream keeps the error. */
void coverage_info(const struct coverage *report, FILE *out);

/* Write the JSON text; false when memory ran out or the stream failed. */
bool coverage_json(const struct coverage *report, FILE *out);

/* Write the summary for people. */
void coverage_text(const struct coverage *report, FILE *out);

#endif
