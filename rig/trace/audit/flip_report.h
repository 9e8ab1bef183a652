/*
 * Reports of flips. The JSON (schema "rig-flips-1"):
 *
 *   schema, made, exit_code, descriptors: {table, block, page, invalid},
 *   flips, reported, by_error, reported_without_map, harmless, unreported,
 *   kinds: [{kind, bits: [{bit, flips, reported, by_error, without_map, harmless,
 *            rules: {id: count}}]}]
 *   survivors: [{kind, bit, level, va, descriptor, descriptor_pa}] (the first ones),
 *   harmless_unused: [{kind, high, low, why}]
 */
#ifndef RIG_AUDIT_FLIP_REPORT_H
#define RIG_AUDIT_FLIP_REPORT_H

#include <stdio.h>

#include <jansson.h>

#include "flip.h"

void flip_report_text(const struct flips *flips, const struct audit_case *item, FILE *out,
                      bool colour);
json_t *flip_report_json(const struct flips *flips, const struct audit_case *item);

#endif
