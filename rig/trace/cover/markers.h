/*
 * Exclusions that the sources ask for, in lcov's words, each with a reason:
 *
 *   LCOV_EXCL_LINE: reason     LCOV_EXCL_START: reason ... LCOV_EXCL_STOP       lines (and their
 * branches) LCOV_EXCL_BR_LINE: reason  LCOV_EXCL_BR_START: reason ... LCOV_EXCL_BR_STOP only
 * branches
 *
 * A marker without a reason, and a START or STOP without the other, excludes nothing and is a
 * finding.
 */
#ifndef RIG_COVER_MARKERS_H
#define RIG_COVER_MARKERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct exclusion {
    uint32_t first; /* line */
    uint32_t last;  /* line, included */
    bool branches_only;
    char *reason;
};

struct marker_finding {
    uint32_t line;
    const char *text; /* what is wrong */
};

struct markers {
    bool found; /* the source file was there */
    struct exclusion *items;
    size_t count;
    size_t room;
    struct marker_finding *findings;
    size_t finding_count;
    size_t finding_room;
};

/* Read the markers of a source file; a file that is not there has none. */
void markers_read(struct markers *markers, const char *path);
void markers_free(struct markers *markers);

/* The reason why a line (for `branch`: its branches) is excluded, or NULL. */
const char *markers_reason(const struct markers *markers, uint32_t line, bool branch);

#endif
