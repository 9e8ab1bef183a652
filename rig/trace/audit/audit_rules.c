#include "audit_rule.h"

const struct audit_rule_module *const AUDIT_RULE_MODULES[] = {
    &AUDIT_WX_MAPPING,        &AUDIT_WX_ALIAS,         &AUDIT_KERNEL_NO_EL0,
    &AUDIT_KERNEL_UXN,        &AUDIT_USER_PXN,         &AUDIT_TABLE_WRITABLE,
    &AUDIT_DEVICE_EXECUTABLE, &AUDIT_DEVICE_TYPE,      &AUDIT_OUTSIDE_MEMORY,
    &AUDIT_ALIAS_ATTRIBUTES,  &AUDIT_ACCESS_FLAG,      &AUDIT_CONTIGUOUS,
    &AUDIT_RESERVED_BITS,     &AUDIT_TABLE_ATTRIBUTES, &AUDIT_TABLE_MEMORY,
    &AUDIT_TABLE_LOOP,        &AUDIT_WALKS_OFF,        &AUDIT_GUARD_PAGE,
    &AUDIT_LINEAR_OFFSET,     &AUDIT_EXPECTED_MAP,     NULL,
};

const char *audit_needs_el0(const struct audit_scene *scene, bool *blocks)
{
    *blocks = false;
    return scene->el2 ? "the EL2 regime has no EL0" : NULL;
}

const char *audit_needs_memory(const struct audit_scene *scene, bool *blocks)
{
    *blocks = !scene->memory->known;
    return scene->memory->known ? NULL : "the snapshot does not tell what memory the machine has";
}
