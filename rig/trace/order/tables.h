/*
 * The translation tables as the trace tells them: content of each frame reachable from a TTBR, and
 * the stores into them. The read callback of the walker serves from here.
 */
#ifndef RIG_ORDER_TABLES_H
#define RIG_ORDER_TABLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "event_reader.h"
#include "rigwalk.h"

struct table_frame {
    uint64_t pa;
    uint32_t size;
    uint8_t level;
    uint8_t upper;
    uint64_t since; /* event of its FRAME */
    struct trace_written written;
    struct trace_written written_off;
    uint64_t *words; /* as stored last */
};

/* Which word led to a table last; it may have changed since. */
struct table_link {
    uint64_t child; /* 0: the slot is free; a table at 0 has no link */
    uint64_t word;
};

struct tables {
    struct table_frame **slots; /* open hash by pa / 4096 */
    size_t slot_count, frame_count;
    struct table_link *links; /* open hash by child */
    size_t link_slots, link_count;
};

/* FRAME, FRAME_GONE, and a STORE with TRACE_EVENT_TABLE. tables_store gives the word as it stood
 * before in `*before` and false when the word is in no frame. */
bool tables_add(struct tables *tables, const struct trace_frame *frame, uint64_t event);
void tables_remove(struct tables *tables, uint64_t pa);
bool tables_store(struct tables *tables, uint64_t word_pa, uint64_t value, uint64_t *before);
void tables_free(struct tables *tables);

/* The frame that holds the address, or NULL. */
const struct table_frame *tables_find(const struct tables *tables, uint64_t pa);

/* The word that holds a table descriptor of the frame at `pa`, one of them if there are several.
 * False when none is known. */
bool tables_parent(const struct tables *tables, uint64_t pa, uint64_t *word);

/* rig_walk_read_u64 with a struct tables as its context: > 0 where no frame is known. */
int tables_read(void *tables, uint64_t pa, uint64_t *value);

#endif
