/*
 * One snapshot judged: the verdict, and the reports. The JSON (schema "rig-audit-1"; docs:
 * address-space.md):
 *
 *   schema, made: the snapshot's own, exit_code, not_judged: why, or "",
 *   rules: [{id, title, section, level_max, judged, why_not, subjects}]
 *   findings: [{rule, level, first, last, pa, what, missing, detail, fix, section, count, waived}]
 *   findings_cut, waivers_unused: [{rule, text}], entries, descriptors,
 *   witnesses: {checked, differ, left_out}
 *
 * Several snapshots: {schema: "rig-audits-1", exit_code, audits: [as above]}.
 */
#ifndef RIG_AUDIT_REPORT_H
#define RIG_AUDIT_REPORT_H

#include <stdio.h>

#include "audit.h"
#include "audit_witness.h"
#include "exit_code.h"

struct audit_tally {
    uint64_t errors; /* not waived */
    uint64_t notes;
    uint64_t waived;
};

struct audit_case {
    const char *path; /* of the snapshot */
    const struct audit_spec *spec;
    struct snapshot snapshot;
    struct snapshot_reader reader;
    struct audit_memory memory;
    struct audit_scene scene;
    struct audit_result result;
    struct audit_witnesses witnesses;
    struct audit_tally tallies[AUDIT_RULES_MAX];
    struct audit_tally total;
    uint64_t leaves;
    uint64_t waivers_unused;
    char not_judged[AUDIT_TEXT]; /* why the snapshot does not answer, or "" */
    enum exit_code code;
};

/*
 * Read a snapshot and judge it. EXIT_USAGE or EXIT_NOT_JUDGED with `error` when it cannot be read;
 * else EXIT_HELD, and the case holds the verdict. audit_case_close() in any case.
 */
enum exit_code audit_case_open(struct audit_case *item, const char *path,
                               const struct audit_spec *spec, audit_selection selection,
                               char error[static SNAPSHOT_ERROR_TEXT]);
/* Judge what is in item->snapshot, with path and spec set; for a snapshot that is no file. */
void audit_case_judge(struct audit_case *item, audit_selection selection);
void audit_case_close(struct audit_case *item);

/* Whether a waiver is for a rule that judged and covers nothing. */
bool audit_waiver_unused(const struct audit_case *item, size_t waiver);

void audit_report_text(const struct audit_case *item, FILE *out, bool colour);
json_t *audit_report_json(const struct audit_case *item);

#endif
