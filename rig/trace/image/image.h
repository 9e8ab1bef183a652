/*
 * A guest image: the code words of its allocated executable sections, its functions' symbols, its
 * build-id, and its DWARF when it has any. Addresses are link addresses.
 *
 * A "word" is the number of a 4-byte word of code, counted through all executable sections, so that
 * what is known of each instruction sits in plain arrays.
 */
#ifndef RIG_IMAGE_IMAGE_H
#define RIG_IMAGE_IMAGE_H

#include <elfutils/libdw.h>
#include <elfutils/libdwelf.h>
#include <gelf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { IMAGE_ERROR_TEXT = 512, IMAGE_ID_TEXT = 129 };

enum word_flag {
    WORD_DATA = 1,     /* a literal pool or a table: "$d" */
    WORD_FUNCTION = 2, /* inside a function's size */
};

struct image_section {
    uint64_t low;
    uint64_t high; /* end, exclusive */
    size_t first_word;
    const uint8_t *bytes;
};

struct image_symbol {
    uint64_t low;
    uint64_t high;  /* end, exclusive; equal to low when it has no size */
    uint64_t reach; /* the largest `high` up to and with this symbol */
    const char *name;
    bool function; /* STT_FUNC with a size */
};

struct image {
    int fd;
    Elf *elf;
    Dwarf *dwarf;                   /* or NULL: no debug information */
    char build_id[IMAGE_ID_TEXT];   /* hexadecimal, "" when there is none */
    struct image_section *sections; /* by address */
    size_t section_count;
    size_t words;
    uint8_t *flags;               /* enum word_flag, for each word */
    struct image_symbol *symbols; /* in executable sections, by address, then name */
    size_t symbol_count;
};

/* Open an AArch64 ELF file that is linked; false with `error` otherwise, and nothing is held. */
bool image_open(struct image *image, const char *path, char error[static IMAGE_ERROR_TEXT]);
void image_close(struct image *image);

/* The word at an address; false when it is not aligned or in no executable section. */
bool image_word(const struct image *image, uint64_t address, size_t *word);

uint64_t image_address(const struct image *image, size_t word);
uint32_t image_opcode(const struct image *image, size_t word);

/* Mark the words of [low, high) as a function's. */
void image_mark_function(struct image *image, uint64_t low, uint64_t high);

/* Whether the word is an instruction of a function. */
bool image_is_instruction(const struct image *image, size_t word);

/* The innermost function symbol around the address, or NULL. */
const struct image_symbol *image_function(const struct image *image, uint64_t address);

/* The same, else the nearest symbol at or below the address in its section, or NULL. */
const struct image_symbol *image_label(const struct image *image, uint64_t address);

/* Whether a symbol at exactly this address has the name, or is a clone of it ("name.isra.0"). */
bool image_has_symbol(const struct image *image, uint64_t address, const char *name);

#endif
