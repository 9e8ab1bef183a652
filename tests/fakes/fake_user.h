/*
 * EL0 on the host: in place of an image's instructions a user task runs a function of the test, on
 * the task's own stack, which asks for syscalls with register arrays.
 */
#ifndef TESTS_FAKE_USER_H
#define TESTS_FAKE_USER_H

#include <tyrne/types.h>

/* What the first switch to a user task sets. */
struct fake_user {
    user_va_t entry;
    user_va_t sp;
};

/* What every user task runs from its first switch on; it must not return. */
void fake_user_program(void (*program)(const struct fake_user *start));

/* What the user task with `index` was prepared with. */
struct fake_user fake_user_start(unsigned index);

#endif
