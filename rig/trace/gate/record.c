#include "record.h"

#include <string.h>

#include "sysregs.h"

const char *damage_text(enum damage_kind kind)
{
    switch (kind) {
    case DAMAGE_TORN_RECORD:
        return "exception record without its last lines";
    case DAMAGE_ORPHAN_LINE:
        return "line of an exception record whose beginning is missing";
    case DAMAGE_BAD_LINE:
        return "malformed line";
    case DAMAGE_TRUNCATED_TAIL:
        return "log ends in the middle of a line";
    case DAMAGE_NUL_BYTES:
        return "line with NUL bytes";
    default:
        return "damage";
    }
}

void record_parser_init(struct record_parser *parser, const struct record_sink *sink)
{
    *parser = (struct record_parser){.sink = *sink};
}

static void remove_open(struct record_parser *parser, size_t index)
{
    parser->open_count--;
    memmove(&parser->open[index], &parser->open[index + 1],
            (parser->open_count - index) * sizeof(parser->open[0]));
}

static void give_up(struct record_parser *parser, size_t index)
{
    const struct fault_record *record = &parser->open[index].record;
    const char *name = fault_class_name(record->class);
    parser->sink.damage(parser->sink.context, record->line, DAMAGE_TORN_RECORD, name, strlen(name));
    remove_open(parser, index);
}

static void take(struct record_parser *parser, const struct log_line *line)
{
    for (size_t i = 0; i < parser->open_count; i++) {
        if (parser->open[i].record.cpu == line->cpu) {
            give_up(parser, i);
            break;
        }
    }
    if (parser->open_count == MAX_OPEN_RECORDS) {
        give_up(parser, 0);
    }
    struct open_record *open = &parser->open[parser->open_count++];
    open->record = (struct fault_record){
        .line = parser->lines.total,
        .number = (uint32_t)line->value,
        .cpu = line->cpu,
        .class = line->class,
    };
    open->last = LINE_TAKING;
}

/* Does the line come next in this record, by QEMU's order of printing? */
static bool in_order(const struct open_record *open, const struct log_line *line)
{
    switch (line->kind) {
    case LINE_FROM:
        return open->last == LINE_TAKING;
    case LINE_ESR:
    case LINE_SEMIHOSTING:
        return open->last == LINE_FROM;
    case LINE_PSCI:
    case LINE_MFAR:
        return open->last == LINE_ESR;
    case LINE_FAR:
        return open->last == LINE_ESR || open->last == LINE_MFAR;
    case LINE_SPSR:
        return open->last == LINE_ESR || open->last == LINE_FAR;
    case LINE_ELR:
        return open->last == LINE_ESR || open->last == LINE_FAR || open->last == LINE_SPSR;
    case LINE_TO:
        return open->last == LINE_ELR && open->record.to_el == line->to_el;
    default:
        return false;
    }
}

/* Is this syndrome one that the class and the levels of the record can have? */
static bool syndrome_fits(const struct fault_record *record, uint64_t esr)
{
    bool same_el = record->from_el == record->to_el;
    bool abort = record->class == CLASS_DATA_ABORT;
    bool fetch = record->class == CLASS_INSTRUCTION_ABORT;
    if (fault_class_is_interrupt(record->class)) {
        return true;
    }
    switch (esr & ESR_EL1_EC_MASK) {
    case ESR_EL1_EC_SVC64:
        return record->class == CLASS_SVC;
    case ESR_EL1_EC_HVC64:
        return record->class == CLASS_HVC;
    case ESR_EL1_EC_SMC64:
        return record->class == CLASS_SMC;
    case ESR_EL1_EC_DABORT_LOWER:
        return abort && !same_el;
    case ESR_EL1_EC_DABORT_SAME:
        return abort && same_el;
    case ESR_EL1_EC_IABORT_LOWER:
        return fetch && !same_el;
    case ESR_EL1_EC_IABORT_SAME:
        return fetch && same_el;
    case ESR_EL1_EC_BRK64:
        return record->class == CLASS_BREAKPOINT;
    default:
        return !fault_class_is_call(record->class);
    }
}

/* The vector table has rows of 0x80 for synchronous, IRQ, FIQ and SError, and its upper half serves
 * lower levels (DDI 0487, D1 "Exception vectors"). */
static bool vector_fits(const struct fault_record *record, uint64_t pc)
{
    bool from_lower = (pc & 0x400) != 0;
    if (from_lower != (record->from_el < record->to_el)) {
        return false;
    }
    switch (record->class) {
    case CLASS_IRQ:
    case CLASS_VIRQ:
    case CLASS_NMI:
    case CLASS_VIRQ_NMI:
        return (pc & 0x180) == 0x80;
    case CLASS_FIQ:
    case CLASS_VFIQ:
    case CLASS_VFIQ_NMI:
        return (pc & 0x180) == 0x100;
    case CLASS_SERROR:
        return (pc & 0x180) == 0x180;
    default:
        return (pc & 0x180) == 0;
    }
}

/* Does the line suit this record better than others? Decides only between interleaved CPUs. */
static bool suits(const struct open_record *open, const struct log_line *line)
{
    const struct fault_record *record = &open->record;
    switch (line->kind) {
    case LINE_ESR:
        return syndrome_fits(record, line->value);
    case LINE_PSCI:
        return record->class == CLASS_HVC || record->class == CLASS_SMC;
    case LINE_SEMIHOSTING:
        return record->class == CLASS_SEMIHOSTING;
    case LINE_MFAR:
    case LINE_FAR:
        return fault_class_has_far(record->class);
    case LINE_SPSR:
    case LINE_ELR:
        return record->has_far == fault_class_has_far(record->class);
    case LINE_TO:
        return vector_fits(record, line->value);
    default:
        return true;
    }
}

/* The oldest record the line fits, or -1. Several that suit equally well become ambiguous. */
static int choose(struct record_parser *parser, const struct log_line *line)
{
    if (parser->open_count == 1) {
        return in_order(&parser->open[0], line) ? 0 : -1;
    }
    int best = -1;
    bool best_suits = false;
    for (size_t i = 0; i < parser->open_count; i++) {
        struct open_record *open = &parser->open[i];
        if (!in_order(open, line)) {
            continue;
        }
        bool now_suits = suits(open, line);
        if (best >= 0 && now_suits == best_suits) {
            open->record.ambiguous = true;
            parser->open[best].record.ambiguous = true;
        }
        if (best < 0 || (now_suits && !best_suits)) {
            best = (int)i;
            best_suits = now_suits;
        }
    }
    return best;
}

/* Store the line in its record; true when the record is now complete. */
static bool add_line(struct open_record *open, const struct log_line *line)
{
    struct fault_record *record = &open->record;
    open->last = line->kind;
    switch (line->kind) {
    case LINE_FROM:
        record->from_el = line->from_el;
        record->to_el = line->to_el;
        return false;
    case LINE_ESR:
        record->esr = line->value;
        record->has_esr = true;
        return false;
    case LINE_FAR:
        record->far = line->value;
        record->has_far = true;
        return false;
    case LINE_ELR:
        record->elr = line->value;
        record->has_elr = true;
        return false;
    case LINE_PSCI:
        record->psci = true;
        return true;
    case LINE_TO:
    case LINE_SEMIHOSTING:
        return true;
    default:
        return false;
    }
}

static void damaged_line(struct record_parser *parser, enum damage_kind kind, const char *text,
                         size_t length)
{
    parser->lines.damaged++;
    parser->sink.damage(parser->sink.context, parser->lines.total, kind, text, length);
}

/* memchr(text, 0, length) for lines that are mostly short, eight bytes at a time: the highest bit
 * of a byte of `(word - 0x01...) & ~word` is set when that byte, or one below it, is zero. */
static bool has_nul(const char *text, size_t length)
{
    const uint64_t ones = 0x0101010101010101ULL;
    uint64_t found = 0;
    size_t i = 0;
    for (; i + sizeof(uint64_t) <= length; i += sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, text + i, sizeof(word));
        found |= (word - ones) & ~word & (ones << 7);
    }
    for (; i < length; i++) {
        found |= text[i] == '\0';
    }
    return found != 0;
}

/* A line that is no known form. `length` is without the newline. */
static void plain_line(struct record_parser *parser, enum line_kind kind, const char *text,
                       size_t length)
{
    if (length > 0 && text[length - 1] == '\r') {
        length--;
    }
    size_t kept = length < MAX_MESSAGE ? length : MAX_MESSAGE;
    if (kind == LINE_BAD) {
        damaged_line(parser, DAMAGE_BAD_LINE, text, kept);
    } else if (has_nul(text, kept)) {
        damaged_line(parser, DAMAGE_NUL_BYTES, text, kept);
    } else {
        parser->lines.messages++;
        parser->sink.message(parser->sink.context, parser->lines.total, text, length);
    }
}

static void known_line(struct record_parser *parser, const struct log_line *line, const char *text,
                       size_t length)
{
    if (line->kind == LINE_TAKING) {
        parser->lines.in_records++;
        take(parser, line);
        return;
    }
    if (line->kind == LINE_RETURN) {
        parser->lines.returns++;
        parser->sink.exception_return(parser->sink.context, parser->lines.total);
        return;
    }
    int index = parser->open_count == 0 ? -1 : choose(parser, line);
    if (index < 0) {
        damaged_line(parser, DAMAGE_ORPHAN_LINE, text, length);
        return;
    }
    parser->lines.in_records++;
    struct open_record *open = &parser->open[index];
    if (add_line(open, line)) {
        parser->sink.fault(parser->sink.context, &open->record);
        remove_open(parser, (size_t)index);
    }
}

/* line_parse() near the end of a block, where LINE_WINDOW bytes are not readable. */
static const char *parse_near_end(const char *at, const char *end, struct log_line *line)
{
    char window[LINE_WINDOW] = {0};
    memcpy(window, at, (size_t)(end - at));
    const char *next = line_parse(window, line);
    return next == NULL ? NULL : at + (next - window);
}

void record_parser_block(struct record_parser *parser, const char *text, size_t length)
{
    const char *end = text + length;
    for (const char *at = text; at < end;) {
        struct log_line line;
        const char *next =
            end - at >= LINE_WINDOW ? line_parse(at, &line) : parse_near_end(at, end, &line);
        parser->lines.total++;
        if (next != NULL) {
            known_line(parser, &line, at, (size_t)(next - at) - 1);
        } else {
            const char *newline = memchr(at, '\n', (size_t)(end - at));
            next = newline == NULL ? end : newline + 1;
            plain_line(parser, line.kind, at, (size_t)(next - at) - 1);
        }
        at = next;
    }
}

void record_parser_finish(struct record_parser *parser, const char *tail, size_t length)
{
    if (length > 0) {
        parser->lines.total++;
        damaged_line(parser, DAMAGE_TRUNCATED_TAIL, tail,
                     length < MAX_MESSAGE ? length : MAX_MESSAGE);
    }
    while (parser->open_count > 0) {
        give_up(parser, 0);
    }
}
