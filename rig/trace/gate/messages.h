/*
 * The distinct lines of a log that belong to no exception record, with how often each came.
 *
 * Identity is the first MAX_MESSAGE bytes. Bounded: at most MAX_MESSAGES texts of MESSAGE_BYTES
 * together. A line that finds no room (or no memory) is put before the message rules at once and
 * counted for the rule that takes it, so its budget stays exact; what no rule takes is counted as a
 * whole.
 */
#ifndef RIG_GATE_MESSAGES_H
#define RIG_GATE_MESSAGES_H

#include "record.h"

enum {
    MAX_MESSAGES = 4096,
    MESSAGE_BYTES = 1 << 20,
    MESSAGE_SLOTS = 2 * MAX_MESSAGES,
    MAX_MESSAGE_RULES = 256,
    MESSAGE_TEXT = 4 * MAX_MESSAGE + 8, /* room for a message in printable form */
};

/* The index of the message rule that takes a printable text, or -1. */
struct message_matcher {
    const void *context;
    int (*match)(const void *context, const char *text);
};

struct message {
    uint64_t count;
    uint64_t first_line;
    uint32_t offset; /* in `bytes` */
    uint16_t length;
    bool cut;
    int rule; /* that takes it, or -1 */
};

struct message_table {
    struct message_matcher matcher;
    struct message *messages; /* in order of first appearance */
    uint32_t capacity;        /* of `messages`; grows up to MAX_MESSAGES */
    uint32_t count;
    char *bytes;
    uint32_t byte_capacity; /* grows up to MESSAGE_BYTES */
    uint32_t used;
    uint64_t overflow_by_rule[MAX_MESSAGE_RULES];
    uint64_t overflow_unmatched;
    uint64_t overflow_first_line; /* of the unmatched ones */
    uint64_t overflow;            /* lines not stored, both kinds */
    uint16_t slots[MESSAGE_SLOTS];
};

void message_table_init(struct message_table *table, const struct message_matcher *matcher);
void message_table_free(struct message_table *table);

void message_table_add(struct message_table *table, uint64_t line, const char *text, size_t length);

/* Is this message of another table in this one? */
bool message_table_has(const struct message_table *table, const struct message_table *other,
                       const struct message *message);

/* Printable form: control and non-ASCII bytes as \xNN, backslash doubled. Returns `out`. */
const char *message_text(const struct message_table *table, const struct message *message,
                         char out[static MESSAGE_TEXT]);

/* The same for any bytes; at most MAX_MESSAGE of them. */
const char *printable(const char *text, size_t length, bool cut, char out[static MESSAGE_TEXT]);

#endif
