#include "symbols.h"

#include <elfutils/libdwfl.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct entry {
    uint64_t low;
    uint64_t high;        /* end, exclusive; equal to low for a symbol without a size */
    uint64_t reach;       /* the largest `high` up to and with this entry */
    size_t last_sizeless; /* index of the nearest entry without size up to this one, or SIZE_MAX */
    const char *name;
    GElf_Word section;
};

struct symbols {
    struct entry *entries; /* by address */
    size_t count;
    Dwfl *dwfl;
    Dwfl_Module *module;
    char build_id[BUILD_ID_TEXT];
};

/* libdw asks for separate files here; the answer is that there are none. */
static int no_elf(Dwfl_Module *module, void **user, const char *name, Dwarf_Addr base,
                  char **file_name, Elf **elf)
{
    (void)module, (void)user, (void)name, (void)base, (void)file_name, (void)elf;
    return -1;
}

static int no_debuginfo(Dwfl_Module *module, void **user, const char *name, Dwarf_Addr base,
                        const char *file, const char *link, GElf_Word crc, char **path)
{
    (void)module, (void)user, (void)name, (void)base, (void)file, (void)link, (void)crc, (void)path;
    return -1;
}

static const Dwfl_Callbacks CALLBACKS = {.find_elf = no_elf, .find_debuginfo = no_debuginfo};

static void read_build_id(struct symbols *symbols)
{
    const unsigned char *bits = NULL;
    GElf_Addr address = 0;
    int length = dwfl_module_build_id(symbols->module, &bits, &address);
    char *out = symbols->build_id;
    for (int i = 0; i < length && 2 * i + 2 < BUILD_ID_TEXT; i++, out += 2) {
        snprintf(out, 3, "%02x", bits[i]);
    }
}

static const char *load(struct symbols *symbols, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return strerror(errno);
    }
    symbols->dwfl = dwfl_begin(&CALLBACKS);
    if (symbols->dwfl != NULL) {
        dwfl_report_begin(symbols->dwfl);
        symbols->module = dwfl_report_elf(symbols->dwfl, "image", path, fd, 0, true);
    }
    if (symbols->module == NULL) {
        close(fd); /* libdw owns the descriptor only when it took the file */
        return "not an ELF file that libdw can read";
    }
    dwfl_report_end(symbols->dwfl, NULL, NULL);
    GElf_Addr bias = 0;
    GElf_Ehdr header;
    Elf *elf = dwfl_module_getelf(symbols->module, &bias);
    if (elf == NULL || gelf_getehdr(elf, &header) == NULL) {
        return "not an ELF file that libdw can read";
    }
    return header.e_machine == EM_AARCH64 ? NULL : "not for AArch64";
}

static int by_address(const void *left, const void *right)
{
    const struct entry *a = left;
    const struct entry *b = right;
    return (a->low > b->low) - (a->low < b->low);
}

/* Fill in what makes a lookup short: how far the entries before reach, and the last without size.
 */
static void link_entries(struct symbols *symbols)
{
    uint64_t reach = 0;
    size_t sizeless = SIZE_MAX;
    for (size_t i = 0; i < symbols->count; i++) {
        struct entry *entry = &symbols->entries[i];
        reach = entry->high > reach ? entry->high : reach;
        sizeless = entry->high == entry->low ? i : sizeless;
        entry->reach = reach;
        entry->last_sizeless = sizeless;
    }
}

/* The symbols that name a place in the loaded image; "$x" and "$d" only mark code and data. */
static bool read_symbols(struct symbols *symbols)
{
    int count = dwfl_module_getsymtab(symbols->module);
    struct entry *entries = calloc(count > 0 ? (size_t)count : 1, sizeof(entries[0]));
    if (entries == NULL) {
        return false;
    }
    symbols->entries = entries;
    for (int i = 1; i < count; i++) {
        GElf_Sym symbol;
        GElf_Addr address = 0;
        GElf_Word section = SHN_UNDEF;
        const char *name =
            dwfl_module_getsym_info(symbols->module, i, &symbol, &address, &section, NULL, NULL);
        if (name == NULL || name[0] == '\0' || name[0] == '$' || section == SHN_UNDEF ||
            GELF_ST_TYPE(symbol.st_info) > STT_FUNC) {
            continue;
        }
        entries[symbols->count++] = (struct entry){
            .low = address,
            .high = address + symbol.st_size,
            .name = name,
            .section = section,
        };
    }
    qsort(entries, symbols->count, sizeof(entries[0]), by_address);
    link_entries(symbols);
    return true;
}

struct symbols *symbols_open(const char *path, char error[static SYMBOLS_ERROR_TEXT])
{
    struct symbols *symbols = calloc(1, sizeof(*symbols));
    if (symbols == NULL) {
        snprintf(error, SYMBOLS_ERROR_TEXT, "%s: cannot use this image: out of memory", path);
        return NULL;
    }
    const char *problem = load(symbols, path);
    if (problem == NULL && !read_symbols(symbols)) {
        problem = "out of memory";
    }
    if (problem != NULL) {
        snprintf(error, SYMBOLS_ERROR_TEXT, "%s: cannot use this image: %s", path, problem);
        symbols_close(symbols);
        return NULL;
    }
    read_build_id(symbols);
    return symbols;
}

void symbols_close(struct symbols *symbols)
{
    if (symbols != NULL && symbols->dwfl != NULL) {
        dwfl_end(symbols->dwfl);
    }
    if (symbols != NULL) {
        free(symbols->entries);
    }
    free(symbols);
}

const char *symbols_build_id(const struct symbols *symbols)
{
    return symbols == NULL ? "" : symbols->build_id;
}

bool symbols_range(const struct symbols *symbols, const char *name, uint64_t *low, uint64_t *high,
                   char error[static SYMBOLS_ERROR_TEXT])
{
    unsigned found = 0;
    for (size_t i = 0; i < symbols->count; i++) {
        const struct entry *entry = &symbols->entries[i];
        if (strcmp(entry->name, name) == 0 && (found == 0 || entry->low != *low)) {
            found++;
            *low = entry->low;
            *high = entry->high;
        }
    }
    if (found == 0) {
        snprintf(error, SYMBOLS_ERROR_TEXT, "the image has no symbol '%.80s'", name);
    } else if (found > 1) {
        snprintf(error, SYMBOLS_ERROR_TEXT, "the image has %u symbols named '%.80s'", found, name);
    } else if (*low == *high) {
        snprintf(error, SYMBOLS_ERROR_TEXT,
                 "symbol '%.80s' has no size, so nothing can be inside it; give it one with "
                 ".type and .size in the assembly",
                 name);
    }
    return found == 1 && *low != *high;
}

/* Is the address within the section, given by its index, of the loaded image? */
static bool in_section(const struct symbols *symbols, GElf_Word index, uint64_t address)
{
    GElf_Addr bias = 0;
    GElf_Shdr header;
    Elf *elf = dwfl_module_getelf(symbols->module, &bias);
    Elf_Scn *section = elf == NULL ? NULL : elf_getscn(elf, index);
    return section != NULL && gelf_getshdr(section, &header) != NULL &&
           (header.sh_flags & SHF_ALLOC) != 0 && address - header.sh_addr < header.sh_size;
}

/* The innermost symbol around the address, else the nearest label before it in its section. */
static const struct entry *find_entry(const struct symbols *symbols, uint64_t address)
{
    size_t below = 0; /* entries at or below the address */
    for (size_t step = symbols->count; step > 0; step /= 2) {
        while (below + step <= symbols->count &&
               symbols->entries[below + step - 1].low <= address) {
            below += step;
        }
    }
    for (size_t i = below; i > 0 && symbols->entries[i - 1].reach > address; i--) {
        if (symbols->entries[i - 1].high > address) {
            return &symbols->entries[i - 1];
        }
    }
    size_t label = below == 0 ? SIZE_MAX : symbols->entries[below - 1].last_sizeless;
    if (label == SIZE_MAX || !in_section(symbols, symbols->entries[label].section, address)) {
        return NULL;
    }
    return &symbols->entries[label];
}

struct place symbols_place(const struct symbols *symbols, uint64_t address)
{
    struct place place = {0};
    if (symbols == NULL) {
        return place;
    }
    const struct entry *entry = find_entry(symbols, address);
    if (entry != NULL) {
        snprintf(place.symbol, sizeof(place.symbol), "%.200s+0x%" PRIx64, entry->name,
                 address - entry->low);
    }
    Dwfl_Line *line = dwfl_module_getsrc(symbols->module, address);
    int number = 0;
    const char *file = line == NULL ? NULL : dwfl_lineinfo(line, NULL, &number, NULL, NULL, NULL);
    if (file != NULL) {
        const char *slash = strrchr(file, '/');
        snprintf(place.source, sizeof(place.source), "%.200s:%d", slash == NULL ? file : slash + 1,
                 number);
    }
    return place;
}
