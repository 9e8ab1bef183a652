#include "disassembly.h"

#include <inttypes.h>
#include <stdio.h>

bool disassembler_open(struct disassembler *disassembler)
{
    *disassembler = (struct disassembler){0};
    if (cs_open(CS_ARCH_ARM64, CS_MODE_ARM, &disassembler->handle) != CS_ERR_OK) {
        return false;
    }
    disassembler->insn = cs_malloc(disassembler->handle);
    if (disassembler->insn == NULL) {
        cs_close(&disassembler->handle);
        return false;
    }
    return true;
}

void disassembler_close(struct disassembler *disassembler)
{
    if (disassembler->insn != NULL) {
        cs_free(disassembler->insn, 1);
        cs_close(&disassembler->handle);
    }
    *disassembler = (struct disassembler){0};
}

const char *disassembly_text(const struct disassembler *disassembler, uint64_t pc, uint32_t opcode,
                             char out[static DISASSEMBLY_TEXT])
{
    const uint8_t bytes[4] = {(uint8_t)opcode, (uint8_t)(opcode >> 8), (uint8_t)(opcode >> 16),
                              (uint8_t)(opcode >> 24)};
    const uint8_t *at = bytes;
    size_t left = sizeof(bytes);
    uint64_t next = pc;
    if (!cs_disasm_iter(disassembler->handle, &at, &left, &next, disassembler->insn)) {
        snprintf(out, DISASSEMBLY_TEXT, ".inst 0x%08" PRIx32, opcode);
    } else if (disassembler->insn->op_str[0] == '\0') {
        snprintf(out, DISASSEMBLY_TEXT, "%.31s", disassembler->insn->mnemonic);
    } else {
        snprintf(out, DISASSEMBLY_TEXT, "%.31s %.60s", disassembler->insn->mnemonic,
                 disassembler->insn->op_str);
    }
    return out;
}

void excerpt_make(struct excerpt *excerpt, const struct disassembler *disassembler,
                  excerpt_opcode *opcode_at, const void *context, uint64_t pc)
{
    char text[DISASSEMBLY_TEXT];
    excerpt->count = 0;
    for (int offset = -EXCERPT_AROUND; offset <= EXCERPT_AROUND; offset++) {
        uint64_t address = pc + (uint64_t)(int64_t)offset * sizeof(uint32_t);
        bool wrapped = offset < 0 ? address > pc : address < pc;
        uint32_t opcode;
        if (wrapped || !opcode_at(context, address, &opcode)) {
            continue;
        }
        snprintf(excerpt->lines[excerpt->count++], EXCERPT_TEXT, "%s 0x%016" PRIx64 "  %s",
                 offset == 0 ? "=>" : "  ", address,
                 disassembly_text(disassembler, address, opcode, text));
    }
}
