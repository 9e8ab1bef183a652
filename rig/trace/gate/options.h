/* The command line of `rig-trace gate`. */
#ifndef RIG_GATE_OPTIONS_H
#define RIG_GATE_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct options {
    const char *log;
    const char *rules;
    const char *elf;      /* or NULL */
    const char *variant;  /* or NULL */
    const char *json;     /* or NULL */
    const char *baseline; /* or NULL */
    uint32_t max_sites;
};

enum parsed { PARSED_GATE, PARSED_DONE /* help was printed */, PARSED_WRONG };

/* Parse what follows "rig-trace": argv[0] is "gate". Help goes to standard output, what is wrong
 * goes to standard error. */
enum parsed options_parse(struct options *options, int argc, char **argv);

#endif
