/* A text that grows piece by piece in a buffer of fixed size; what finds no room is cut off. */
#ifndef RIG_EVENTS_PHRASE_H
#define RIG_EVENTS_PHRASE_H

#include <stddef.h>

struct phrase {
    char *text;
    size_t size;
    size_t used;
};

struct phrase phrase_begin(char *text, size_t size);
void phrase_add(struct phrase *phrase, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The same with a comma and a space in front, unless it is the first piece. */
void phrase_list(struct phrase *phrase, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
