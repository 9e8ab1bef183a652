#include "lines.h"

#include <stdlib.h>

#include "memory.h"

/* A row as libdw tells it. */
struct row {
    uint64_t address;
    uint32_t file;
    uint32_t line;
    bool statement;
    bool end; /* of a sequence */
};

/* The unit that is read. */
struct unit {
    struct lines *lines;
    const struct image *image;
    const struct discarded *discarded;
    struct sources *sources;
    Dwarf_Off offset;
    const char *last_name; /* rows of one file share the text of its name */
    uint32_t last_file;
};

static bool read_row(struct unit *unit, Dwarf_Line *line, struct row *row)
{
    Dwarf_Addr address = 0;
    int number = 0;
    bool statement = false;
    bool end = false;
    if (dwarf_lineaddr(line, &address) != 0 || dwarf_lineno(line, &number) != 0 ||
        dwarf_linebeginstatement(line, &statement) != 0 || dwarf_lineendsequence(line, &end) != 0) {
        return false;
    }
    const char *name = dwarf_linesrc(line, NULL, NULL);
    if (name != unit->last_name) {
        unit->last_name = name;
        unit->last_file = sources_number(unit->sources, name);
    }
    *row = (struct row){
        .address = address,
        .file = unit->last_file,
        .line = number > 0 && unit->last_file != SOURCE_NONE ? (uint32_t)number : 0,
        .statement = statement,
        .end = end,
    };
    return true;
}

static void take_row(struct unit *unit, const struct row *row, uint64_t high)
{
    struct lines *lines = unit->lines;
    size_t word;
    if (row->end || !image_word(unit->image, row->address & ~3ULL, &word)) {
        return;
    }
    if (row->statement && row->line != 0 && row->address % 4 == 0) {
        lines->statements = memory_grow(lines->statements, lines->statement_count,
                                        &lines->statement_room, sizeof(lines->statements[0]));
        lines->statements[lines->statement_count++] =
            (struct statement){.address = row->address, .file = row->file, .line = row->line};
    }
    if (high > row->address) {
        lines->ranges = memory_grow(lines->ranges, lines->range_count, &lines->range_room,
                                    sizeof(lines->ranges[0]));
        lines->ranges[lines->range_count++] = (struct line_range){
            .low = row->address, .high = high, .file = row->file, .line = row->line};
    }
}

static void read_unit(struct unit *unit, Dwarf_Die *die)
{
    Dwarf_Lines *rows = NULL;
    size_t count = 0;
    if (dwarf_getsrclines(die, &rows, &count) != 0) {
        return;
    }
    struct row row = {.end = true};
    bool skip = true; /* the sequence was discarded */
    for (size_t i = 0; i < count; i++) {
        struct row next;
        if (!read_row(unit, dwarf_onesrcline(rows, i), &next)) {
            continue;
        }
        if (row.end) {
            skip = discarded_code(unit->discarded, unit->image, unit->offset, next.address);
        } else if (!skip) {
            take_row(unit, &row, next.address);
        }
        row = next;
    }
}

static int by_address(const void *left, const void *right)
{
    const struct statement *a = left;
    const struct statement *b = right;
    return (a->address > b->address) - (a->address < b->address);
}

static int by_low(const void *left, const void *right)
{
    const struct line_range *a = left;
    const struct line_range *b = right;
    return (a->low > b->low) - (a->low < b->low);
}

void lines_read(struct lines *lines, const struct image *image, const struct discarded *discarded,
                struct sources *sources)
{
    *lines = (struct lines){0};
    Dwarf_Off offset = 0;
    Dwarf_Off next = 0;
    size_t header = 0;
    while (dwarf_nextcu(image->dwarf, offset, &next, &header, NULL, NULL, NULL) == 0) {
        Dwarf_Die die;
        if (dwarf_offdie(image->dwarf, offset + header, &die) != NULL) {
            struct unit unit = {
                .lines = lines,
                .image = image,
                .discarded = discarded,
                .sources = sources,
                .offset = dwarf_dieoffset(&die),
                .last_file = SOURCE_NONE,
            };
            read_unit(&unit, &die);
        }
        offset = next;
    }
    if (lines->statement_count > 0) {
        qsort(lines->statements, lines->statement_count, sizeof(lines->statements[0]), by_address);
    }
    if (lines->range_count > 0) {
        qsort(lines->ranges, lines->range_count, sizeof(lines->ranges[0]), by_low);
    }
}

void lines_free(struct lines *lines)
{
    free(lines->statements);
    free(lines->ranges);
    *lines = (struct lines){0};
}

void lines_renumber(struct lines *lines, const uint32_t *renumbered)
{
    for (size_t i = 0; i < lines->statement_count; i++) {
        lines->statements[i].file = renumbered[lines->statements[i].file];
    }
    for (size_t i = 0; i < lines->range_count; i++) {
        if (lines->ranges[i].file != SOURCE_NONE) {
            lines->ranges[i].file = renumbered[lines->ranges[i].file];
        }
    }
}

const struct line_range *lines_at(const struct lines *lines, uint64_t address)
{
    size_t low = 0;
    size_t high = lines->range_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (lines->ranges[middle].low <= address) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low > 0 && lines->ranges[low - 1].high > address ? &lines->ranges[low - 1] : NULL;
}

size_t lines_first_statement(const struct lines *lines, uint64_t address)
{
    size_t low = 0;
    size_t high = lines->statement_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (lines->statements[middle].address < address) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}
