#include "image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "memory.h"

/* A "$x" or "$d": what begins at this word. */
struct mapping {
    size_t word;
    bool data;
};

static int by_low(const void *left, const void *right)
{
    const struct image_section *a = left;
    const struct image_section *b = right;
    return (a->low > b->low) - (a->low < b->low);
}

static int by_address_and_name(const void *left, const void *right)
{
    const struct image_symbol *a = left;
    const struct image_symbol *b = right;
    if (a->low != b->low) {
        return a->low < b->low ? -1 : 1;
    }
    /* The larger one first: the innermost is found from behind. */
    if (a->high != b->high) {
        return a->high > b->high ? -1 : 1;
    }
    return strcmp(a->name, b->name);
}

static int by_word(const void *left, const void *right)
{
    const struct mapping *a = left;
    const struct mapping *b = right;
    return (a->word > b->word) - (a->word < b->word);
}

static const char *read_sections(struct image *image)
{
    size_t capacity = 0;
    for (Elf_Scn *scn = NULL; (scn = elf_nextscn(image->elf, scn)) != NULL;) {
        GElf_Shdr header;
        if (gelf_getshdr(scn, &header) == NULL) {
            return "damaged section headers";
        }
        const GElf_Xword code = SHF_ALLOC | SHF_EXECINSTR;
        if (header.sh_type != SHT_PROGBITS || (header.sh_flags & code) != code ||
            header.sh_size < 4) {
            continue;
        }
        Elf_Data *data = elf_rawdata(scn, NULL);
        if (data == NULL || data->d_buf == NULL || data->d_size != header.sh_size ||
            header.sh_addr % 4 != 0 || header.sh_addr + header.sh_size < header.sh_addr) {
            return "damaged code section";
        }
        image->sections = memory_grow(image->sections, image->section_count, &capacity,
                                      sizeof(image->sections[0]));
        image->sections[image->section_count++] = (struct image_section){
            .low = header.sh_addr,
            .high = header.sh_addr + (header.sh_size & ~3ULL),
            .bytes = data->d_buf,
        };
    }
    if (image->section_count == 0) {
        return "no executable section";
    }
    qsort(image->sections, image->section_count, sizeof(image->sections[0]), by_low);
    for (size_t i = 0; i < image->section_count; i++) {
        struct image_section *section = &image->sections[i];
        if (i > 0 && section->low < section[-1].high) {
            return "its executable sections overlap: is it linked?";
        }
        section->first_word = image->words;
        image->words += (size_t)((section->high - section->low) / 4);
    }
    image->flags = memory_get(image->words, 1);
    return NULL;
}

static void read_build_id(struct image *image)
{
    const void *bits = NULL;
    ssize_t length = dwelf_elf_gnu_build_id(image->elf, &bits);
    char *out = image->build_id;
    for (ssize_t i = 0; i < length && 2 * i + 2 < IMAGE_ID_TEXT; i++, out += 2) {
        snprintf(out, 3, "%02x", ((const uint8_t *)bits)[i]);
    }
}

static Elf_Scn *symbol_table(Elf *elf, GElf_Shdr *header)
{
    for (Elf_Scn *scn = NULL; (scn = elf_nextscn(elf, scn)) != NULL;) {
        if (gelf_getshdr(scn, header) != NULL && header->sh_type == SHT_SYMTAB) {
            return scn;
        }
    }
    return NULL;
}

/* "$x", "$d" and the same with a dot and more behind. */
static bool mapping_symbol(const char *name)
{
    return name[0] == '$' && (name[1] == 'x' || name[1] == 'd') &&
           (name[2] == '\0' || name[2] == '.');
}

static void mark_data(struct image *image, struct mapping *mappings, size_t count)
{
    qsort(mappings, count, sizeof(mappings[0]), by_word);
    for (size_t i = 0; i < count; i++) {
        size_t end = i + 1 < count ? mappings[i + 1].word : image->words;
        /* A mapping symbol speaks of its own section only. */
        for (size_t s = 0; s < image->section_count; s++) {
            size_t first = image->sections[s].first_word;
            end = first > mappings[i].word && first < end ? first : end;
        }
        for (size_t word = mappings[i].word; mappings[i].data && word < end; word++) {
            image->flags[word] |= WORD_DATA;
        }
    }
}

static void link_symbols(struct image *image)
{
    qsort(image->symbols, image->symbol_count, sizeof(image->symbols[0]), by_address_and_name);
    uint64_t reach = 0;
    for (size_t i = 0; i < image->symbol_count; i++) {
        struct image_symbol *symbol = &image->symbols[i];
        reach = symbol->function && symbol->high > reach ? symbol->high : reach;
        symbol->reach = reach;
        if (symbol->function) {
            image_mark_function(image, symbol->low, symbol->high);
        }
    }
}

/* Whether the symbol is of a section that is loaded: values in debug sections, whose mapping
 * symbols clang writes, too, are offsets from 0 and no addresses. */
static bool loaded_symbol(const struct image *image, const GElf_Sym *symbol)
{
    GElf_Shdr header;
    if (symbol->st_shndx == SHN_UNDEF || symbol->st_shndx == SHN_ABS) {
        return false;
    }
    if (symbol->st_shndx >= SHN_LORESERVE) {
        return true; /* SHN_XINDEX: the number is elsewhere */
    }
    return gelf_getshdr(elf_getscn(image->elf, symbol->st_shndx), &header) != NULL &&
           (header.sh_flags & SHF_ALLOC) != 0;
}

static void read_symbols(struct image *image)
{
    GElf_Shdr header;
    Elf_Scn *scn = symbol_table(image->elf, &header);
    Elf_Data *data = scn == NULL ? NULL : elf_getdata(scn, NULL);
    size_t count = data == NULL || header.sh_entsize == 0 ? 0 : data->d_size / header.sh_entsize;
    struct mapping *mappings = NULL;
    size_t mapping_count = 0;
    size_t mapping_room = 0;
    size_t symbol_room = 0;
    for (size_t i = 1; i < count && i < INT32_MAX; i++) {
        GElf_Sym symbol;
        size_t word;
        if (gelf_getsym(data, (int)i, &symbol) == NULL || !loaded_symbol(image, &symbol) ||
            !image_word(image, symbol.st_value, &word)) {
            continue;
        }
        const char *name = elf_strptr(image->elf, header.sh_link, symbol.st_name);
        unsigned type = GELF_ST_TYPE(symbol.st_info);
        if (name == NULL || name[0] == '\0' || (type != STT_NOTYPE && type != STT_FUNC)) {
            continue;
        }
        if (mapping_symbol(name)) {
            mappings = memory_grow(mappings, mapping_count, &mapping_room, sizeof(mappings[0]));
            mappings[mapping_count++] = (struct mapping){.word = word, .data = name[1] == 'd'};
            continue;
        }
        image->symbols = memory_grow(image->symbols, image->symbol_count, &symbol_room,
                                     sizeof(image->symbols[0]));
        image->symbols[image->symbol_count++] = (struct image_symbol){
            .low = symbol.st_value,
            .high = symbol.st_value + symbol.st_size,
            .name = name,
            .function = type == STT_FUNC && symbol.st_size > 0,
        };
    }
    if (mapping_count > 0) {
        mark_data(image, mappings, mapping_count);
    }
    free(mappings);
    if (image->symbol_count > 0) {
        link_symbols(image);
    }
}

static const char *load(struct image *image, const char *path)
{
    image->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (image->fd < 0) {
        return strerror(errno);
    }
    elf_version(EV_CURRENT);
    image->elf = elf_begin(image->fd, ELF_C_READ_MMAP, NULL);
    GElf_Ehdr header;
    if (image->elf == NULL || elf_kind(image->elf) != ELF_K_ELF ||
        gelf_getehdr(image->elf, &header) == NULL) {
        return "not an ELF file";
    }
    if (header.e_machine != EM_AARCH64 || header.e_ident[EI_CLASS] != ELFCLASS64 ||
        header.e_ident[EI_DATA] != ELFDATA2LSB) {
        return "not for little-endian AArch64";
    }
    if (header.e_type != ET_EXEC && header.e_type != ET_DYN) {
        return "not linked";
    }
    const char *problem = read_sections(image);
    if (problem != NULL) {
        return problem;
    }
    read_build_id(image);
    read_symbols(image);
    image->dwarf = dwarf_begin_elf(image->elf, DWARF_C_READ, NULL);
    return NULL;
}

bool image_open(struct image *image, const char *path, char error[static IMAGE_ERROR_TEXT])
{
    *image = (struct image){.fd = -1};
    const char *problem = load(image, path);
    if (problem != NULL) {
        snprintf(error, IMAGE_ERROR_TEXT, "%s: cannot use this image: %s", path, problem);
        image_close(image);
    }
    return problem == NULL;
}

void image_close(struct image *image)
{
    if (image->dwarf != NULL) {
        dwarf_end(image->dwarf);
    }
    if (image->elf != NULL) {
        elf_end(image->elf);
    }
    if (image->fd >= 0) {
        close(image->fd);
    }
    free(image->sections);
    free(image->flags);
    free(image->symbols);
    *image = (struct image){.fd = -1};
}

bool image_word(const struct image *image, uint64_t address, size_t *word)
{
    for (size_t i = 0; i < image->section_count; i++) {
        const struct image_section *section = &image->sections[i];
        if (address >= section->low && address < section->high) {
            *word = section->first_word + (size_t)((address - section->low) / 4);
            return address % 4 == 0;
        }
    }
    return false;
}

static const struct image_section *section_of(const struct image *image, size_t word)
{
    const struct image_section *section = image->sections;
    for (size_t i = 1; i < image->section_count && image->sections[i].first_word <= word; i++) {
        section = &image->sections[i];
    }
    return section;
}

uint64_t image_address(const struct image *image, size_t word)
{
    const struct image_section *section = section_of(image, word);
    return section->low + 4 * (uint64_t)(word - section->first_word);
}

uint32_t image_opcode(const struct image *image, size_t word)
{
    const struct image_section *section = section_of(image, word);
    const uint8_t *at = section->bytes + 4 * (word - section->first_word);
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

void image_mark_function(struct image *image, uint64_t low, uint64_t high)
{
    size_t word;
    for (uint64_t address = low; address < high && image_word(image, address, &word);
         address += 4) {
        image->flags[word] |= WORD_FUNCTION;
    }
}

bool image_is_instruction(const struct image *image, size_t word)
{
    return (image->flags[word] & (WORD_FUNCTION | WORD_DATA)) == WORD_FUNCTION;
}

/* How many symbols are at or below the address. */
static size_t symbols_below(const struct image *image, uint64_t address)
{
    size_t low = 0;
    size_t high = image->symbol_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (image->symbols[middle].low <= address) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

const struct image_symbol *image_function(const struct image *image, uint64_t address)
{
    for (size_t i = symbols_below(image, address); i > 0 && image->symbols[i - 1].reach > address;
         i--) {
        const struct image_symbol *symbol = &image->symbols[i - 1];
        if (symbol->function && symbol->high > address) {
            return symbol;
        }
    }
    return NULL;
}

const struct image_symbol *image_label(const struct image *image, uint64_t address)
{
    const struct image_symbol *function = image_function(image, address);
    size_t below = symbols_below(image, address);
    size_t word;
    size_t label;
    if (function != NULL || below == 0 || !image_word(image, address & ~3ULL, &word) ||
        !image_word(image, image->symbols[below - 1].low, &label) ||
        section_of(image, word) != section_of(image, label)) {
        return function;
    }
    return &image->symbols[below - 1];
}

bool image_has_symbol(const struct image *image, uint64_t address, const char *name)
{
    size_t length = strlen(name);
    for (size_t i = symbols_below(image, address); i > 0 && image->symbols[i - 1].low == address;
         i--) {
        const char *found = image->symbols[i - 1].name;
        if (strncmp(found, name, length) == 0 && (found[length] == '\0' || found[length] == '.')) {
            return true;
        }
    }
    return false;
}
