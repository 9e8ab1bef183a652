#include "history.h"

#include <stdlib.h>

enum { FIRST_ROOM = 4, FIRST_SLOTS = 64 };

static unsigned int kind_of(struct a64_barrier barrier)
{
    return (unsigned int)barrier.domain * 2 + (barrier.loads ? 1 : 0);
}

/* Make room for one item more of `size` bytes behind `count`. */
static bool grow(void **items, size_t count, size_t *room, size_t size)
{
    if (count < *room) {
        return true;
    }
    size_t wanted = *room == 0 ? FIRST_ROOM : *room * 2;
    void *grown = reallocarray(*items, wanted, size);
    if (grown == NULL) {
        return false;
    }
    *items = grown;
    *room = wanted;
    return true;
}

bool history_add(struct history_list *list, uint64_t event, uint32_t opcode)
{
    struct history_run *run = &list->kinds[0];
    enum a64_class class = a64_class(opcode);
    if (class == A64_DSB || class == A64_DMB) {
        struct a64_barrier barrier = a64_barrier(opcode);
        if (!barrier.stores || (class == A64_DMB && !barrier.loads)) {
            return true;
        }
        run = &list->kinds[class == A64_DSB ? kind_of(barrier) : 0];
    }
    void *events = run->events;
    if (!grow(&events, run->count, &run->room, sizeof(run->events[0]))) {
        return false;
    }
    run->events = events;
    run->events[run->count++] = event;
    return true;
}

static uint64_t first_at(const struct history_run *run, uint64_t t)
{
    size_t low = 0;
    size_t high = run->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (run->events[middle] < t) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < run->count ? run->events[low] : HISTORY_NEVER;
}

uint64_t history_cse(const struct cpu_history *history, uint64_t t)
{
    return first_at(&history->cse.kinds[0], t);
}

uint64_t history_dsb(const struct cpu_history *history, uint64_t t, enum a64_domain domain,
                     bool full)
{
    uint64_t first = HISTORY_NEVER;
    for (unsigned int wide = (unsigned int)domain; wide <= (unsigned int)A64_SY; wide++) {
        for (unsigned int loads = full ? 1 : 0; loads <= 1; loads++) {
            uint64_t event = first_at(&history->dsb.kinds[wide * 2 + loads], t);
            first = event < first ? event : first;
        }
    }
    return first;
}

uint64_t history_barrier(const struct cpu_history *history, uint64_t t)
{
    uint64_t dsb = history_dsb(history, t, A64_NSH, true);
    uint64_t dmb = first_at(&history->dmb.kinds[0], t);
    return dmb < dsb ? dmb : dsb;
}

static size_t slot_of(uint64_t line, size_t slot_count)
{
    return (size_t)((line * UINT64_C(0x9e3779b97f4a7c15)) >> 20) & (slot_count - 1);
}

/* The slot of the line, or the free one where it would stand. */
static struct line_marks *line_slot(struct line_marks *slots, size_t slot_count, uint64_t line)
{
    size_t at = slot_of(line, slot_count);
    while (slots[at].marks != NULL && slots[at].line != line) {
        at = (at + 1) & (slot_count - 1);
    }
    return &slots[at];
}

static bool more_slots(struct line_list *list)
{
    size_t wanted = list->slot_count == 0 ? FIRST_SLOTS : list->slot_count * 2;
    struct line_marks *slots = calloc(wanted, sizeof(*slots));
    if (slots == NULL) {
        return false;
    }
    for (size_t i = 0; i < list->slot_count; i++) {
        if (list->slots[i].marks != NULL) {
            *line_slot(slots, wanted, list->slots[i].line) = list->slots[i];
        }
    }
    free(list->slots);
    list->slots = slots;
    list->slot_count = wanted;
    return true;
}

static bool add_mark(struct line_marks *marks, uint64_t event, uint32_t opcode)
{
    void *items = marks->marks;
    if (!grow(&items, marks->count, &marks->room, sizeof(marks->marks[0])) || items == NULL) {
        return false;
    }
    marks->marks = items;
    marks->marks[marks->count++] = (struct line_mark){.event = event, .opcode = opcode};
    return true;
}

bool history_add_line(struct line_list *list, uint64_t event, uint64_t line, uint32_t opcode)
{
    if (line == HISTORY_NEVER) {
        return add_mark(&list->every, event, opcode);
    }
    if (list->line_count >= list->slot_count / 2 && !more_slots(list)) {
        return false;
    }
    struct line_marks *marks = line_slot(list->slots, list->slot_count, line);
    if (marks->marks == NULL) {
        marks->line = line;
        list->line_count++;
    }
    return add_mark(marks, event, opcode);
}

/* The marks of one line; NULL when nothing named it. */
static const struct line_marks *line_find(const struct line_list *list, uint64_t line)
{
    if (list->slot_count == 0) {
        return NULL;
    }
    const struct line_marks *marks = line_slot(list->slots, list->slot_count, line);
    return marks->marks == NULL ? NULL : marks;
}

/* Index of the first mark at an event >= t. */
static size_t mark_at(const struct line_marks *marks, uint64_t t)
{
    size_t low = 0;
    size_t high = marks->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (marks->marks[middle].event < t) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static uint64_t first_dc(const struct line_marks *marks, uint64_t t, unsigned int what, bool poc)
{
    if (marks == NULL) {
        return HISTORY_NEVER;
    }
    for (size_t i = mark_at(marks, t); i < marks->count; i++) {
        struct a64_dc dc = a64_dc(marks->marks[i].opcode);
        if ((dc.what & what) == what && (!poc || dc.point == A64_POC)) {
            return marks->marks[i].event;
        }
    }
    return HISTORY_NEVER;
}

uint64_t history_dc(const struct cpu_history *history, uint64_t t, uint64_t line, unsigned int what,
                    bool poc)
{
    uint64_t every = first_dc(&history->dc.every, t, what, poc);
    uint64_t own = first_dc(line_find(&history->dc, line), t, what, poc);
    return own < every ? own : every;
}

static bool is_local(uint32_t ic)
{
    return a64_sys(ic) == A64_SYS(1, 0, 7, 5, 0); /* IC IALLU */
}

static uint64_t first_ic(const struct line_marks *marks, uint64_t t, bool broadcast)
{
    if (marks == NULL) {
        return HISTORY_NEVER;
    }
    for (size_t i = mark_at(marks, t); i < marks->count; i++) {
        if (!broadcast || !is_local(marks->marks[i].opcode)) {
            return marks->marks[i].event;
        }
    }
    return HISTORY_NEVER;
}

static uint64_t find_ic(const struct cpu_history *history, uint64_t t, uint64_t line,
                        bool broadcast)
{
    uint64_t every = first_ic(&history->ic.every, t, broadcast);
    uint64_t own = first_ic(line_find(&history->ic, line), t, broadcast);
    return own < every ? own : every;
}

uint64_t history_ic(const struct cpu_history *history, uint64_t t, uint64_t line)
{
    return find_ic(history, t, line, false);
}

uint64_t history_ic_broadcast(const struct cpu_history *history, uint64_t t, uint64_t line)
{
    return find_ic(history, t, line, true);
}

static void list_free(struct history_list *list)
{
    for (size_t i = 0; i < HISTORY_KINDS; i++) {
        free(list->kinds[i].events);
    }
}

static void lines_free(struct line_list *list)
{
    for (size_t i = 0; i < list->slot_count; i++) {
        free(list->slots[i].marks);
    }
    free(list->slots);
    free(list->every.marks);
}

void cpu_history_free(struct cpu_history *history)
{
    list_free(&history->dsb);
    list_free(&history->dmb);
    list_free(&history->cse);
    lines_free(&history->dc);
    lines_free(&history->ic);
    *history = (struct cpu_history){0};
}
