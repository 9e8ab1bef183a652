/* A console that keeps what was written, for tests to read. */
#ifndef TESTS_FAKE_CONSOLE_H
#define TESTS_FAKE_CONSOLE_H

#include <stddef.h>

/* Forget everything written so far. */
void fake_console_clear(void);

/* Everything written since, as a string. */
const char *fake_console_text(void);

/* Bytes written since; zeros among them end the string early. */
size_t fake_console_length(void);

#endif
