/*
 * Addresses of an ELF file into symbols and source lines, with libdw.
 *
 * Addresses are link addresses; the caller folds aliases. Never looks for files on the network.
 */
#ifndef RIG_IMAGE_SYMBOLS_H
#define RIG_IMAGE_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SYMBOLS_ERROR_TEXT = 512, SYMBOL_TEXT = 256, BUILD_ID_TEXT = 129 };

struct symbols;

struct place {
    char symbol[SYMBOL_TEXT]; /* "name+0x10", or "" */
    char source[SYMBOL_TEXT]; /* "file.c:12", or "" */
};

/* Open an AArch64 ELF file; NULL with `error` when it is none. */
struct symbols *symbols_open(const char *path, char error[static SYMBOLS_ERROR_TEXT]);
void symbols_close(struct symbols *symbols);

/* The build-id in hexadecimal, "" when the file has none. */
const char *symbols_build_id(const struct symbols *symbols);

/* The addresses [low, high) of a function or object; false with `error` when it is missing, has no
 * size, or is there twice. */
bool symbols_range(const struct symbols *symbols, const char *name, uint64_t *low, uint64_t *high,
                   char error[static SYMBOLS_ERROR_TEXT]);

/* What is at the address. `symbols` may be NULL: both texts are then empty. */
struct place symbols_place(const struct symbols *symbols, uint64_t address);

#endif
