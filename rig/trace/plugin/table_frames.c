#include "table_frames.h"

#include <stdlib.h>
#include <string.h>

#include "sysregs.h"

enum {
    FIRST_SLOTS = 1024,
    ALIGN_SHIFT = 4, /* the smallest table has two entries */
    ALIGN_SHIFT_MAX = 16,
    LAST_LEVEL = 3,
    WORD = 8,
};

static size_t slot_of(const struct table_frames *frames, uint64_t pa)
{
    return (size_t)((pa >> ALIGN_SHIFT) * 0x9e3779b97f4a7c15U >> 32) & (frames->slot_count - 1);
}

static struct table_frame *find_at(const struct table_frames *frames, uint64_t pa)
{
    struct table_frame *frame = frames->slot_count == 0 ? NULL : frames->slots[slot_of(frames, pa)];
    while (frame != NULL && frame->place.pa != pa) {
        frame = frame->next;
    }
    return frame;
}

static bool holds(const struct table_frame *frame, uint64_t pa)
{
    return frame != NULL && frame->words != NULL && pa - frame->place.pa < frame->place.size;
}

struct table_frame *frames_find(const struct table_frames *frames, uint64_t pa)
{
    /* Tables are aligned to their own size, which is a power of two. */
    for (unsigned int bits = ALIGN_SHIFT; bits <= ALIGN_SHIFT_MAX && frames->live > 0; bits++) {
        struct table_frame *frame = find_at(frames, pa >> bits << bits);
        if (holds(frame, pa)) {
            return frame;
        }
    }
    return NULL;
}

static bool grow(struct table_frames *frames)
{
    if (frames->count < frames->slot_count) {
        return true;
    }
    struct table_frames old = *frames;
    frames->slot_count = old.slot_count == 0 ? FIRST_SLOTS : old.slot_count * 2;
    frames->slots = calloc(frames->slot_count, sizeof(void *));
    if (frames->slots == NULL) {
        *frames = old;
        return false;
    }
    for (size_t i = 0; i < old.slot_count; i++) {
        for (struct table_frame *frame = old.slots[i]; frame != NULL;) {
            struct table_frame *next = frame->next;
            size_t slot = slot_of(frames, frame->place.pa);
            frame->next = frames->slots[slot];
            frames->slots[slot] = frame;
            frame = next;
        }
    }
    free(old.slots);
    return true;
}

/* What `descriptor`, of a table at that place, points to at `level`; false when to no table. */
static bool child_of(const struct frame_place *place, unsigned int level, uint64_t descriptor,
                     struct frame_place *child)
{
    uint64_t granule = UINT64_C(1) << place->granule_bits;
    if (level >= LAST_LEVEL || (descriptor & DESC_VALID_BIT) == 0 ||
        (descriptor & DESC_TYPE_BIT) == 0) {
        return false;
    }
    *child = (struct frame_place){
        .pa = descriptor & DESC_TABLE_NEXT_MASK & ~(granule - 1),
        .size = (uint32_t)granule,
        .level = (uint8_t)(level + 1),
        .upper = place->upper,
        .granule_bits = place->granule_bits,
    };
    return true;
}

/* A copy of what is there; NULL when it cannot be read. */
static uint64_t *copy(const struct table_frames *frames, const struct frame_place *place)
{
    uint64_t *words = malloc(place->size);
    for (uint32_t i = 0; words != NULL && i < place->size / WORD; i++) {
        if (frames->hooks.read(frames->hooks.memory, place->pa + (uint64_t)i * WORD, &words[i]) !=
            0) {
            free(words);
            return NULL;
        }
    }
    return words;
}

static struct table_frame *known_or_new(struct table_frames *frames, uint64_t pa)
{
    struct table_frame *frame = find_at(frames, pa);
    if (frame != NULL || !grow(frames)) {
        return frame;
    }
    frame = calloc(1, sizeof *frame);
    if (frame != NULL) {
        size_t slot = slot_of(frames, pa);
        frame->place.pa = pa;
        frame->next = frames->slots[slot];
        frames->slots[slot] = frame;
        frames->count++;
    }
    return frame;
}

/* What the words from `first` on point to at `level`. */
static void add_children(struct table_frames *frames, const struct table_frame *frame,
                         unsigned int level, uint32_t first)
{
    struct frame_place child;
    for (uint32_t i = first; i < frame->place.size / WORD; i++) {
        if (child_of(&frame->place, level, frame->words[i], &child)) {
            frames_add(frames, &child); /* one level down: at most four calls deep */
        }
    }
}

/* A frame that is reachable already turns out to be larger: a root is read in another way. */
static void extend(struct table_frames *frames, struct table_frame *frame, uint64_t *words,
                   uint32_t size)
{
    uint32_t known = frame->place.size / WORD;
    memcpy(words, frame->words, frame->place.size);
    free(frame->words);
    frame->words = words;
    frame->place.size = size;
    frames->hooks.came(frame);
    for (unsigned int level = 0; level < FRAME_LEVELS; level++) {
        if (frame->refs[level] != 0) {
            add_children(frames, frame, level, known);
        }
    }
}

/* The frame at that place, with its content; NULL when there is none to be watched. */
static struct table_frame *revive(struct table_frames *frames, const struct frame_place *place)
{
    struct table_frame *frame = find_at(frames, place->pa);
    bool live = frame != NULL && frame->words != NULL;
    if (live && place->size <= frame->place.size) {
        return frame;
    }
    uint64_t *words = copy(frames, place);
    if (words == NULL) {
        return NULL; /* it lies outside of RAM */
    }
    if (live) {
        extend(frames, frame, words, place->size);
        return frame;
    }
    frame = frames->live >= FRAMES_MOST ? NULL : known_or_new(frames, place->pa);
    if (frame == NULL) {
        frames->cut = true;
        free(words);
        return NULL;
    }
    frame->place = *place;
    frame->words = words;
    frames->live++;
    frames->hooks.came(frame);
    return frame;
}

static void drop_children(struct table_frames *frames, struct table_frame *frame,
                          unsigned int level)
{
    struct frame_place child;
    for (uint32_t i = 0; i < frame->place.size / WORD; i++) {
        if (child_of(&frame->place, level, frame->words[i], &child)) {
            frames_drop(frames, &child);
        }
    }
}

void frames_add(struct table_frames *frames, const struct frame_place *place)
{
    struct table_frame *frame = revive(frames, place);
    if (frame != NULL && frame->refs[place->level]++ == 0) {
        add_children(frames, frame, place->level, 0);
    }
}

static bool is_used(const struct table_frame *frame)
{
    for (unsigned int level = 0; level < FRAME_LEVELS; level++) {
        if (frame->refs[level] != 0) {
            return true;
        }
    }
    return false;
}

void frames_drop(struct table_frames *frames, const struct frame_place *place)
{
    struct table_frame *frame = find_at(frames, place->pa);
    if (frame == NULL || frame->words == NULL || frame->refs[place->level] == 0 ||
        --frame->refs[place->level] != 0) {
        return;
    }
    frame->busy++; /* one that points to itself is dropped again meanwhile */
    drop_children(frames, frame, place->level);
    frame->busy--;
    if (frame->busy != 0 || is_used(frame)) {
        return;
    }
    frames->hooks.gone(frame);
    free(frame->words);
    frame->words = NULL;
    frames->live--;
}

uint64_t frames_store(struct table_frames *frames, struct table_frame *frame, uint64_t pa,
                      uint64_t value)
{
    size_t index = (pa - frame->place.pa) / WORD;
    uint64_t before = frame->words[index];
    uint32_t used[FRAME_LEVELS];
    struct frame_place comes;
    struct frame_place goes;
    if (before == value) {
        return before;
    }
    frame->words[index] = value;
    for (unsigned int level = 0; level < FRAME_LEVELS; level++) {
        used[level] = frame->refs[level];
    }
    for (unsigned int level = 0; level < LAST_LEVEL; level++) {
        bool had = used[level] != 0 && child_of(&frame->place, level, before, &goes);
        bool has = used[level] != 0 && child_of(&frame->place, level, value, &comes);
        if (had && has && goes.pa == comes.pa) {
            continue;
        }
        if (has) {
            frames_add(frames, &comes);
        }
        if (had) {
            frames_drop(frames, &goes);
        }
    }
    return before;
}

void frames_free(struct table_frames *frames)
{
    for (size_t i = 0; i < frames->slot_count; i++) {
        for (struct table_frame *frame = frames->slots[i]; frame != NULL;) {
            struct table_frame *next = frame->next;
            free(frame->words);
            free(frame);
            frame = next;
        }
    }
    free(frames->slots);
    *frames = (struct table_frames){0};
}
