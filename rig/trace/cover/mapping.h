/*
 * All that is read and worked out for a command: the image, its traces, and what they say of it.
 */
#ifndef RIG_COVER_MAPPING_H
#define RIG_COVER_MAPPING_H

#include "branches.h"
#include "counts.h"
#include "exit_code.h"
#include "functions.h"
#include "options.h"

struct mapping {
    struct image image;
    struct trace *traces;
    size_t trace_count; /* opened so far */
    struct count_rules rules;
    struct counts counts;
    struct sources sources; /* sorted */
    struct lines lines;     /* empty without DWARF */
    struct functions functions;
    struct branches branches;
};

/*
 * Read everything. What goes wrong is said on standard error: EXIT_USAGE for an image that cannot
 * be used or is not the one that ran, EXIT_NOT_JUDGED for a damaged trace and when nothing of the
 * image was executed.
 */
enum exit_code mapping_make(struct mapping *mapping, const struct cover_options *options);
void mapping_free(struct mapping *mapping);

/* A command over a mapping: parse the command line, read everything, do `work`; returns its exit
 * code. */
int mapping_command(int argc, char **argv,
                    enum exit_code (*work)(const struct mapping *mapping,
                                           const struct cover_options *options));

#endif
