/*
 * The result for people (text) and for programs (JSON).
 *
 * JSON schema, stable within one `schema` number:
 *   tool, schema, version, log, rules, guest, variant, elf: {path, build_id},
 *   lines: {total, in_records, returns, messages, damaged}, bytes,
 *   records: {total, ambiguous, by_class: {CLASS: n}},
 *   rules_judged: [{id, kind: allow|message|deny, verdict: held|broken|undecided|other-variant|
 *                   not-judged, counted, maybe, min, max, why, line}],
 *   sites: [{class, number, from, to, psci, esr, esr_text, elr, elr_symbol, elr_source, far_min,
 *            far_max, far_symbol, count, ambiguous, first_line, rule, denied, undecided}],
 *   overflow: {records, messages, buckets: [{class, from, to, psci, count, first_line}]},
 *   messages: [{text, count, first_line, rule, denied}],
 *   damaged: {total, kinds: {KIND: n}, samples: [{kind, line, text}]},
 *   baseline: null or {log, records, damaged},
 *   undecided, verdict: held|broken|not-judged, exit_code
 * Addresses and syndromes are strings "0x..."; absent values are null.
 */
#ifndef RIG_GATE_REPORT_H
#define RIG_GATE_REPORT_H

#include <stdio.h>

#include "judge.h"
#include "options.h"
#include "symbols.h"

struct report {
    const struct options *options;
    const struct pack *pack;
    const struct tally *tally;
    const struct tally *baseline; /* or NULL */
    const struct judgement *judgement;
    const struct symbols *symbols; /* or NULL */
};

/* Write the text; `colour` uses terminal colours. */
void report_text(const struct report *report, FILE *out, bool colour);

/* Write the JSON file, whole or not at all; false with `error` when it cannot be written. */
bool report_json(const struct report *report, const char *path, char *error, size_t size);

#endif
