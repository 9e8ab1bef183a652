/*
 * What the commands over event traces read: the trace, and the guest's image when it is given.
 */
#ifndef RIG_EVENTS_EVENT_INPUT_H
#define RIG_EVENTS_EVENT_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "aliases.h"
#include "event_reader.h"
#include "exit_code.h"
#include "image.h"
#include "symbols.h"

/* As the command line gives it. */
struct input_options {
    const char *trace;
    const char *elf; /* or NULL */
    struct aliases aliases;
};

/* A PC's place, kept: the same few instructions come again and again. */
struct kept_place {
    uint64_t pc;
    bool taken;
    struct place place;
};

enum { KEPT_PLACES = 256 };

struct event_input {
    const struct input_options *options;
    struct event_trace trace;
    struct symbols *symbols; /* or NULL: no image given */
    struct image image;      /* with symbols only */
    struct kept_place *kept; /* by a hash of the PC */
};

/*
 * Open all of it. What is wrong, or missing at the trace's end, goes to standard error. EXIT_USAGE
 * for an image that cannot be used or is not the one that ran, EXIT_NOT_JUDGED for a trace that is
 * damaged or none of events.
 */
enum exit_code event_input_open(struct event_input *input, const struct input_options *options);
void event_input_close(struct event_input *input);

/* What is at a PC as the guest had it; both texts "" without an image. */
const struct place *event_input_place(struct event_input *input, uint64_t pc);

/* The opcode at a PC: from the image when it has code there, else from the trace. */
bool event_input_opcode(const struct event_input *input, uint64_t pc, uint32_t *opcode);

#endif
