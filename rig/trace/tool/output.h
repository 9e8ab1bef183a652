/*
 * A file that appears whole or not at all: written beside its place, then renamed. What is no
 * regular file (a pipe, /dev/stdout) is written directly.
 */
#ifndef RIG_TOOL_OUTPUT_H
#define RIG_TOOL_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum { OUTPUT_ERROR_TEXT = 512 };

struct output {
    const char *path;
    char *temporary; /* NULL: written directly */
    FILE *file;
};

/* Begin a file; false with `error`. */
bool output_begin(struct output *output, const char *path, char error[static OUTPUT_ERROR_TEXT]);

/* Finish it: false with `error` when not everything could be written; nothing is left then. */
bool output_end(struct output *output, char error[static OUTPUT_ERROR_TEXT]);

/* Give it up: nothing is left. */
void output_abandon(struct output *output);

#endif
