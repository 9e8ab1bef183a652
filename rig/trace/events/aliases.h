/*
 * Aliases of the image: where it runs at other addresses than it is linked at (low before the MMU
 * is on, high afterwards). `image.alias` of a rule pack.
 */
#ifndef RIG_EVENTS_ALIASES_H
#define RIG_EVENTS_ALIASES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An address in [low, low + size) is the link address `address + by`. */
struct address_alias {
    uint64_t low;
    uint64_t size;
    uint64_t by;
};

struct aliases {
    struct address_alias *items;
    size_t count;
};

/* Take LOW:SIZE:BY, numbers as C writes them; false when it is none, or SIZE is 0. `items` has
 * room. */
bool aliases_take(struct aliases *aliases, const char *text);

/* The link address; the first alias that fits decides. */
uint64_t aliases_fold(const struct aliases *aliases, uint64_t address);

/* A number as C writes it, ended by `end`; *rest is what follows that character. */
bool number_take(const char *text, char end, uint64_t *value, const char **rest);

#endif
