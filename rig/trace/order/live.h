/* Stores into translation tables that a walker may be reading. */
#ifndef RIG_ORDER_LIVE_H
#define RIG_ORDER_LIVE_H

#include "rule.h"
#include "words.h"

enum live_kind { LIVE_INVALID, LIVE_TABLE, LIVE_LEAF };

/* What a descriptor is at a level: DDI 0487 D8.3.1 "VMSAv8-64 descriptor formats". */
enum live_kind live_kind(unsigned int level, uint64_t descriptor);

struct live_store {
    const struct table_frame *frame;
    uint64_t pa; /* of the word */
    uint64_t before, after;
    enum live_kind was, is;
};

/* Whether EL1&0 stage 1 is on for any CPU. */
bool live_mmu_on(const struct machine *machine);

/*
 * The event is a store that changes a word of a table reachable from a TTBR, MMU on. To be asked
 * before the model takes the store in.
 */
bool live_store(const struct machine *machine, const struct trace_event *event,
                struct live_store *store);

/* Remember the store; NULL: out of memory. What an older store left in the item is forgotten. */
struct table_word *live_remember(struct words *words, const struct live_store *store,
                                 const struct trace_event *event, uint64_t now);

/* The word's table is still the one that was stored to. */
bool live_still(const struct machine *machine, const struct table_word *word);

/* A range is compared with every word: when there are many, forget those of tables that are no
 * longer walked. */
void live_sweep(const struct machine *machine, struct words *words);

/* "word 3 of the level 2 table at 0x..., VA 0x... to 0x..." */
void live_text(const struct machine *machine, const struct machine_cpu *cpu,
               const struct table_word *word, char *text, size_t size);

#endif
