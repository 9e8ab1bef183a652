/* Does a capability space agree with the model? Each answer is NULL or what does not agree. */
#ifndef TESTS_MODEL_COMPARE_H
#define TESTS_MODEL_COMPARE_H

#include "model_cap.h"

/* The slots that the last operation touched, without the lists. */
const char *model_compare_touched(const struct model *model, const struct cap_space *space);

/*
 * Every slot, the lists of children and of free slots; and, without the model's help, that rights
 * narrow from parent to child and cap_check_invariants().
 */
const char *model_compare_all(const struct model *model, const struct cap_space *space);

#endif
