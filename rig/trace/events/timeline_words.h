/* Lines of a timeline in words. */
#ifndef RIG_EVENTS_TIMELINE_WORDS_H
#define RIG_EVENTS_TIMELINE_WORDS_H

#include "disassembly.h"
#include "event_input.h"
#include "timeline.h"

enum { TIMELINE_WORDS = 768, BARRIER_WORDS = 96 };

/* "register", "tlbi", ..., "again", "barriers". */
const char *timeline_act_name(unsigned int act);

/* What the line says, without its place and its barriers. Returns `out`. */
const char *timeline_words(struct event_input *input, const struct disassembler *disassembler,
                           const struct timeline_line *line, char out[static TIMELINE_WORDS]);

/* "dsb x2, isb", or "". Returns `out`. */
const char *timeline_barriers(const struct timeline_line *line, char out[static BARRIER_WORDS]);

#endif
