/*
 * The verdict over a checked event trace, for people (text) and for programs (JSON).
 *
 * JSON schema "rig-order-1"; addresses, opcodes and values are strings "0x...", absent ones null:
 *   schema, tool, version,
 *   trace: {path, events, cpus, torn_bytes, flags: [NAME], windows_cut},
 *   rules: [{id, title, section, level: error|note, subjects, consumers, judged, why_not, errors,
 *            notes, waived}],
 *   findings: [{rule, level, waived, count, write: END, consumer: END, missing, detail, fix,
 *               section, disassembly: {write: [LINE], consumer: [LINE]}}],
 *     END: {event, pc, pa, symbol, source, opcode, text, cpu, el, address}
 *   findings_cut, waivers_unused: [{rule, symbol, why}], not_judged: why, or null,
 *   verdict: held|broken|not-judged, exit_code
 */
#ifndef RIG_ORDER_REPORT_H
#define RIG_ORDER_REPORT_H

#include <stdio.h>

#include "disassembly.h"
#include "order_options.h"
#include "output.h"

struct rule_tally {
    uint64_t errors; /* distinct findings that are not waived */
    uint64_t notes;
    uint64_t waived;
};

struct order_verdict {
    const char **waived;        /* for each finding why it is accepted, or NULL */
    struct rule_tally *tallies; /* for each rule */
    struct rule_tally total;
    uint64_t subjects;
    uint64_t waivers_unused;
    const char *not_judged; /* why the trace does not answer, or NULL */
    enum exit_code code;
};

struct order_report {
    struct event_input *input;
    const struct order_options *options;
    const struct order_result *result;
    const struct order_verdict *verdict;
    const struct disassembler *disassembler;
};

/* Work out the verdict; waivers count what they cover. */
void order_verdict_make(struct order_verdict *verdict, struct event_input *input,
                        struct order_options *options, const struct order_result *result);
void order_verdict_free(struct order_verdict *verdict);

/* Whether a waiver is for a rule that was judged and covers nothing. */
bool order_waiver_unused(const struct order_result *result, const struct waiver *waiver);

/* What is known of one end. */
struct end_words {
    const struct place *place;
    bool has_opcode;
    uint32_t opcode;
    char text[DISASSEMBLY_TEXT]; /* of its instruction, or "" */
    struct excerpt excerpt;
};
void order_end_words(const struct order_report *report, const struct order_end *end,
                     struct end_words *words);

/* The rule of an id, or NULL. */
const struct order_rule_info *order_rule_of(const char *id);

void order_report_text(const struct order_report *report, FILE *out, bool colour);
bool order_report_json(const struct order_report *report, const char *path,
                       char error[static OUTPUT_ERROR_TEXT]);

#endif
