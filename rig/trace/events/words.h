/* A text that grows piece by piece in a buffer of fixed size; what finds no room is cut off. */
#ifndef RIG_EVENTS_WORDS_H
#define RIG_EVENTS_WORDS_H

#include <stddef.h>

struct words {
    char *text;
    size_t size;
    size_t used;
};

struct words words_begin(char *text, size_t size);
void words_add(struct words *words, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same with a comma and a space in front, unless it is the first piece. */
void words_list(struct words *words, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
