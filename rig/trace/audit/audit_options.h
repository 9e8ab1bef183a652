/* The command line of `rig-trace audit`. */
#ifndef RIG_AUDIT_OPTIONS_H
#define RIG_AUDIT_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "audit.h"

struct audit_options {
    const char **snapshots;
    size_t snapshot_count;
    const char *spec;      /* or NULL */
    audit_selection rules; /* of --rule; 0: none was given */
    const char *json;      /* or NULL */
    bool quiet;
    bool flips;
};

enum audit_parsed { AUDIT_RUN, AUDIT_DONE /* help was printed */, AUDIT_WRONG };

/* Parse; argv[0] is "audit". What is wrong goes to standard error. */
enum audit_parsed audit_options_parse(struct audit_options *options, int argc, char **argv);
void audit_options_free(struct audit_options *options);

#endif
