/* Table descriptors that take rights away from the leaves below. */
#include "audit_rule.h"

#define WHY "a leaf below does not grant what it says; who edits it later will wonder"

/* In the order of AUDIT_TABLE_*. */
static const struct audit_message MESSAGES[AUDIT_TABLE_KINDS] = {
    {AUDIT_NOTE, "APTable[0] takes EL0's access from the leaves below", WHY,
     "say it in the leaves, or keep it as a second line of defence"},
    {AUDIT_NOTE, "APTable[1] makes the leaves below read-only", WHY,
     "say it in the leaves, or keep it as a second line of defence"},
    {AUDIT_NOTE, "PXNTable takes EL1's right to execute from the leaves below", WHY,
     "say it in the leaves, or keep it as a second line of defence"},
    {AUDIT_NOTE, "UXNTable (XNTable) takes the right to execute from the leaves below", WHY,
     "say it in the leaves, or keep it as a second line of defence"},
};

static void judge(struct audit_rule *rule)
{
    for (size_t i = 0; i < rule->scene->table_count; i++) {
        const struct audit_table *table = &rule->scene->tables[i];

        if (table->root != 0) {
            continue;
        }
        rule->subjects++;
        for (unsigned kind = 0; kind < AUDIT_TABLE_KINDS; kind++) {
            if (table->taken[kind] != 0) {
                struct audit_finding finding = audit_table_finding(table);

                finding.count = table->taken[kind];
                audit_report(rule, kind, finding);
            }
        }
    }
}

const struct audit_rule_module AUDIT_TABLE_ATTRIBUTES = {
    .info = {.id = "table-attributes",
             .title = "leaves grant what they say: no table takes it away",
             .section = "DDI 0487, D8.4.1.2.2 Hierarchical control of data access Direct "
                        "permissions",
             .level_max = AUDIT_NOTE},
    .messages = MESSAGES,
    .judge = judge,
};
