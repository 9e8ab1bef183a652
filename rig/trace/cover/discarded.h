/*
 * Functions that the linker discarded and that DWARF still tells of.
 *
 * The linker gives their addresses as 0 (or 1). In an image that has no code there, "in no
 * executable section" says all. In an image linked at 0 only one unit can be the one whose code is
 * there: the unit with a function that the symbol table has at that address, else, for assembly
 * without such entries, the first assembly unit in link order.
 */
#ifndef RIG_COVER_DISCARDED_H
#define RIG_COVER_DISCARDED_H

#include "image.h"

struct discarded {
    bool at_zero;    /* the image has code at address 0 */
    Dwarf_Off owner; /* the unit whose code it is, or UINT64_MAX */
    uint64_t line;   /* where the function at 0 is declared, 0 when DWARF does not tell */
};

struct discarded discarded_find(const struct image *image);

/* Whether code at `low` that the unit (offset of its DIE) tells of was discarded, or lies outside
 * of the executable sections. */
bool discarded_code(const struct discarded *discarded, const struct image *image, Dwarf_Off unit,
                    uint64_t low);

/* The same for a function, which must also be one that the symbol table has there. */
bool discarded_function(const struct discarded *discarded, const struct image *image,
                        Dwarf_Off unit, uint64_t low, const char *name);

#endif
