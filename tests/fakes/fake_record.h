/*
 * Contexts that never run: a switch is recorded and returns at once, so a test can drive the
 * scheduler from outside, one operation after the other.
 */
#ifndef TESTS_FAKE_RECORD_H
#define TESTS_FAKE_RECORD_H

#define RECORD_NONE 0xFFU

struct fake_switch {
    unsigned count; /* switches and starts so far */
    unsigned from;  /* task index of the last one, or RECORD_NONE for a start */
    unsigned to;
};

struct fake_switch fake_record_last(void);

/* What the task with `index` was created to run. */
void (*fake_record_entry(unsigned index))(void *);
void *fake_record_argument(unsigned index);

/* Call `enter(argument)`, which ends in hal_context_start(), and return then. */
void fake_record_start(void (*enter)(void *), void *argument);

#endif
