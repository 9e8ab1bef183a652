/*
 * What the traces of an image say, by source file: ready to be written.
 *
 * A line's count is the largest of its statements' addresses. The line that declares a function and
 * the line of a branch count as lines even when no statement begins there (lcov wants a line for
 * each): the first with the function's count, the second with the branch's. A line whose statements
 * did not run though a branch of it did counts as often as the branch.
 */
#ifndef RIG_COVER_RESULT_H
#define RIG_COVER_RESULT_H

#include "branches.h"
#include "counts.h"
#include "functions.h"
#include "markers.h"

struct line_result {
    uint32_t file;
    uint32_t line;
    uint64_t count;
    bool partial; /* some of its statements' addresses ran, some did not */
};

/* One way out of a conditional branch. */
struct direction {
    uint32_t file;
    uint32_t line;
    uint32_t block;
    uint32_t taken; /* 0: falls through; 1: jumps */
    uint64_t count;
    bool executed; /* the branch instruction ran */
    const char *function;
    uint64_t address;
};

enum excluded_kind { EXCLUDED_LINE, EXCLUDED_FUNCTION, EXCLUDED_BRANCH };

struct excluded {
    enum excluded_kind kind;
    uint32_t file;
    uint32_t line;
    const char *function;
    uint32_t taken;
    uint64_t count; /* it may have run all the same */
    char *reason;
};

struct instruction_totals {
    uint64_t found;
    uint64_t hit;
    uint64_t hit_off;
    uint64_t hit_on;
    uint64_t hit_both;
    uint64_t hit_unknown;       /* ran only while the MMU's state was not known */
    uint64_t outside_functions; /* words of code that ran and belong to no function; not in `hit` */
};

struct result {
    const struct image *image;
    const struct sources *sources;
    struct line_result *lines; /* by file, line */
    size_t line_count;
    struct function *functions; /* kept ones, by file, line, name; those without a file last */
    size_t function_count;
    struct direction *directions; /* by file, line, block, direction */
    size_t direction_count;
    struct excluded *excluded; /* by kind, file, line */
    size_t excluded_count;
    size_t excluded_room;
    struct branch *lineless; /* branches of no line */
    size_t lineless_count;
    uint64_t unknown_outcomes;
    struct instruction_totals instructions;
    struct markers *markers; /* of each kept file */
};

struct result_inputs {
    const struct image *image;
    const struct sources *sources; /* sorted */
    const struct lines *lines;
    const struct functions *functions;
    const struct branches *branches;
    const struct counts *counts;
    const char *const *never_calls;
    size_t never_call_count;
};

void result_make(struct result *result, const struct result_inputs *inputs);
void result_free(struct result *result);

/* The part of the result that is one file's: half-open index ranges. */
struct file_part {
    uint32_t file;
    size_t line, line_end;
    size_t function, function_end;
    size_t direction, direction_end;
};

/* Step to the next file that has anything; start with a zeroed part. Files come by the name shown.
 */
bool result_next_file(const struct result *result, struct file_part *part);

/* How many of each there are and ran, in one file or in all (NULL). */
struct totals {
    uint64_t lines, lines_hit, lines_partial;
    uint64_t functions, functions_hit;
    uint64_t directions, directions_hit;
};
struct totals result_totals(const struct result *result, const struct file_part *part);

#endif
