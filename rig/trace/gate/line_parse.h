/*
 * One line of QEMU's `-d int` log into its fields.
 *
 * Forms (QEMU 7.2 to 10, AArch64; SPSR since 9, MFAR since 8.1):
 *     Taking exception 4 [Data Abort] on CPU 0
 *     ...from EL0 to EL1
 *     ...with ESR 0x24/0x92000046
 *     ...with MFAR 0x0
 *     ...with FAR 0x10
 *     ...with SPSR 0x80000000
 *     ...with ELR 0x400420
 *     ...to EL1 PC 0xffffffff40080400 PSTATE 0x3c5
 *     ...handled as PSCI call
 *     ...handling as semihosting call 0x18
 *     Exception return from AArch64 EL1 to AArch64 EL0 PC 0x400424
 * A line with one of these heads that does not have the whole form is BAD; every other line is FREE
 * text (unimp and guest_errors messages, output of other log items).
 */
#ifndef RIG_GATE_LINE_PARSE_H
#define RIG_GATE_LINE_PARSE_H

#include <stdint.h>

#include "classify.h"

enum line_kind {
    LINE_FREE,
    LINE_BAD,
    LINE_TAKING,
    LINE_FROM,
    LINE_ESR,
    LINE_MFAR,
    LINE_FAR,
    LINE_SPSR,
    LINE_ELR,
    LINE_TO,
    LINE_PSCI,
    LINE_SEMIHOSTING,
    LINE_RETURN,
};

struct log_line {
    enum line_kind kind;
    enum fault_class class; /* TAKING */
    uint64_t value;         /* the exception number, ESR, FAR, ELR, PC, ... of the line */
    uint32_t cpu;           /* TAKING */
    uint8_t from_el;        /* FROM, RETURN: 0 to 3 */
    uint8_t to_el;          /* FROM, TO, RETURN: 0 to 3 */
};

/* line_parse() may read this many bytes from the start of the line, whatever its length. */
enum { LINE_WINDOW = 192 };

/*
 * Parse the line at `text`, of which LINE_WINDOW bytes are readable. Returns the first byte after
 * its newline, or NULL when it is FREE or BAD (the caller looks for the newline itself).
 */
const char *line_parse(const char *text, struct log_line *line);

#endif
