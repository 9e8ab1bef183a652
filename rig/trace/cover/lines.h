/*
 * The line table: where statements begin, and which line each address belongs to.
 *
 * A row with is_stmt begins a line that can be covered; line 0 (code that belongs to no line) and
 * code that the linker discarded are left out.
 */
#ifndef RIG_COVER_LINES_H
#define RIG_COVER_LINES_H

#include "discarded.h"
#include "image.h"
#include "sources.h"

struct statement {
    uint64_t address;
    uint32_t file;
    uint32_t line; /* at least 1 */
};

struct line_range {
    uint64_t low;
    uint64_t high; /* end, exclusive */
    uint32_t file;
    uint32_t line; /* 0: no line */
};

struct lines {
    struct statement *statements; /* by address */
    size_t statement_count;
    size_t statement_room;
    struct line_range *ranges; /* by address */
    size_t range_count;
    size_t range_room;
};

/* Read all line tables; the image must have DWARF. */
void lines_read(struct lines *lines, const struct image *image, const struct discarded *discarded,
                struct sources *sources);
void lines_free(struct lines *lines);

/* Put new numbers for the files (sources_sort). */
void lines_renumber(struct lines *lines, const uint32_t *renumbered);

/* The range that covers the address, or NULL. */
const struct line_range *lines_at(const struct lines *lines, uint64_t address);

/* The number of the first statement at or behind the address. */
size_t lines_first_statement(const struct lines *lines, uint64_t address);

#endif
