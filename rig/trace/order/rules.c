#include "rule.h"

const struct rule_module *const RULE_MODULES[] = {
    &RULE_SYSREG_BEFORE_USE, &RULE_VBAR_BEFORE_EXCEPTION, &RULE_FP_BEFORE_USE,
    &RULE_AT_BEFORE_PAR,     &RULE_NULL_REGIME,           NULL,
};
