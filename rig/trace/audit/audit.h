/*
 * The audit: an address space judged by named rules.
 *
 *     audit_scene_begin(); audit_scene_collect();
 *     audit_result_begin(&result);
 *     audit_judge(&scene, &selection, &result);      as often as wanted, after each collection
 *     audit_result_free(&result);
 */
#ifndef RIG_AUDIT_H
#define RIG_AUDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "audit_scene.h"

enum { AUDIT_TEXT = 512, AUDIT_RULES_MAX = 32 };
/* Findings before neighbours are merged; more are counted, not kept. */
enum { AUDIT_FINDINGS_MAX = 1 << 20 };

enum audit_level {
    AUDIT_ERROR, /* a hazard or a hole */
    AUDIT_NOTE,  /* worth knowing */
};

struct audit_rule_info {
    const char *id;
    const char *title;   /* what it wants, in a few words */
    const char *section; /* of DDI 0487, or what of the pack says so */
    enum audit_level level_max;
};

enum audit_what_kind { AUDIT_WHAT_LEAF, AUDIT_WHAT_TABLE, AUDIT_WHAT_HALF, AUDIT_WHAT_NONE };

/* What is there. Bytes only, so that two of them compare with memcmp. */
struct audit_what {
    uint8_t kind;   /* enum audit_what_kind */
    uint8_t rights; /* a leaf's, as they hold */
    uint8_t attr_index;
    uint8_t shareability;
    uint8_t ng;
    uint8_t size_bits; /* of one leaf */
    uint8_t level;     /* of the leaf, or of the table pointed to */
    uint8_t upper;
};

/* Neighbours of which the same is to be said. */
struct audit_finding {
    uint64_t first; /* virtual, inclusive, as last */
    uint64_t last;
    uint64_t pa;       /* of first; with has_pa */
    uint64_t count;    /* leaves or tables */
    uint64_t argument; /* a number of the rule's own */
    uint64_t other;    /* another virtual address that the matter is about; with has_other */
    struct audit_what what;
    struct audit_what other_what;
    uint32_t waiver; /* the spec's waiver that covers it, counted from 1; 0: none */
    uint8_t rule;
    uint8_t message;   /* of the rule's messages */
    uint8_t level;     /* enum audit_level */
    uint8_t unit_bits; /* size of what `count` counts; 0: the finding is never split */
    bool has_pa;
    bool has_other;
    bool scattered;       /* physical addresses are not linear; pa is the first one's */
    bool other_scattered; /* the same of the other addresses */
};

struct audit_rule_result {
    bool selected;
    bool judged;
    bool blocks;         /* not judged, and so the whole audit has no answer */
    const char *why_not; /* "" when judged */
    uint64_t subjects;   /* leaves, tables, guards, ... that it looked at */
};

struct audit_result {
    struct audit_finding *findings; /* by rule, errors first, ascending */
    size_t count;
    size_t room;
    uint64_t cut;                                    /* findings that were not kept */
    struct audit_rule_result rules[AUDIT_RULES_MAX]; /* by audit_rule_index() */
    bool *waiver_used;                               /* for each of the spec's waivers */
    size_t waiver_count;
};

/* Which rules judge: the bits of audit_rule_index(); 0: all. */
typedef uint32_t audit_selection;

/* The rules in the order of reports: the one at a place, NULL behind the last. */
const struct audit_rule_info *audit_rule_of(size_t index);
/* The place of a rule, or -1. */
int audit_rule_index(const char *id);

void audit_result_begin(struct audit_result *result);
void audit_result_free(struct audit_result *result);
void audit_judge(struct audit_scene *scene, audit_selection selection, struct audit_result *result);

/* A finding in words. */
struct audit_words {
    char what[AUDIT_TEXT];   /* what is there */
    const char *missing;     /* what is wrong */
    char detail[AUDIT_TEXT]; /* why that is a hazard, and particulars */
    const char *fix;
};
void audit_words_of(const struct audit_scene *scene, const struct audit_finding *finding,
                    struct audit_words *words);

#endif
