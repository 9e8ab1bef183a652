/*
 * Operands taken from another run of the same guest, for QEMUs whose plugins cannot read registers.
 *
 * The file is text: a line `site PC` (hexadecimal) for each instruction that was asked about, a
 * line `-`, and then one line for each time one of them was reached, in the order of time:
 * `PC VALUE EL` (hexadecimal, hexadecimal, 0 to 3).
 */
#ifndef RIG_PLUGIN_OPERAND_FEED_H
#define RIG_PLUGIN_OPERAND_FEED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct operand_feed {
    char *text; /* the file; NULL: there is none */
    size_t size, at;
    uint64_t *sites; /* ascending */
    size_t site_count;
    bool lost; /* this run left the path of the other one */
};

enum { OPERAND_FEED_ERROR = 160 };

/* False with a message when the file cannot be read or is none. */
bool operand_feed_open(struct operand_feed *feed, const char *path,
                       char error[static OPERAND_FEED_ERROR]);
void operand_feed_close(struct operand_feed *feed);

/* Was that instruction asked about? */
bool operand_feed_has(const struct operand_feed *feed, uint64_t pc);

/* A site is reached. False when its operand is not known, from then on for ever. */
bool operand_feed_take(struct operand_feed *feed, uint64_t pc, uint64_t *value, uint8_t *el);

#endif
