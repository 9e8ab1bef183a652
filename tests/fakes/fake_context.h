/*
 * Contexts that really run: every task has a stack of its own on the host. A run starts where the
 * test calls fake_run(), goes from task to task, and comes back to the test when somebody ends it.
 */
#ifndef TESTS_FAKE_CONTEXT_H
#define TESTS_FAKE_CONTEXT_H

#include <stdbool.h>

enum run_end {
    RUN_POWERED_OFF, /* power_off() */
    RUN_PANICKED,    /* kernel_panic(); fake_stop.h has the text */
    RUN_STUCK,       /* asleep, and nothing will ever come */
};

/* Call `enter(argument)`, which does not return, and say how the run ended. */
enum run_end fake_run(void (*enter)(void *), void *argument);

/* End the run, from whichever context. */
_Noreturn void fake_run_end(enum run_end end);

/* Forget a run that a failed assertion left from some task's stack; for the next test's setup. */
void fake_run_reset(void);

/* True from fake_run() until the run ends. */
bool fake_run_active(void);

#endif
