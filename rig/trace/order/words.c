#include "words.h"

#include <stdlib.h>

enum { FIRST_SLOTS = 32 };

static size_t home_of(uint64_t pa, size_t slot_count)
{
    return (size_t)(((pa >> 3) * UINT64_C(0x9e3779b97f4a7c15)) >> 20) & (slot_count - 1);
}

/* The slot of the word, or the free one where it would stand. */
static size_t slot_of(const struct words *words, uint64_t pa)
{
    size_t at = home_of(pa, words->slot_count);
    while (words->slots[at] != 0 && words->items[words->slots[at] - 1].pa != pa) {
        at = (at + 1) & (words->slot_count - 1);
    }
    return at;
}

struct table_word *words_find(const struct words *words, uint64_t pa)
{
    if (words->count == 0) {
        return NULL;
    }
    uint32_t index = words->slots[slot_of(words, pa)];
    return index == 0 ? NULL : &words->items[index - 1];
}

/* Room for one item more, at most half of the slots taken. */
static bool grow(struct words *words)
{
    if (words->count < words->room) {
        return true;
    }
    size_t slot_count = words->slot_count == 0 ? FIRST_SLOTS : words->slot_count * 2;
    size_t room = slot_count / 2;
    struct table_word *items = reallocarray(words->items, room, sizeof(*items));
    if (items == NULL) {
        return false;
    }
    words->items = items;
    uint32_t *slots = calloc(slot_count, sizeof(*slots));
    if (slots == NULL) {
        return false;
    }
    free(words->slots);
    words->slots = slots;
    words->slot_count = slot_count;
    words->room = room;
    for (size_t i = 0; i < words->count; i++) {
        words->slots[slot_of(words, items[i].pa)] = (uint32_t)i + 1;
    }
    return true;
}

struct table_word *words_put(struct words *words, uint64_t pa)
{
    struct table_word *item = words_find(words, pa);
    if (item != NULL) {
        return item;
    }
    if (!grow(words) || words->items == NULL) {
        return NULL;
    }
    words->slots[slot_of(words, pa)] = (uint32_t)words->count + 1;
    item = &words->items[words->count++];
    *item = (struct table_word){.pa = pa};
    return item;
}

/* Close the gap at a slot that was emptied, so that no search ends there too early. */
static void close_gap(struct words *words, size_t gap)
{
    size_t mask = words->slot_count - 1;
    for (size_t at = (gap + 1) & mask; words->slots[at] != 0; at = (at + 1) & mask) {
        size_t home = home_of(words->items[words->slots[at] - 1].pa, words->slot_count);
        if (((at - home) & mask) >= ((at - gap) & mask)) {
            words->slots[gap] = words->slots[at];
            words->slots[at] = 0;
            gap = at;
        }
    }
}

void words_remove(struct words *words, struct table_word *item)
{
    size_t slot = slot_of(words, item->pa);
    struct table_word *last = &words->items[words->count - 1];
    words->slots[slot] = 0;
    close_gap(words, slot);
    if (last != item) {
        words->slots[slot_of(words, last->pa)] = (uint32_t)(item - words->items) + 1;
        *item = *last;
    }
    words->count--;
}

void words_free(struct words *words)
{
    free(words->items);
    free(words->slots);
    *words = (struct words){0};
}
