/* One address of a snapshot, level by level. */
#ifndef RIG_WALK_REPORT_H
#define RIG_WALK_REPORT_H

#include <stdio.h>

#include <jansson.h>

#include "audit_spec.h"
#include "snapshot.h"

void walk_report_text(const struct snapshot *snapshot, const struct audit_spec *spec,
                      const struct rig_walk_result *result, FILE *out);
json_t *walk_report_json(const struct snapshot *snapshot, const struct audit_spec *spec,
                         const struct rig_walk_result *result);

#endif
