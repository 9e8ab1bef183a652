/* What every command of rig-trace says to a terminal, and how. */
#ifndef RIG_TOOL_CONSOLE_H
#define RIG_TOOL_CONSOLE_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "exit_code.h"

/* Complain on standard error, and return the code that goes with it. */
static inline enum exit_code console_say(enum exit_code code, const char *text)
{
    fprintf(stderr, "rig-trace: %s\n", text);
    return code;
}

/* Whether standard output is a terminal that wants colours (NO_COLOR). */
static inline bool console_colour(void)
{
    const char *off = getenv("NO_COLOR");

    return isatty(STDOUT_FILENO) != 0 && (off == NULL || off[0] == '\0');
}

/* `code`, when all that was printed has been written. */
static inline enum exit_code console_flushed(enum exit_code code)
{
    if (fflush(stdout) != 0 || ferror(stdout) != 0) {
        return console_say(EXIT_NOT_JUDGED, "cannot write the report to standard output");
    }
    return code;
}

#endif
