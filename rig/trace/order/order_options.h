/* The command line of `rig-trace order`. */
#ifndef RIG_ORDER_OPTIONS_H
#define RIG_ORDER_OPTIONS_H

#include "event_input.h"
#include "order.h"
#include "waivers.h"

struct order_options {
    struct input_options input;
    const char **rules; /* ids, ends with NULL; empty: all */
    size_t rule_count;
    struct waivers waivers;
    struct order_features features;
    const char *json; /* or NULL */
    bool quiet;
};

enum order_parsed { ORDER_RUN, ORDER_DONE /* help was printed */, ORDER_WRONG };

/* Parse; argv[0] is "order". What is wrong goes to standard error. */
enum order_parsed order_options_parse(struct order_options *options, int argc, char **argv);
void order_options_free(struct order_options *options);

#endif
