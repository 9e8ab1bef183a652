/* The command lines of `rig-trace cover` and `rig-trace annotate`. */
#ifndef RIG_COVER_OPTIONS_H
#define RIG_COVER_OPTIONS_H

#include "counts.h"
#include "sources.h"

struct cover_options {
    const char *elf;
    const char *info; /* or NULL */
    const char *json; /* or NULL */
    struct alias *aliases;
    size_t alias_count;
    enum trace_mmu *mmu;
    size_t mmu_count;
    const char *prefix; /* or NULL */
    const char **maps;
    size_t map_count;
    const char **keeps;
    size_t keep_count;
    const char **never_calls;
    size_t never_call_count;
    const char **functions;
    size_t function_count;
    const char *const *traces;
    size_t trace_count;
};

enum cover_parsed { COVER_RUN, COVER_DONE /* help was printed */, COVER_WRONG };

/* Parse; argv[0] is "cover" or "annotate". What is wrong goes to standard error. */
enum cover_parsed cover_options_parse(struct cover_options *options, int argc, char **argv);
void cover_options_free(struct cover_options *options);

#endif
