#include "line_parse.h"

#include <stdbool.h>
#include <string.h>

/* The value of each hexadecimal digit plus one, so that 0 says "not a digit". */
static const uint8_t HEX_DIGIT[256] = {
    ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
    ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
    ['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
};

enum { MAX_HEX_DIGITS = 16, MAX_DECIMAL_DIGITS = 9, MAX_NAME = 64 };

/* Each helper returns the byte after what it read, or NULL; NULL goes in, NULL comes out. */

static inline const char *skip(const char *at, const char *text, size_t length)
{
    return at != NULL && memcmp(at, text, length) == 0 ? at + length : NULL;
}

#define SKIP(at, literal) skip((at), "" literal, sizeof(literal) - 1)

static inline const char *read_hex(const char *at, uint64_t *value)
{
    at = SKIP(at, "0x");
    if (at == NULL) {
        return NULL;
    }
    const char *start = at;
    uint64_t sum = 0;
    for (uint8_t digit; (digit = HEX_DIGIT[(uint8_t)*at]) != 0; at++) {
        if (at - start == MAX_HEX_DIGITS) {
            return NULL;
        }
        sum = (sum << 4) | (uint64_t)(digit - 1);
    }
    *value = sum;
    return at == start ? NULL : at;
}

static inline const char *read_decimal(const char *at, uint64_t *value)
{
    if (at == NULL) {
        return NULL;
    }
    const char *start = at;
    uint64_t sum = 0;
    for (; *at >= '0' && *at <= '9'; at++) {
        if (at - start == MAX_DECIMAL_DIGITS) {
            return NULL;
        }
        sum = sum * 10 + (uint64_t)(*at - '0');
    }
    *value = sum;
    return at == start ? NULL : at;
}

static inline const char *read_el(const char *at, uint8_t *el)
{
    if (at == NULL || at[0] != 'E' || at[1] != 'L' || at[2] < '0' || at[2] > '3') {
        return NULL;
    }
    *el = (uint8_t)(at[2] - '0');
    return at + 3;
}

static inline const char *line_end(const char *at)
{
    if (at == NULL) {
        return NULL;
    }
    at += *at == '\r';
    return *at == '\n' ? at + 1 : NULL;
}

static inline const char *done(const char *at, struct log_line *line, enum line_kind kind)
{
    at = line_end(at);
    line->kind = at == NULL ? LINE_BAD : kind;
    return at;
}

static const char *read_class(const char *at, uint64_t number, enum fault_class *class)
{
    if (at == NULL) {
        return NULL;
    }
    size_t length = 0;
    const char *usual = fault_class_usual_name(number, &length, class);
    if (usual != NULL && memcmp(at, usual, length) == 0 && at[length] == ']') {
        return at + length;
    }
    for (length = 0; length < MAX_NAME && at[length] != '\n'; length++) {
        if (at[length] == ']') {
            *class = fault_class_of_qemu(at, length);
            return at + length;
        }
    }
    return NULL;
}

static const char *parse_taking(const char *at, struct log_line *line)
{
    uint64_t cpu = 0;
    at = SKIP(read_decimal(at, &line->value), " [");
    at = SKIP(read_class(at, line->value, &line->class), "] on CPU ");
    at = read_decimal(at, &cpu);
    line->cpu = (uint32_t)cpu;
    return done(at, line, LINE_TAKING);
}

static const char *parse_return(const char *at, struct log_line *line)
{
    at = read_el(at, &line->from_el);
    const char *after = SKIP(at, " to AArch64 ");
    if (after == NULL) {
        after = SKIP(at, " to AArch32 ");
    }
    at = SKIP(read_el(after, &line->to_el), " PC ");
    return done(read_hex(at, &line->value), line, LINE_RETURN);
}

/* "0x25/0x96000046": the class is printed apart and must be the one inside the syndrome. */
static const char *parse_esr(const char *at, struct log_line *line)
{
    uint64_t ec = 0;
    at = SKIP(read_hex(at, &ec), "/");
    at = read_hex(at, &line->value);
    if (at != NULL && ((line->value >> 26) & 0x3F) != ec) {
        at = NULL;
    }
    return done(at, line, LINE_ESR);
}

static const char *parse_with(const char *at, struct log_line *line)
{
    const char *after;
    if ((after = SKIP(at, "ESR ")) != NULL) {
        return parse_esr(after, line);
    }
    if ((after = SKIP(at, "ELR ")) != NULL) {
        return done(read_hex(after, &line->value), line, LINE_ELR);
    }
    if ((after = SKIP(at, "FAR ")) != NULL) {
        return done(read_hex(after, &line->value), line, LINE_FAR);
    }
    if ((after = SKIP(at, "SPSR ")) != NULL) {
        return done(read_hex(after, &line->value), line, LINE_SPSR);
    }
    if ((after = SKIP(at, "MFAR ")) != NULL) {
        return done(read_hex(after, &line->value), line, LINE_MFAR);
    }
    return NULL;
}

static const char *parse_to(const char *at, struct log_line *line)
{
    uint64_t pstate = 0;
    at = SKIP(read_el(at, &line->to_el), " PC ");
    at = SKIP(read_hex(at, &line->value), " PSTATE ");
    return done(read_hex(at, &pstate), line, LINE_TO);
}

static const char *parse_dots(const char *at, struct log_line *line)
{
    const char *after;
    switch (at[0]) {
    case 'w':
        after = SKIP(at, "with ");
        return after == NULL ? NULL : parse_with(after, line);
    case 'f':
        if ((after = SKIP(at, "from ")) == NULL) {
            return NULL;
        }
        after = SKIP(read_el(after, &line->from_el), " to ");
        return done(read_el(after, &line->to_el), line, LINE_FROM);
    case 't':
        after = SKIP(at, "to ");
        return after == NULL ? NULL : parse_to(after, line);
    case 'h':
        if ((after = SKIP(at, "handled as PSCI")) != NULL) {
            return done(SKIP(after, " call"), line, LINE_PSCI);
        }
        if ((after = SKIP(at, "handling as semihosting call ")) != NULL) {
            return done(read_hex(after, &line->value), line, LINE_SEMIHOSTING);
        }
        return NULL;
    default:
        return NULL;
    }
}

const char *line_parse(const char *text, struct log_line *line)
{
    const char *after;
    line->kind = LINE_FREE;
    switch (text[0]) {
    case '.':
        after = SKIP(text, "...");
        return after == NULL ? NULL : parse_dots(after, line);
    case 'T':
        after = SKIP(text, "Taking exception ");
        return after == NULL ? NULL : parse_taking(after, line);
    case 'E':
        after = SKIP(text, "Exception return from AArch64 ");
        return after == NULL ? NULL : parse_return(after, line);
    default:
        return NULL;
    }
}
