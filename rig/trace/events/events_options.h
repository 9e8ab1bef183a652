/* The command lines of `rig-trace events`, `stats`, `timeline` and `operands`. */
#ifndef RIG_EVENTS_EVENTS_OPTIONS_H
#define RIG_EVENTS_EVENTS_OPTIONS_H

#include "event_input.h"

enum events_what { WHAT_EVENTS, WHAT_STATS, WHAT_TIMELINE, WHAT_OPERANDS };

struct events_options {
    struct input_options input;
    uint32_t kinds; /* set of 1 << enum trace_event_kind */
    uint64_t from;  /* numbers of events, inclusive both */
    uint64_t to;
    int cpu; /* or -1: any */
    uint64_t pc_low;
    uint64_t pc_high; /* end, exclusive; 0: any PC */
    bool json_lines;  /* events --json */
    const char *json; /* stats and timeline --json FILE, or NULL */
    uint32_t top;     /* stats: sites listed */
};

enum events_parsed { EVENTS_RUN, EVENTS_DONE /* help was printed */, EVENTS_WRONG };

/* Parse; argv[0] is the command's name. What is wrong goes to standard error. */
enum events_parsed events_options_parse(struct events_options *options, enum events_what what,
                                        int argc, char **argv);
void events_options_free(struct events_options *options);

/* A command over a trace: parse the command line, open trace and image, do `work`, and see that
 * standard output took everything; returns its exit code. */
int events_run(int argc, char **argv, enum events_what what,
               enum exit_code (*work)(struct event_input *input,
                                      const struct events_options *options));

#endif
