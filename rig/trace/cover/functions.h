/*
 * The functions of an image and how often each was entered.
 *
 * With DWARF: each subprogram with code, and each inlined instance, which counts for the inlined
 * function in its own file. One function may have several bodies (a clone, a copy in each unit,
 * inlined instances): their entries add up. Symbols that DWARF does not tell of (assembly, images
 * without DWARF) count as well.
 *
 * A body whose entry never ran though other code of it did (it was entered in the middle: a context
 * that was resumed, an instance whose first instruction moved) counts as often as its busiest
 * instruction; an inlined one, which shares its range with its caller, as its busiest statement.
 */
#ifndef RIG_COVER_FUNCTIONS_H
#define RIG_COVER_FUNCTIONS_H

#include "counts.h"
#include "lines.h"

struct function {
    const char *name; /* as long as the image is open */
    uint32_t file;    /* or SOURCE_NONE */
    uint32_t line;    /* of the declaration, or 0 */
    uint64_t count;
};

struct functions {
    struct function *items; /* by file, line and name after functions_merge */
    size_t count;
    size_t room;
};

/*
 * Read all functions and mark their words as instructions. `lines` is empty for an image without
 * DWARF.
 */
void functions_read(struct functions *functions, struct image *image,
                    const struct discarded *discarded, struct sources *sources,
                    const struct lines *lines, const struct counts *counts);

/* Put new numbers for the files, sort, and make one of those with the same file and name. */
void functions_merge(struct functions *functions, const uint32_t *renumbered);

void functions_free(struct functions *functions);

#endif
