/*
 * Instructions as text, one or the few around a PC, with Capstone.
 */
#ifndef RIG_EVENTS_DISASSEMBLY_H
#define RIG_EVENTS_DISASSEMBLY_H

#include <capstone/capstone.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    DISASSEMBLY_TEXT = 96,
    EXCERPT_AROUND = 4, /* instructions before the one in question, and after it */
    EXCERPT_LINES = 2 * EXCERPT_AROUND + 1,
    EXCERPT_TEXT = 160,
};

struct disassembler {
    csh handle;
    cs_insn *insn;
};

/* False when Capstone cannot decode AArch64 here; nothing is held then. */
bool disassembler_open(struct disassembler *disassembler);
void disassembler_close(struct disassembler *disassembler);

/* "msr ttbr0_el1, x0", or ".inst 0x..." for what Capstone does not know. Returns `out`. */
const char *disassembly_text(const struct disassembler *disassembler, uint64_t pc, uint32_t opcode,
                             char out[static DISASSEMBLY_TEXT]);

/* Where opcodes come from; false where none is known. */
typedef bool excerpt_opcode(const void *context, uint64_t pc, uint32_t *opcode);

/* The instructions around a PC, with "=>" in front of the one in question. */
struct excerpt {
    char lines[EXCERPT_LINES][EXCERPT_TEXT];
    size_t count;
};

/* Fill in; addresses that wrap around or have no opcode are left out. */
void excerpt_make(struct excerpt *excerpt, const struct disassembler *disassembler,
                  excerpt_opcode *opcode_at, const void *context, uint64_t pc);

#endif
