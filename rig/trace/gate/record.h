/*
 * Log lines into exception records: a state machine that accounts for every line.
 *
 * A record is the "Taking exception" line and the lines that follow it up to "...to ELx PC", or
 * "...handled as PSCI call" (which ends a record that has no ELR and no entry), or the semihosting
 * line. Only the first line names its CPU. When several CPUs run at once their lines interleave,
 * and a continuation goes to the oldest open record it fits (order, class against syndrome,
 * exception level, vector offset); when it fits several, those records are marked ambiguous.
 *
 * What the log cannot tell: it does not hold x0, so a PSCI call's function is not known, and QEMU
 * answers every HVC (or SMC) of its PSCI conduit itself, also one whose x0 is no PSCI function.
 *
 * Works on memory: the caller hands in blocks of whole lines. Nothing is allocated.
 */
#ifndef RIG_GATE_RECORD_H
#define RIG_GATE_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "classify.h"
#include "line_parse.h"

struct fault_record {
    uint64_t line; /* of its "Taking exception" line, counted from 1 */
    uint64_t esr;  /* of interrupts: left over from an earlier exception, not of this one */
    uint64_t far;
    uint64_t elr;
    uint32_t number; /* QEMU's number of the exception */
    uint32_t cpu;
    enum fault_class class;
    uint8_t from_el;
    uint8_t to_el;
    bool has_esr;
    bool has_far;
    bool has_elr;
    bool psci;      /* QEMU answered the call as PSCI */
    bool ambiguous; /* a line of it could have been another CPU's */
};

enum damage_kind {
    DAMAGE_TORN_RECORD,    /* a record without its last line */
    DAMAGE_ORPHAN_LINE,    /* a continuation without a record that it fits */
    DAMAGE_BAD_LINE,       /* a known head with a malformed rest */
    DAMAGE_TRUNCATED_TAIL, /* the log does not end with a newline */
    DAMAGE_NUL_BYTES,      /* a hole in the file */
    DAMAGE_KINDS,
};

/* Words for a kind of damage. */
const char *damage_text(enum damage_kind kind);

/* Where records go. `text` is not terminated and is valid during the call only. */
struct record_sink {
    void *context;
    void (*fault)(void *context, const struct fault_record *record);
    void (*exception_return)(void *context, uint64_t line);
    void (*message)(void *context, uint64_t line, const char *text, size_t length);
    void (*damage)(void *context, uint64_t line, enum damage_kind kind, const char *text,
                   size_t length);
};

enum { MAX_OPEN_RECORDS = 64, MAX_MESSAGE = 1024 };

struct open_record {
    struct fault_record record;
    enum line_kind last; /* the last line seen of it */
};

/* Every line is counted in exactly one of the last four. */
struct line_counts {
    uint64_t total;
    uint64_t in_records;
    uint64_t returns;
    uint64_t messages;
    uint64_t damaged;
};

struct record_parser {
    struct record_sink sink;
    struct line_counts lines;
    size_t open_count;
    struct open_record open[MAX_OPEN_RECORDS]; /* oldest first */
};

void record_parser_init(struct record_parser *parser, const struct record_sink *sink);

/* Parse whole lines: `length` is 0 or the last byte is a newline. */
void record_parser_block(struct record_parser *parser, const char *text, size_t length);

/* The end of the log; `tail` is what follows its last newline. */
void record_parser_finish(struct record_parser *parser, const char *tail, size_t length);

#endif
