/* The flags of an event trace's header: their names, and what each means for who reads it. */
#ifndef RIG_EVENTS_TRACE_FLAGS_H
#define RIG_EVENTS_TRACE_FLAGS_H

#include <stdint.h>

struct trace_flag_words {
    uint32_t flag;
    const char *name;
    const char *set;   /* what it means */
    const char *unset; /* what it means that it is not set, or NULL */
};

enum { TRACE_FLAG_COUNT = 8 };
extern const struct trace_flag_words TRACE_FLAG_WORDS[TRACE_FLAG_COUNT];

#endif
