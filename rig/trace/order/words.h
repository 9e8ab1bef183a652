/*
 * Words of translation tables that something happened to: what each rule remembers of them, found
 * by physical address, and as an array to go through.
 */
#ifndef RIG_ORDER_WORDS_H
#define RIG_ORDER_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "a64_system.h"
#include "order.h"

struct table_word {
    uint64_t pa;            /* of the word; some rules keep whole tables by theirs */
    uint64_t before;        /* the descriptor that a TLB may hold */
    uint64_t after;         /* the one stored last */
    uint64_t since;         /* event of the FRAME it was in */
    struct order_end store; /* of `after` */
    uint8_t level;
    bool upper;
    bool by_store;        /* made reachable by a store, not by a write to TTBRn */
    bool interrupted;     /* an exception was taken since */
    bool tlbi_seen;       /* `tlbi` is one that concerns it */
    bool tlbi_early;      /* ... one did, but before the store was complete */
    bool operand_unknown; /* whether `tlbi` concerns it cannot be told */
    enum a64_domain domain;
    struct order_end tlbi;
};

struct words {
    struct table_word *items; /* in no order */
    size_t count, room;
    uint32_t *slots; /* index + 1 into items, 0 for free; open hash by pa */
    size_t slot_count;
};

struct table_word *words_find(const struct words *words, uint64_t pa);

/* The word's item, a new zeroed one when it has none. NULL: out of memory. Items move. */
struct table_word *words_put(struct words *words, uint64_t pa);

/* The last item takes the place of the one removed. */
void words_remove(struct words *words, struct table_word *item);
void words_free(struct words *words);

#endif
