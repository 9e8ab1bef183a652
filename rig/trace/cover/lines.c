#include "lines.h"

#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

#include "line_program.h"
#include "memory.h"

/* A row with the file that it names. */
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
    Dwarf_Files *files;
    size_t file_count;
    uint64_t last_index; /* of a file: rows of one file come together */
    uint32_t last_file;
    size_t sequence; /* its number, from 0 */
    size_t kept;     /* of the sequences at a placeholder's address, the one that is code */
    struct row row;  /* the one before; `end` before the first of a sequence */
    bool skip;       /* the sequence was discarded */
};

static uint32_t file_of(struct unit *unit, uint64_t index)
{
    if (index != unit->last_index) {
        unit->last_index = index;
        unit->last_file =
            index < unit->file_count
                ? sources_number(unit->sources,
                                 dwarf_filesrc(unit->files, (size_t)index, NULL, NULL))
                : SOURCE_NONE;
    }
    return unit->last_file;
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

static void take_next(void *user, const struct program_row *given)
{
    struct unit *unit = user;
    uint32_t file = file_of(unit, given->file);
    const struct row next = {
        .address = given->address,
        .file = file,
        .line = file != SOURCE_NONE && given->line <= UINT32_MAX ? (uint32_t)given->line : 0,
        .statement = given->statement,
        .end = given->end,
    };
    if (unit->row.end) {
        unit->skip = discarded_code(unit->discarded, unit->image, unit->offset, next.address) ||
                     (unit->kept != SIZE_MAX && next.address == 0 && unit->sequence != unit->kept);
        unit->sequence++;
    } else if (!unit->skip) {
        take_row(unit, &unit->row, next.address);
    }
    unit->row = next;
}

/* Looks for the one sequence at address 0 that is code, among those that were discarded. */
struct zero_search {
    const struct unit *unit;
    size_t sequence;
    uint64_t start;
    bool inside;
    bool declares; /* a row at 0 has the line of the function that is there */
    unsigned best_score;
    size_t best;
};

static bool ends_function(const struct image *image, uint64_t end)
{
    const struct image_symbol *symbol = end == 0 ? NULL : image_function(image, end - 1);
    return symbol != NULL && symbol->high == end;
}

static void search_row(void *user, const struct program_row *row)
{
    struct zero_search *search = user;
    if (!search->inside) {
        search->inside = true;
        search->start = row->address;
        search->declares = false;
    }
    search->declares =
        search->declares || (row->address == 0 && row->line == search->unit->discarded->line);
    if (row->end) {
        unsigned score = 1 + (search->declares ? 2U : 0) +
                         (ends_function(search->unit->image, row->address) ? 1U : 0);
        if (search->start == 0 && score > search->best_score) {
            search->best_score = score;
            search->best = search->sequence;
        }
        search->sequence++;
        search->inside = false;
    }
}

static void read_unit(struct unit *unit, Dwarf_Die *die, const Elf_Data *section)
{
    Dwarf_Attribute attribute;
    Dwarf_Word offset = 0;
    if (dwarf_getsrcfiles(die, &unit->files, &unit->file_count) == 0 &&
        dwarf_formudata(dwarf_attr(die, DW_AT_stmt_list, &attribute), &offset) == 0) {
        struct zero_search search = {.unit = unit, .best = SIZE_MAX};
        if (unit->discarded->at_zero && unit->discarded->owner == unit->offset) {
            line_program_run(section->d_buf, section->d_size, offset, search_row, &search);
        }
        unit->kept = search.best;
        line_program_run(section->d_buf, section->d_size, offset, take_next, unit);
    }
}

/* The section .debug_line; libdw has decompressed it. */
static const Elf_Data *line_section(Elf *elf)
{
    size_t names = 0;
    GElf_Shdr header;
    if (elf_getshdrstrndx(elf, &names) != 0) {
        return NULL;
    }
    for (Elf_Scn *scn = NULL; (scn = elf_nextscn(elf, scn)) != NULL;) {
        const char *name =
            gelf_getshdr(scn, &header) == NULL ? NULL : elf_strptr(elf, names, header.sh_name);
        if (name != NULL && strcmp(name, ".debug_line") == 0) {
            return elf_rawdata(scn, NULL);
        }
    }
    return NULL;
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
    const Elf_Data *section = line_section(image->elf);
    if (section == NULL || section->d_buf == NULL) {
        return;
    }
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
                .last_index = UINT64_MAX,
                .last_file = SOURCE_NONE,
                .row = {.end = true},
            };
            read_unit(&unit, &die, section);
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
