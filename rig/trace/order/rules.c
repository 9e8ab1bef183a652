#include "rule.h"

const struct rule_module *const RULE_MODULES[] = {
    NULL,
};
