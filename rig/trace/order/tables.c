#include "tables.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_SLOTS = 64, KEY_SHIFT = 12, LAST_LEVEL = 3 };

/* A frame is a granule of 4, 16 or 64 KiB, or a root that is smaller and may share its page with
 * others: it is hashed by its own address, and looked for at each of the three bases. */
static const uint64_t GRANULES[] = {UINT64_C(1) << 12, UINT64_C(1) << 14, UINT64_C(1) << 16};

static size_t home_of(uint64_t pa, size_t slot_count)
{
    return (size_t)(((pa >> KEY_SHIFT) * UINT64_C(0x9e3779b97f4a7c15)) >> 20) & (slot_count - 1);
}

static bool holds(const struct table_frame *frame, uint64_t pa)
{
    return pa >= frame->pa && pa - frame->pa < frame->size;
}

static void place(struct table_frame **slots, size_t slot_count, struct table_frame *frame)
{
    size_t at = home_of(frame->pa, slot_count);
    while (slots[at] != NULL) {
        at = (at + 1) & (slot_count - 1);
    }
    slots[at] = frame;
}

static bool more_slots(struct tables *tables)
{
    size_t wanted = tables->slot_count == 0 ? FIRST_SLOTS : tables->slot_count * 2;
    struct table_frame **slots = calloc(wanted, sizeof(struct table_frame *));
    if (slots == NULL) {
        return false;
    }
    for (size_t i = 0; i < tables->slot_count; i++) {
        if (tables->slots[i] != NULL) {
            place(slots, wanted, tables->slots[i]);
        }
    }
    free(tables->slots);
    tables->slots = slots;
    tables->slot_count = wanted;
    return true;
}

static struct table_frame *new_frame(const struct trace_frame *frame, uint64_t event)
{
    struct table_frame *known = malloc(sizeof(*known));
    uint64_t *words = malloc(frame->size);
    if (known == NULL || words == NULL) {
        free(known);
        free(words);
        return NULL;
    }
    memcpy(words, trace_frame_words(frame), frame->size);
    *known = (struct table_frame){
        .pa = frame->pa,
        .size = frame->size,
        .level = frame->level,
        .upper = frame->upper,
        .since = event,
        .written = frame->written,
        .written_off = frame->written_off,
        .words = words,
    };
    return known;
}

static struct table_link *link_slot(struct table_link *links, size_t count, uint64_t child)
{
    size_t at = home_of(child, count);
    while (links[at].child != 0 && links[at].child != child) {
        at = (at + 1) & (count - 1);
    }
    return &links[at];
}

static bool more_links(struct tables *tables)
{
    size_t wanted = tables->link_slots == 0 ? FIRST_SLOTS : tables->link_slots * 2;
    struct table_link *links = calloc(wanted, sizeof(*links));
    if (links == NULL) {
        return false;
    }
    for (size_t i = 0; i < tables->link_slots; i++) {
        if (tables->links[i].child != 0) {
            *link_slot(links, wanted, tables->links[i].child) = tables->links[i];
        }
    }
    free(tables->links);
    tables->links = links;
    tables->link_slots = wanted;
    return true;
}

/* A table descriptor's next table: bits 47:12, DDI 0487 D8.3.1. */
static bool leads_to(unsigned int level, uint64_t word, uint64_t *child)
{
    *child = word & UINT64_C(0xfffffffff000);
    return level < LAST_LEVEL && (word & 3) == 3 && *child != 0;
}

static bool link_word(struct tables *tables, const struct table_frame *frame, uint64_t word_pa,
                      uint64_t value)
{
    uint64_t child;
    if (!leads_to(frame->level, value, &child)) {
        return true;
    }
    if (tables->link_count >= tables->link_slots / 2 && !more_links(tables)) {
        return false;
    }
    struct table_link *link = link_slot(tables->links, tables->link_slots, child);
    tables->link_count += link->child == 0 ? 1 : 0;
    *link = (struct table_link){.child = child, .word = word_pa};
    return true;
}

static bool link_words(struct tables *tables, const struct table_frame *frame)
{
    for (size_t i = 0; i < frame->size / sizeof(frame->words[0]); i++) {
        if (!link_word(tables, frame, frame->pa + i * sizeof(frame->words[0]), frame->words[i])) {
            return false;
        }
    }
    return true;
}

bool tables_parent(const struct tables *tables, uint64_t pa, uint64_t *word)
{
    if (tables->link_slots == 0 || pa == 0) {
        return false;
    }
    const struct table_link *link = link_slot(tables->links, tables->link_slots, pa);
    const struct table_frame *frame = link->child == 0 ? NULL : tables_find(tables, link->word);
    uint64_t child;
    if (frame == NULL ||
        !leads_to(frame->level, frame->words[(link->word - frame->pa) / sizeof(*word)], &child) ||
        child != pa) {
        return false;
    }
    *word = link->word;
    return true;
}

bool tables_add(struct tables *tables, const struct trace_frame *frame, uint64_t event)
{
    struct table_frame *known = new_frame(frame, event);
    if (known == NULL) {
        return false;
    }
    tables_remove(tables, frame->pa);
    if (tables->frame_count >= tables->slot_count / 2 && !more_slots(tables)) {
        free(known->words);
        free(known);
        return false;
    }
    place(tables->slots, tables->slot_count, known);
    tables->frame_count++;
    return link_words(tables, known);
}

/* Close the gap at a slot that was emptied, so that no search ends there too early. */
static void close_gap(struct tables *tables, size_t gap)
{
    size_t mask = tables->slot_count - 1;
    for (size_t at = (gap + 1) & mask; tables->slots[at] != NULL; at = (at + 1) & mask) {
        size_t home = home_of(tables->slots[at]->pa, tables->slot_count);
        if (((at - home) & mask) >= ((at - gap) & mask)) {
            tables->slots[gap] = tables->slots[at];
            tables->slots[at] = NULL;
            gap = at;
        }
    }
}

void tables_remove(struct tables *tables, uint64_t pa)
{
    if (tables->slot_count == 0) {
        return;
    }
    size_t mask = tables->slot_count - 1;
    for (size_t at = home_of(pa, tables->slot_count); tables->slots[at] != NULL;
         at = (at + 1) & mask) {
        struct table_frame *frame = tables->slots[at];
        if (frame->pa == pa) {
            free(frame->words);
            free(frame);
            tables->slots[at] = NULL;
            tables->frame_count--;
            close_gap(tables, at);
            return;
        }
    }
}

/* The next frame that holds the address among those hashed with `base`, from slot *at on. */
static struct table_frame *next_holder(const struct tables *tables, uint64_t base, uint64_t pa,
                                       size_t *at)
{
    while (tables->slots[*at] != NULL) {
        struct table_frame *frame = tables->slots[*at];
        *at = (*at + 1) & (tables->slot_count - 1);
        if (frame->pa >> KEY_SHIFT == base >> KEY_SHIFT && holds(frame, pa)) {
            return frame;
        }
    }
    return NULL;
}

const struct table_frame *tables_find(const struct tables *tables, uint64_t pa)
{
    uint64_t last = UINT64_MAX;
    for (size_t i = 0; tables->slot_count != 0 && i < sizeof(GRANULES) / sizeof(GRANULES[0]); i++) {
        uint64_t base = pa & ~(GRANULES[i] - 1);
        size_t at = home_of(base, tables->slot_count);
        const struct table_frame *frame = base == last ? NULL : next_holder(tables, base, pa, &at);
        if (frame != NULL) {
            return frame;
        }
        last = base;
    }
    return NULL;
}

bool tables_store(struct tables *tables, uint64_t word_pa, uint64_t value, uint64_t *before)
{
    bool found = false;
    uint64_t last = UINT64_MAX;
    for (size_t i = 0; tables->slot_count != 0 && i < sizeof(GRANULES) / sizeof(GRANULES[0]); i++) {
        uint64_t base = word_pa & ~(GRANULES[i] - 1);
        if (base == last) {
            continue;
        }
        last = base;
        size_t at = home_of(base, tables->slot_count);
        struct table_frame *frame;
        while ((frame = next_holder(tables, base, word_pa, &at)) != NULL) {
            uint64_t *word = &frame->words[(word_pa - frame->pa) / sizeof(*word)];
            if (!found) {
                *before = *word;
            }
            found = true;
            *word = value;
            (void)link_word(tables, frame, word_pa, value); /* no memory: a way up not known */
        }
    }
    return found;
}

void tables_free(struct tables *tables)
{
    for (size_t i = 0; i < tables->slot_count; i++) {
        if (tables->slots[i] != NULL) {
            free(tables->slots[i]->words);
            free(tables->slots[i]);
        }
    }
    free(tables->slots);
    free(tables->links);
    *tables = (struct tables){0};
}

int tables_read(void *tables, uint64_t pa, uint64_t *value)
{
    const struct table_frame *frame = tables_find(tables, pa);
    if (frame == NULL) {
        return 1;
    }
    *value = frame->words[(pa - frame->pa) / sizeof(*value)];
    return 0;
}
