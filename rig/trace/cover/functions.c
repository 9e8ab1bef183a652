#include "functions.h"

#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"

enum { DEEPEST = 256 }; /* of nested DIEs; what is deeper is no compiler's work */

struct reader {
    struct functions *functions;
    struct image *image;
    const struct discarded *discarded;
    struct sources *sources;
    const struct lines *lines;
    const struct counts *counts;
    uint64_t *starts; /* of each piece of code that a subprogram of DWARF tells of */
    size_t start_count;
    size_t start_room;
    Dwarf_Off unit;
};

static uint64_t ran_at(const struct reader *reader, uint64_t address)
{
    size_t word;
    return image_word(reader->image, address, &word) ? counts_ran(reader->counts, word) : 0;
}

static uint64_t busiest_statement(const struct reader *reader, uint64_t low, uint64_t high)
{
    uint64_t most = 0;
    const struct lines *lines = reader->lines;
    for (size_t i = lines_first_statement(lines, low);
         i < lines->statement_count && lines->statements[i].address < high; i++) {
        uint64_t ran = ran_at(reader, lines->statements[i].address);
        most = ran > most ? ran : most;
    }
    return most;
}

static uint64_t busiest_word(const struct reader *reader, uint64_t low, uint64_t high)
{
    uint64_t most = 0;
    for (uint64_t address = low; address < high; address += 4) {
        uint64_t ran = ran_at(reader, address);
        most = ran > most ? ran : most;
    }
    return most;
}

static void add(struct reader *reader, const struct function *function)
{
    struct functions *functions = reader->functions;
    functions->items = memory_grow(functions->items, functions->count, &functions->room,
                                   sizeof(functions->items[0]));
    functions->items[functions->count++] = *function;
}

static const char *name_of(Dwarf_Die *die)
{
    Dwarf_Attribute attribute;
    if (dwarf_attr_integrate(die, DW_AT_linkage_name, &attribute) != NULL) {
        const char *name = dwarf_formstring(&attribute);
        if (name != NULL) {
            return name;
        }
    }
    return dwarf_diename(die);
}

/* The file of the declaration. libdw takes file 0 for none; in DWARF 5 it is the unit's own (clang
 * counts so). */
static const char *declared_in(Dwarf_Die *die)
{
    const char *file = dwarf_decl_file(die);
    Dwarf_Attribute attribute;
    Dwarf_Word number = 0;
    Dwarf_Half version = 0;
    Dwarf_Die unit;
    Dwarf_Files *files;
    size_t count;
    if (file != NULL || dwarf_attr_integrate(die, DW_AT_decl_file, &attribute) == NULL ||
        dwarf_formudata(&attribute, &number) != 0 || number != 0 ||
        dwarf_cu_info(die->cu, &version, NULL, NULL, NULL, NULL, NULL, NULL) != 0 || version < 5 ||
        dwarf_diecu(die, &unit, NULL, NULL) == NULL ||
        dwarf_getsrcfiles(&unit, &files, &count) != 0) {
        return file;
    }
    return dwarf_filesrc(files, 0, NULL, NULL);
}

/* Where the function is declared; what has no declaration (assembly) is where its first line is. */
static void place(const struct reader *reader, Dwarf_Die *die, uint64_t entry,
                  struct function *function)
{
    int line = 0;
    function->file = sources_number(reader->sources, declared_in(die));
    if (function->file != SOURCE_NONE && dwarf_decl_line(die, &line) == 0 && line > 0) {
        function->line = (uint32_t)line;
        return;
    }
    const struct line_range *range = lines_at(reader->lines, entry);
    function->file = range == NULL ? SOURCE_NONE : range->file;
    function->line = range == NULL ? 0 : range->line;
}

/* Take a subprogram or an inlined instance with its code; false when it has none or was discarded.
 */
static bool take_body(struct reader *reader, Dwarf_Die *die, bool inlined)
{
    struct function function = {.name = name_of(die)};
    Dwarf_Addr base = 0;
    Dwarf_Addr low = 0;
    Dwarf_Addr high = 0;
    Dwarf_Addr entry = 0;
    bool has_entry = dwarf_entrypc(die, &entry) == 0;
    bool first = true;
    uint64_t busiest = 0;
    if (function.name == NULL) {
        return false;
    }
    for (ptrdiff_t next = 0; (next = dwarf_ranges(die, next, &base, &low, &high)) > 0;) {
        if (low >= high || discarded_code(reader->discarded, reader->image, reader->unit, low) ||
            (first && !inlined &&
             discarded_function(reader->discarded, reader->image, reader->unit, low,
                                function.name))) {
            continue;
        }
        entry = first && !has_entry ? low : entry;
        first = false;
        uint64_t ran =
            inlined ? busiest_statement(reader, low, high) : busiest_word(reader, low, high);
        busiest = ran > busiest ? ran : busiest;
        if (!inlined) {
            image_mark_function(reader->image, low, high);
            reader->starts = memory_grow(reader->starts, reader->start_count, &reader->start_room,
                                         sizeof(reader->starts[0]));
            reader->starts[reader->start_count++] = low;
        }
    }
    if (first) {
        return false;
    }
    uint64_t entered = ran_at(reader, entry);
    function.count = entered > 0 ? entered : busiest;
    place(reader, die, entry, &function);
    add(reader, &function);
    return true;
}

/* Whether the DIE has code of its own, also code that was discarded. */
static bool has_code(Dwarf_Die *die)
{
    return dwarf_hasattr(die, DW_AT_low_pc) != 0 || dwarf_hasattr(die, DW_AT_ranges) != 0;
}

static void walk(struct reader *reader, Dwarf_Die *parent, unsigned depth)
{
    Dwarf_Die die;
    if (depth == DEEPEST) {
        return;
    }
    for (int more = dwarf_child(parent, &die); more == 0; more = dwarf_siblingof(&die, &die)) {
        int tag = dwarf_tag(&die);
        bool body = tag == DW_TAG_subprogram || tag == DW_TAG_inlined_subroutine;
        if (body && has_code(&die) && !take_body(reader, &die, tag == DW_TAG_inlined_subroutine)) {
            continue;
        }
        if (body || tag == DW_TAG_lexical_block || tag == DW_TAG_namespace ||
            tag == DW_TAG_module) {
            walk(reader, &die, depth + 1);
        }
    }
}

static void read_dwarf(struct reader *reader)
{
    Dwarf_Off offset = 0;
    Dwarf_Off next = 0;
    size_t header = 0;
    while (dwarf_nextcu(reader->image->dwarf, offset, &next, &header, NULL, NULL, NULL) == 0) {
        Dwarf_Die unit;
        if (dwarf_offdie(reader->image->dwarf, offset + header, &unit) != NULL) {
            reader->unit = dwarf_dieoffset(&unit);
            walk(reader, &unit, 0);
        }
        offset = next;
    }
}

static int by_value(const void *left, const void *right)
{
    const uint64_t *a = left;
    const uint64_t *b = right;
    return (*a > *b) - (*a < *b);
}

static void read_symbols(struct reader *reader)
{
    const struct image *image = reader->image;
    if (reader->start_count > 0) {
        qsort(reader->starts, reader->start_count, sizeof(reader->starts[0]), by_value);
    }
    uint64_t last = UINT64_MAX;
    for (size_t i = 0; i < image->symbol_count; i++) {
        const struct image_symbol *symbol = &image->symbols[i];
        if (!symbol->function || symbol->low == last ||
            (reader->start_count > 0 && bsearch(&symbol->low, reader->starts, reader->start_count,
                                                sizeof(reader->starts[0]), by_value) != NULL)) {
            continue;
        }
        last = symbol->low;
        const struct line_range *range = lines_at(reader->lines, symbol->low);
        uint64_t entered = ran_at(reader, symbol->low);
        struct function function = {
            .name = symbol->name,
            .file = range == NULL ? SOURCE_NONE : range->file,
            .line = range == NULL ? 0 : range->line,
            .count = entered > 0 ? entered : busiest_word(reader, symbol->low, symbol->high),
        };
        add(reader, &function);
    }
}

void functions_read(struct functions *functions, struct image *image,
                    const struct discarded *discarded, struct sources *sources,
                    const struct lines *lines, const struct counts *counts)
{
    *functions = (struct functions){0};
    struct reader reader = {
        .functions = functions,
        .image = image,
        .discarded = discarded,
        .sources = sources,
        .lines = lines,
        .counts = counts,
    };
    if (image->dwarf != NULL) {
        read_dwarf(&reader);
    }
    read_symbols(&reader);
    free(reader.starts);
}

static int by_file_and_name(const void *left, const void *right)
{
    const struct function *a = left;
    const struct function *b = right;
    if (a->file != b->file) {
        return a->file < b->file ? -1 : 1;
    }
    int names = strcmp(a->name, b->name);
    return names != 0 ? names : (a->line > b->line) - (a->line < b->line);
}

static int by_place(const void *left, const void *right)
{
    const struct function *a = left;
    const struct function *b = right;
    if (a->file != b->file || a->line == b->line) {
        return by_file_and_name(left, right);
    }
    return a->line < b->line ? -1 : 1;
}

void functions_merge(struct functions *functions, const uint32_t *renumbered)
{
    size_t kept = 0;
    for (size_t i = 0; i < functions->count; i++) {
        struct function *item = &functions->items[i];
        item->file = item->file == SOURCE_NONE ? SOURCE_NONE : renumbered[item->file];
    }
    if (functions->count > 0) {
        qsort(functions->items, functions->count, sizeof(functions->items[0]), by_file_and_name);
    }
    for (size_t i = 0; i < functions->count; i++) {
        const struct function *item = &functions->items[i];
        struct function *last = kept == 0 ? NULL : &functions->items[kept - 1];
        /* Without a file a name says nothing: two static functions may share it. */
        if (last != NULL && last->file == item->file && item->file != SOURCE_NONE &&
            strcmp(last->name, item->name) == 0) {
            last->count += item->count;
        } else {
            functions->items[kept++] = *item;
        }
    }
    functions->count = kept;
    if (kept > 0) {
        qsort(functions->items, kept, sizeof(functions->items[0]), by_place);
    }
}

void functions_free(struct functions *functions)
{
    free(functions->items);
    *functions = (struct functions){0};
}
