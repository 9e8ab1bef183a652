/*
 * Traces folded onto an image: how often each word ran, by the state of the MMU, and what became of
 * each conditional branch.
 *
 * An address in an executable section is itself; else it is looked up through the aliases. A
 * recorded instruction that is not what the file has there is not credited. Neither are its
 * neighbours when most of the block differs: then other code ran at that address, and what agrees
 * does so by chance.
 */
#ifndef RIG_COVER_COUNTS_H
#define RIG_COVER_COUNTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "image.h"
#include "trace_reader.h"

struct alias {
    uint64_t start;
    uint64_t size; /* bytes */
    uint64_t by;   /* added modulo 2^64 */
};

struct count_rules {
    const struct alias *aliases;
    size_t alias_count;
    const enum trace_mmu *mmu; /* of each epoch after the first, where the trace does not tell */
    size_t mmu_count;
};

enum { COUNT_STATES = TRACE_MMU_UNKNOWN + 1, COUNT_EDGES = TRACE_SLOT_COUNTS };

/* An instruction that is not the image's. */
struct stray {
    uint64_t address; /* as the PC had it; for one that differs: the link address */
    uint64_t count;
    uint32_t opcode; /* as it was recorded */
};

struct strays {
    struct stray *items;
    size_t count;
    size_t capacity;
};

struct counts {
    uint64_t *ran[COUNT_STATES];  /* for each word, by enum trace_mmu */
    uint64_t *edges[COUNT_EDGES]; /* for each word, by enum trace_slot */
    struct strays outside;        /* mapped to nothing */
    struct strays differs;        /* other code than the file's */
};

void counts_init(struct counts *counts, const struct image *image);
void counts_free(struct counts *counts);

/* The state of the MMU in an epoch: epoch 0 from reset on is off. */
enum trace_mmu counts_mmu(const struct trace *trace, const struct count_rules *rules, size_t epoch);

/* Add a trace. */
void counts_add(struct counts *counts, const struct image *image, const struct trace *trace,
                const struct count_rules *rules);

/* Sort the strays by address and add up those that are the same; call once all traces are in. */
void counts_finish(struct counts *counts);

/* How often a word ran, whatever the state. */
uint64_t counts_ran(const struct counts *counts, size_t word);

#endif
