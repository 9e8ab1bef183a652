#include "messages.h"

#include <stdlib.h>
#include <string.h>

void message_table_init(struct message_table *table, const struct message_matcher *matcher)
{
    *table = (struct message_table){.matcher = *matcher};
}

void message_table_free(struct message_table *table)
{
    free(table->messages);
    free(table->bytes);
    table->messages = NULL;
    table->bytes = NULL;
}

const char *printable(const char *text, size_t length, bool cut, char out[static MESSAGE_TEXT])
{
    static const char digits[] = "0123456789abcdef";
    size_t used = 0;
    for (size_t i = 0; i < length && i < MAX_MESSAGE; i++) {
        uint8_t byte = (uint8_t)text[i];
        if (byte >= 0x20 && byte < 0x7F && byte != '\\') {
            out[used++] = (char)byte;
        } else if (byte == '\\') {
            out[used++] = '\\';
            out[used++] = '\\';
        } else {
            out[used++] = '\\';
            out[used++] = 'x';
            out[used++] = digits[byte >> 4];
            out[used++] = digits[byte & 15];
        }
    }
    memcpy(out + used, cut ? "..." : "", cut ? 4 : 1);
    return out;
}

const char *message_text(const struct message_table *table, const struct message *message,
                         char out[static MESSAGE_TEXT])
{
    return printable(table->bytes + message->offset, message->length, message->cut, out);
}

static uint64_t mix(uint64_t hash, const char *text)
{
    uint64_t word;
    memcpy(&word, text, sizeof(word));
    hash = (hash ^ word) * 0x9E3779B97F4A7C15ULL;
    return hash ^ (hash >> 32);
}

/* Eight bytes at a time; the last eight may overlap those before, which spares a loop over bytes.
 */
static uint32_t hash_of(const char *text, size_t length)
{
    enum { WORD = sizeof(uint64_t) };
    uint64_t hash = 0xCBF29CE484222325ULL ^ length;
    if (length < WORD) {
        char padded[WORD] = {0};
        for (size_t i = 0; i < length; i++) {
            padded[i] = text[i];
        }
        return (uint32_t)(mix(hash, padded) >> 16);
    }
    for (size_t i = 0; i + WORD < length; i += WORD) {
        hash = mix(hash, text + i);
    }
    return (uint32_t)(mix(hash, text + length - WORD) >> 16);
}

/* Double `memory` of `*capacity` items until it holds `needed`; false when that is above `limit`.
 */
static bool grow(void **memory, uint32_t *capacity, size_t item, size_t needed, size_t limit)
{
    size_t wanted = *capacity == 0 ? 64 : *capacity;
    while (wanted < needed) {
        wanted *= 2;
    }
    if (needed > limit) {
        return false;
    }
    if (wanted > *capacity) {
        void *grown = realloc(*memory, wanted * item);
        if (grown == NULL) {
            return false;
        }
        *memory = grown;
        *capacity = (uint32_t)wanted;
    }
    return true;
}

static bool make_room(struct message_table *table, size_t length)
{
    void *messages = table->messages;
    void *bytes = table->bytes;
    bool room = grow(&messages, &table->capacity, sizeof(table->messages[0]), table->count + 1U,
                     MAX_MESSAGES);
    table->messages = messages;
    room = room && grow(&bytes, &table->byte_capacity, 1, table->used + length, MESSAGE_BYTES);
    table->bytes = bytes;
    return room;
}

static uint32_t find_slot(const struct message_table *table, const char *text, size_t length,
                          bool cut)
{
    uint32_t slot = hash_of(text, length) % MESSAGE_SLOTS;
    for (; table->slots[slot] != 0; slot = (slot + 1) % MESSAGE_SLOTS) {
        const struct message *message = &table->messages[table->slots[slot] - 1];
        if (message->length == length && message->cut == cut &&
            memcmp(table->bytes + message->offset, text, length) == 0) {
            break;
        }
    }
    return slot;
}

static int rule_of(const struct message_table *table, const char *text, size_t length, bool cut)
{
    char shown[MESSAGE_TEXT];
    return table->matcher.match(table->matcher.context, printable(text, length, cut, shown));
}

static void count_overflow(struct message_table *table, uint64_t line, int rule)
{
    table->overflow++;
    if (rule >= 0) {
        table->overflow_by_rule[rule]++;
    } else if (table->overflow_unmatched++ == 0) {
        table->overflow_first_line = line;
    }
}

void message_table_add(struct message_table *table, uint64_t line, const char *text, size_t length)
{
    bool cut = length > MAX_MESSAGE;
    length = cut ? MAX_MESSAGE : length;
    uint32_t slot = find_slot(table, text, length, cut);
    if (table->slots[slot] == 0) {
        int rule = rule_of(table, text, length, cut);
        if (!make_room(table, length)) {
            count_overflow(table, line, rule);
            return;
        }
        memcpy(table->bytes + table->used, text, length);
        table->messages[table->count] = (struct message){
            .first_line = line,
            .offset = table->used,
            .length = (uint16_t)length,
            .cut = cut,
            .rule = rule,
        };
        table->used += (uint32_t)length;
        table->slots[slot] = (uint16_t)++table->count;
    }
    table->messages[table->slots[slot] - 1].count++;
}

bool message_table_has(const struct message_table *table, const struct message_table *other,
                       const struct message *message)
{
    const char *text = other->bytes + message->offset;
    return table->slots[find_slot(table, text, message->length, message->cut)] != 0;
}
