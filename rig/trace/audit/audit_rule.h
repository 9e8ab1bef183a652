/* A rule of the audit: what it says, and how it looks at the scene. */
#ifndef RIG_AUDIT_RULE_H
#define RIG_AUDIT_RULE_H

#include "audit.h"
#include "audit_sweep.h"

struct audit_message {
    enum audit_level level;
    const char *missing; /* what is wrong */
    const char *detail;  /* why that is a hazard */
    const char *fix;     /* one line */
};

struct audit_rule;

struct audit_rule_module {
    struct audit_rule_info info;
    const struct audit_message *messages;
    /* Why the rule says nothing here, NULL when it does; *blocks: that leaves a question open. */
    const char *(*excuse)(const struct audit_scene *scene, bool *blocks);
    void (*judge)(struct audit_rule *rule);
    /* Called for each piece of physical memory that is mapped; may be NULL. */
    void (*segment)(struct audit_rule *rule, const struct audit_segment *segment);
    /* Particulars of a finding, to be put behind the message's detail; may be NULL. */
    void (*particulars)(const struct audit_scene *scene, const struct audit_finding *finding,
                        char *text, size_t size);
};

struct audit_rule {
    const struct audit_rule_module *module;
    struct audit_scene *scene;
    struct audit_result *result;
    uint8_t index;
    uint64_t subjects;
};

/* Every module, in the order of the report; ends with NULL. */
extern const struct audit_rule_module *const AUDIT_RULE_MODULES[];

extern const struct audit_rule_module AUDIT_WX_MAPPING, AUDIT_WX_ALIAS, AUDIT_KERNEL_NO_EL0,
    AUDIT_KERNEL_UXN, AUDIT_USER_PXN, AUDIT_DEVICE_EXECUTABLE, AUDIT_DEVICE_TYPE,
    AUDIT_OUTSIDE_MEMORY, AUDIT_ACCESS_FLAG, AUDIT_TABLE_ATTRIBUTES, AUDIT_CONTIGUOUS,
    AUDIT_ALIAS_ATTRIBUTES, AUDIT_RESERVED_BITS, AUDIT_TABLE_MEMORY, AUDIT_TABLE_LOOP,
    AUDIT_TABLE_WRITABLE, AUDIT_GUARD_PAGE, AUDIT_LINEAR_OFFSET, AUDIT_EXPECTED_MAP,
    AUDIT_WALKS_OFF;

/* A finding about [first, last] of a leaf; the caller adds what else it wants to tell. */
struct audit_finding audit_leaf_finding(const struct audit_scene *scene,
                                        const struct audit_leaf *leaf, uint64_t first,
                                        uint64_t last);
struct audit_what audit_leaf_what(const struct audit_scene *scene, const struct audit_leaf *leaf);
/* A finding about a table that a descriptor points to. */
struct audit_finding audit_table_finding(const struct audit_table *table);
/* A finding about addresses at which nothing is. */
struct audit_finding audit_gap_finding(uint64_t first, uint64_t last);

/* Add it, split where waivers of the rule begin and end. */
void audit_report(struct audit_rule *rule, unsigned message, struct audit_finding finding);
/* Add a finding about a whole leaf. */
void audit_report_leaf(struct audit_rule *rule, unsigned message, const struct audit_leaf *leaf);

/* Add findings about those parts of a leaf that map tables, whole pages or blocks. */
void audit_report_tables(struct audit_rule *rule, unsigned message, const struct audit_leaf *leaf);

/* Sort what the rules added and merge neighbours. */
void audit_findings_order(struct audit_result *result);

/* The regime has no EL0: an excuse for the rules about it. */
const char *audit_needs_el0(const struct audit_scene *scene, bool *blocks);
/* The machine's memory has to be known. */
const char *audit_needs_memory(const struct audit_scene *scene, bool *blocks);

#endif
