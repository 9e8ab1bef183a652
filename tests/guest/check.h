/* Is the kernel as it was when nothing but the first tasks' kernel objects existed? */
#ifndef TEST_GUEST_CHECK_H
#define TEST_GUEST_CHECK_H

#include <tyrne/task.h>

/*
 * Queue a kernel task that waits until no other task but idle exists, and then panics unless every
 * frame, address space and capability of the programs is back and the kernel's code and constants
 * are what they are now. Then the console says "check: the kernel is as it was".
 */
void check_start(struct core *core, struct object_ref idle);

#endif
