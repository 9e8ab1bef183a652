/*
 * Flips: each bit of each descriptor is changed, one at a time, and the address space judged anew.
 * A change that no rule reports is either harmless, and the spec says why, or the rules are blind.
 *
 * Valid descriptors have all 64 bits flipped, invalid ones bit 0. A change is reported when there
 * is a finding that the snapshot as it is does not have: another rule, message or place. A finding
 * that only tells its place in other words does not count, nor does one that is waived.
 */
#ifndef RIG_AUDIT_FLIP_H
#define RIG_AUDIT_FLIP_H

#include "audit_report.h"

enum flip_kind { FLIP_TABLE, FLIP_BLOCK, FLIP_PAGE, FLIP_INVALID, FLIP_KINDS };
enum { FLIP_BITS = 64, FLIP_SURVIVORS_MAX = 1000 };

/* One bit of one kind of descriptor. */
struct flip_cell {
    uint64_t flips;
    uint64_t reported;
    uint64_t by_error;               /* of these, with an error among the findings */
    uint64_t without_map;            /* of these, also without the rule expected-map */
    uint64_t harmless;               /* not reported, and the spec says why */
    uint64_t rules[AUDIT_RULES_MAX]; /* by which rules, how often */
};

/* A change that goes unseen. */
struct flip_survivor {
    enum flip_kind kind;
    uint8_t bit;
    uint8_t level;
    uint64_t descriptor;
    uint64_t descriptor_pa;
    uint64_t va; /* the first one that the descriptor translates */
};

struct flips {
    uint64_t descriptors[FLIP_KINDS];
    struct flip_cell cells[FLIP_KINDS][FLIP_BITS];
    struct flip_cell total;
    uint64_t survivor_count;
    struct flip_survivor *survivors; /* the first FLIP_SURVIVORS_MAX */
    bool *harmless_used;             /* for each of the spec's lines */
    uint64_t harmless_unused;
    enum exit_code code;
};

const char *flip_kind_name(enum flip_kind kind);

/* Flip everything. The case is judged and has an answer; its scene is used and left changed. */
void flips_run(struct flips *flips, struct audit_case *item, audit_selection selection);
void flips_free(struct flips *flips);

#endif
