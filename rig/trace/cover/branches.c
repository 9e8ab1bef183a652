#include "branches.h"

#include <stdlib.h>
#include <string.h>

#include "a64_decode.h"
#include "memory.h"

/* How far a never-returning path may run before its call: arguments, an address or two, a string.
 */
enum { LONGEST_PATH = 64 };

/* The encodings of DDI 0487, C4.1 "Branches, exception generating and system instructions". */
enum {
    IMMEDIATE_MASK = 0x7c000000,
    IMMEDIATE_VALUE = 0x14000000, /* b, bl */
};
#define REGISTER_MASK   0xfe000000U
#define REGISTER_VALUE  0xd6000000U /* br, blr, ret, eret and their kin */
#define EXCEPTION_MASK  0xff000000U
#define EXCEPTION_VALUE 0xd4000000U /* svc, hvc, smc, brk, hlt */

static bool conditional(const cs_insn *insn)
{
    switch (insn->id) {
    case ARM64_INS_CBZ:
    case ARM64_INS_CBNZ:
    case ARM64_INS_TBZ:
    case ARM64_INS_TBNZ:
        return true;
    case ARM64_INS_B:
        return insn->detail->arm64.cc != ARM64_CC_INVALID &&
               insn->detail->arm64.cc != ARM64_CC_AL && insn->detail->arm64.cc != ARM64_CC_NV;
    default:
        return false;
    }
}

/*
 * Capstone is the judge here on purpose: the plugin has a decoder of its own, and what the two take
 * for a conditional branch must agree. Only BC.cond, which Capstone 4 and 5 do not know, is left to
 * the plugin's.
 */
bool branches_decode(size_t handle, cs_insn *insn, uint32_t opcode, uint64_t address,
                     uint64_t *target)
{
    const uint8_t bytes[4] = {(uint8_t)opcode, (uint8_t)(opcode >> 8), (uint8_t)(opcode >> 16),
                              (uint8_t)(opcode >> 24)};
    const uint8_t *at = bytes;
    size_t left = sizeof(bytes);
    uint64_t next = address;
    int64_t offset = 0;
    if (!cs_disasm_iter(handle, &at, &left, &next, insn)) {
        *target = 0;
        if (!a64_conditional_branch(opcode, &offset)) {
            return false;
        }
        *target = address + (uint64_t)offset;
        return true;
    }
    if (!conditional(insn)) {
        return false;
    }
    const cs_arm64 *operands = &insn->detail->arm64;
    *target = (uint64_t)operands->operands[operands->op_count - 1].imm;
    return true;
}

static uint32_t hash_bytes(uint32_t hash, const void *data, size_t size)
{
    const uint8_t *bytes = data;
    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ bytes[i]) * 0x01000193; /* FNV-1a */
    }
    return hash;
}

static void describe(struct branch *branch, const struct image *image, const struct lines *lines)
{
    const struct image_symbol *symbol = image_label(image, branch->address);
    uint64_t size = symbol == NULL ? 0 : symbol->high - symbol->low;
    branch->function = symbol == NULL ? "" : symbol->name;
    branch->offset = branch->address - (symbol == NULL ? 0 : symbol->low);
    uint32_t hash = hash_bytes(0x811c9dc5, branch->function, strlen(branch->function) + 1);
    hash = hash_bytes(hash, &size, sizeof(size));
    branch->block = hash_bytes(hash, &branch->offset, sizeof(branch->offset)) & 0x7fffffff;
    const struct line_range *range = lines_at(lines, branch->address);
    branch->file = range == NULL ? SOURCE_NONE : range->file;
    branch->line = range == NULL ? 0 : range->line;
}

bool branches_read(struct branches *branches, const struct image *image, const struct lines *lines)
{
    *branches = (struct branches){0};
    csh handle;
    if (cs_open(CS_ARCH_ARM64, CS_MODE_ARM, &handle) != CS_ERR_OK) {
        return false;
    }
    cs_option(handle, CS_OPT_DETAIL, CS_OPT_ON);
    cs_insn *insn = cs_malloc(handle);
    for (size_t word = 0; insn != NULL && word < image->words; word++) {
        struct branch branch = {.word = word, .address = image_address(image, word)};
        if ((image->flags[word] & WORD_DATA) != 0 ||
            !branches_decode(handle, insn, image_opcode(image, word), branch.address,
                             &branch.target)) {
            continue;
        }
        describe(&branch, image, lines);
        /* Words behind a function's size are padding, unless a line speaks of them. */
        if (!image_is_instruction(image, word) && branch.line == 0) {
            continue;
        }
        branches->items =
            memory_grow(branches->items, branches->count, &branches->room, sizeof(branch));
        branches->items[branches->count++] = branch;
    }
    bool opened = insn != NULL;
    if (opened) {
        cs_free(insn, 1);
    }
    cs_close(&handle);
    return opened;
}

void branches_free(struct branches *branches)
{
    free(branches->items);
    *branches = (struct branches){0};
}

static const char *named(const struct image *image, uint64_t address, const char *const *names,
                         size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (image_has_symbol(image, address, names[i])) {
            return names[i];
        }
    }
    return NULL;
}

const char *branches_runs_into(const struct image *image, uint64_t address,
                               const char *const *names, size_t name_count)
{
    size_t word;
    for (unsigned i = 0; i < LONGEST_PATH && image_word(image, address, &word); i++) {
        uint32_t opcode = image_opcode(image, word);
        int64_t offset;
        if ((image->flags[word] & WORD_DATA) != 0) {
            return NULL;
        }
        if ((opcode & IMMEDIATE_MASK) == IMMEDIATE_VALUE) {
            return named(image, address + (uint64_t)a64_offset(opcode, 0, 26), names, name_count);
        }
        if ((opcode & REGISTER_MASK) == REGISTER_VALUE ||
            (opcode & EXCEPTION_MASK) == EXCEPTION_VALUE ||
            a64_conditional_branch(opcode, &offset)) {
            return NULL;
        }
        address += 4;
    }
    return NULL;
}
