/*
 * Runs the line number program of a unit (DWARF 2 to 5, section 6.2), row by row as the compiler
 * emitted it. libdw sorts the rows of a unit by address; in an image linked at 0 that would mingle
 * the sequences that the linker discarded with the one whose code is there.
 */
#ifndef RIG_COVER_LINE_PROGRAM_H
#define RIG_COVER_LINE_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct program_row {
    uint64_t address;
    uint64_t file; /* index as libdw's dwarf_filesrc takes it */
    uint64_t line;
    bool statement;
    bool end; /* of a sequence */
};

typedef void program_row_taker(void *user, const struct program_row *row);

/*
 * Run the program at `offset` of the .debug_line section. False when it is damaged or of another
 * version; rows before the damage were given.
 */
bool line_program_run(const uint8_t *section, size_t size, uint64_t offset, program_row_taker *take,
                      void *user);

#endif
