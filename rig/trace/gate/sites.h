/*
 * Exception records grouped into sites: one per (class, levels, ESR, ELR, answered as PSCI).
 *
 * Bounded: a table of `limit` sites; what finds no room is counted in an overflow bucket per class,
 * levels and PSCI. Interrupts, whose ELR is arbitrary, may take a quarter of the table at most, so
 * they cannot crowd out the faults. The ESR of an interrupt is not its own and is not part of it.
 */
#ifndef RIG_GATE_SITES_H
#define RIG_GATE_SITES_H

#include "record.h"

enum { DEFAULT_MAX_SITES = 4096, LARGEST_MAX_SITES = 1 << 20, EL_COUNT = 4 };

struct site_key {
    uint64_t esr;
    uint64_t elr;
    uint32_t number; /* QEMU's number of the exception */
    uint8_t class;   /* enum fault_class */
    uint8_t from_el;
    uint8_t to_el;
    uint8_t flags; /* SITE_... */
};

enum { SITE_HAS_ESR = 1, SITE_HAS_ELR = 2, SITE_PSCI = 4 };

struct site {
    struct site_key key;
    uint64_t count;
    uint64_t ambiguous; /* of these: records whose lines could be another CPU's */
    uint64_t first_line;
    uint64_t far_count; /* records with a FAR; the range below is valid when not 0 */
    uint64_t far_min;
    uint64_t far_max;
};

struct bucket {
    uint64_t count;
    uint64_t first_line;
};

struct site_table {
    struct site *sites; /* in order of first appearance */
    uint32_t *slots;    /* hash table of index + 1 into `sites` */
    uint32_t slot_mask;
    uint32_t count;
    uint32_t limit;
    uint32_t interrupt_count;
    uint64_t overflow; /* records in all buckets */
    struct bucket buckets[CLASS_COUNT][EL_COUNT][EL_COUNT][2];
};

/* False when memory ran out. `limit`: 1 to LARGEST_MAX_SITES. */
bool site_table_init(struct site_table *table, uint32_t limit);
void site_table_free(struct site_table *table);

struct site_key site_key_of(const struct fault_record *record);

/* Count a record. Returns its site's index, or -1 when it went to a bucket. */
int site_table_add(struct site_table *table, const struct fault_record *record);

/* The site of this key, or NULL. */
const struct site *site_table_find(const struct site_table *table, const struct site_key *key);

#endif
