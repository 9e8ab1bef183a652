/*
 * Everything that one log holds, counted: sites, messages, damage, and its last event.
 */
#ifndef RIG_GATE_TALLY_H
#define RIG_GATE_TALLY_H

#include "log_reader.h"
#include "messages.h"
#include "sites.h"

enum { MAX_DAMAGE_SAMPLES = 8, DAMAGE_SAMPLE_TEXT = 80 };

struct damage_sample {
    enum damage_kind kind;
    uint64_t line;
    uint16_t length;
    char text[DAMAGE_SAMPLE_TEXT];
};

struct tally {
    struct log_reader reader;
    struct record_parser parser;
    struct site_table sites;
    struct message_table messages;
    uint64_t records;
    uint64_t ambiguous;
    uint64_t by_class[CLASS_COUNT];
    uint64_t damage;
    uint64_t damage_by_kind[DAMAGE_KINDS];
    uint32_t damage_sample_count;
    struct damage_sample damage_samples[MAX_DAMAGE_SAMPLES]; /* the first ones */
    bool ends_with_psci;             /* the last record is a PSCI call with no return after it */
    struct fault_record last_record; /* valid when ends_with_psci */
};

/* False when memory ran out. `tally` must not move afterwards. */
bool tally_init(struct tally *tally, uint32_t max_sites, const struct message_matcher *matcher);
void tally_free(struct tally *tally);

#endif
