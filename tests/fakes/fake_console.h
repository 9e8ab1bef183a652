/* A console that keeps what was written, for tests to read. */
#ifndef TESTS_FAKE_CONSOLE_H
#define TESTS_FAKE_CONSOLE_H

/* Forget everything written so far. */
void fake_console_clear(void);

/* Everything written since, as a string. */
const char *fake_console_text(void);

#endif
