/*
 * Power off and panic as the ends of a run. A panic that is expected (cmocka's
 * expect_assert_failure()), or comes while nothing runs, goes to cmocka.
 */
#ifndef TESTS_FAKE_STOP_H
#define TESTS_FAKE_STOP_H

/* What the panic that ended the last run said. */
const char *fake_panic_text(void);

#endif
