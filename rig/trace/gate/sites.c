#include "sites.h"

#include <stdlib.h>
#include <string.h>

bool site_table_init(struct site_table *table, uint32_t limit)
{
    uint32_t slots = 8;
    while (slots < 2 * limit) {
        slots *= 2;
    }
    *table = (struct site_table){.limit = limit, .slot_mask = slots - 1};
    table->sites = calloc(limit, sizeof(table->sites[0]));
    table->slots = calloc(slots, sizeof(table->slots[0]));
    if (table->sites == NULL || table->slots == NULL) {
        site_table_free(table);
        return false;
    }
    return true;
}

void site_table_free(struct site_table *table)
{
    free(table->sites);
    free(table->slots);
    table->sites = NULL;
    table->slots = NULL;
}

struct site_key site_key_of(const struct fault_record *record)
{
    bool own_esr = record->has_esr && !fault_class_is_interrupt(record->class);
    unsigned flags = (own_esr ? SITE_HAS_ESR : 0U) | (record->has_elr ? SITE_HAS_ELR : 0U) |
                     (record->psci ? SITE_PSCI : 0U);
    return (struct site_key){
        .esr = own_esr ? record->esr : 0,
        .elr = record->has_elr ? record->elr : 0,
        .number = record->number,
        .class = (uint8_t)record->class,
        .from_el = record->from_el,
        .to_el = record->to_el,
        .flags = (uint8_t)flags,
    };
}

static uint64_t packed(const struct site_key *key)
{
    return ((uint64_t)key->number << 32) | ((uint64_t)key->class << 24) |
           ((uint64_t)key->from_el << 16) | ((uint64_t)key->to_el << 8) | key->flags;
}

static uint32_t hash_of(const struct site_key *key)
{
    uint64_t hash = key->elr * 0x9E3779B97F4A7C15ULL;
    hash = (hash ^ (hash >> 32) ^ key->esr) * 0xD6E8FEB86659FD93ULL;
    hash = (hash ^ (hash >> 29) ^ packed(key)) * 0x9E3779B97F4A7C15ULL;
    return (uint32_t)(hash >> 32);
}

static bool same_key(const struct site_key *a, const struct site_key *b)
{
    return a->elr == b->elr && a->esr == b->esr && packed(a) == packed(b);
}

/* The slot that holds the key, or the empty one where it belongs: at most half of them are used. */
static uint32_t find_slot(const struct site_table *table, const struct site_key *key)
{
    uint32_t slot = hash_of(key) & table->slot_mask;
    while (table->slots[slot] != 0 && !same_key(&table->sites[table->slots[slot] - 1].key, key)) {
        slot = (slot + 1) & table->slot_mask;
    }
    return slot;
}

static void count_overflow(struct site_table *table, const struct fault_record *record)
{
    struct bucket *bucket =
        &table->buckets[record->class][record->from_el][record->to_el][record->psci];
    if (bucket->count++ == 0) {
        bucket->first_line = record->line;
    }
    table->overflow++;
}

static bool has_room(const struct site_table *table, const struct fault_record *record)
{
    if (table->count == table->limit) {
        return false;
    }
    return !fault_class_is_interrupt(record->class) || table->limit < 4 ||
           table->interrupt_count < table->limit / 4;
}

static void count_in_site(struct site *site, const struct fault_record *record)
{
    site->count++;
    site->ambiguous += record->ambiguous;
    if (!record->has_far) {
        return;
    }
    if (site->far_count++ == 0) {
        site->far_min = record->far;
        site->far_max = record->far;
    }
    site->far_min = record->far < site->far_min ? record->far : site->far_min;
    site->far_max = record->far > site->far_max ? record->far : site->far_max;
}

int site_table_add(struct site_table *table, const struct fault_record *record)
{
    struct site_key key = site_key_of(record);
    uint32_t slot = find_slot(table, &key);
    if (table->slots[slot] == 0) {
        if (!has_room(table, record)) {
            count_overflow(table, record);
            return -1;
        }
        table->interrupt_count += fault_class_is_interrupt(record->class);
        table->sites[table->count] = (struct site){.key = key, .first_line = record->line};
        table->slots[slot] = ++table->count;
    }
    uint32_t index = table->slots[slot] - 1;
    count_in_site(&table->sites[index], record);
    return (int)index;
}

const struct site *site_table_find(const struct site_table *table, const struct site_key *key)
{
    uint32_t slot = find_slot(table, key);
    return table->slots[slot] == 0 ? NULL : &table->sites[table->slots[slot] - 1];
}
