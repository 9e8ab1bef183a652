#include "line_program.h"

#include <dwarf.h>

enum { SUPPORTED_FIRST = 2, SUPPORTED_LAST = 5 };

/* Bytes that are read from the front; `failed` stays once they ran out. */
struct bytes {
    const uint8_t *at;
    const uint8_t *end;
    bool failed;
};

struct program {
    struct bytes code;
    const uint8_t *operand_counts; /* of the standard opcodes, from 1 */
    uint8_t min_length;
    uint8_t max_operations;
    bool default_statement;
    int8_t line_base;
    uint8_t line_range;
    uint8_t opcode_base;
    uint64_t operation; /* index in a VLIW bundle; stays 0 on AArch64 */
    struct program_row row;
    program_row_taker *take;
    void *user;
};

/* A little-endian number of `count` bytes, at most 8. */
static uint64_t fixed(struct bytes *bytes, size_t count)
{
    uint64_t value = 0;
    if (bytes->failed || (size_t)(bytes->end - bytes->at) < count) {
        bytes->failed = true;
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        value |= (uint64_t)bytes->at[i] << (8 * i);
    }
    bytes->at += count;
    return value;
}

static uint64_t leb128(struct bytes *bytes, bool is_signed)
{
    uint64_t value = 0;
    unsigned shift = 0;
    uint64_t byte;
    do {
        byte = fixed(bytes, 1);
        value |= shift < 64 ? (byte & 0x7f) << shift : 0;
        shift += 7;
    } while ((byte & 0x80) != 0 && !bytes->failed);
    if (is_signed && shift < 64 && (byte & 0x40) != 0) {
        value |= UINT64_MAX << shift;
    }
    return value;
}

static void skip(struct bytes *bytes, uint64_t count)
{
    if (bytes->failed || count > (uint64_t)(bytes->end - bytes->at)) {
        bytes->failed = true;
        return;
    }
    bytes->at += count;
}

static void begin_sequence(struct program *program)
{
    program->row =
        (struct program_row){.file = 1, .line = 1, .statement = program->default_statement};
    program->operation = 0;
}

static void advance(struct program *program, uint64_t operations)
{
    uint64_t sum = program->operation + operations;
    program->row.address += program->min_length * (sum / program->max_operations);
    program->operation = sum % program->max_operations;
}

static void emit(struct program *program)
{
    program->take(program->user, &program->row);
}

static void special(struct program *program, uint8_t opcode)
{
    uint8_t adjusted = (uint8_t)(opcode - program->opcode_base);
    advance(program, adjusted / program->line_range);
    program->row.line += (uint64_t)(int64_t)(program->line_base + adjusted % program->line_range);
    emit(program);
}

static void extended(struct program *program)
{
    struct bytes *code = &program->code;
    uint64_t length = leb128(code, false);
    const uint8_t *start = code->at;
    if (code->failed || length == 0 || length > (uint64_t)(code->end - start)) {
        code->failed = true;
        return;
    }
    switch (fixed(code, 1)) {
    case DW_LNE_end_sequence:
        program->row.end = true;
        emit(program);
        begin_sequence(program);
        break;
    case DW_LNE_set_address:
        program->row.address = fixed(code, length - 1 < 8 ? (size_t)length - 1 : 8);
        program->operation = 0;
        break;
    default:
        break; /* discriminators, and what vendors add */
    }
    code->at = start + length;
}

static void standard(struct program *program, uint8_t opcode)
{
    struct bytes *code = &program->code;
    switch (opcode) {
    case DW_LNS_copy:
        emit(program);
        break;
    case DW_LNS_advance_pc:
        advance(program, leb128(code, false));
        break;
    case DW_LNS_advance_line:
        program->row.line += leb128(code, true);
        break;
    case DW_LNS_set_file:
        program->row.file = leb128(code, false);
        break;
    case DW_LNS_negate_stmt:
        program->row.statement = !program->row.statement;
        break;
    case DW_LNS_const_add_pc:
        advance(program, (uint64_t)((255 - program->opcode_base) / program->line_range));
        break;
    case DW_LNS_fixed_advance_pc:
        program->row.address += fixed(code, 2);
        program->operation = 0;
        break;
    default:
        for (uint8_t i = 0; i < program->operand_counts[opcode - 1]; i++) {
            leb128(code, false);
        }
        break;
    }
}

/* Read the header up to where the program begins. */
static bool read_header(struct program *program, struct bytes *bytes)
{
    size_t word = 4;
    uint64_t length = fixed(bytes, 4);
    if (length == 0xffffffff) {
        word = 8;
        length = fixed(bytes, 8);
    }
    if (bytes->failed || length > (uint64_t)(bytes->end - bytes->at)) {
        return false;
    }
    bytes->end = bytes->at + length;
    uint64_t version = fixed(bytes, 2);
    if (version < SUPPORTED_FIRST || version > SUPPORTED_LAST) {
        return false;
    }
    skip(bytes, version == 5 ? 2 : 0); /* sizes of addresses and segment selectors */
    uint64_t header = fixed(bytes, word);
    program->code = *bytes;
    skip(&program->code, header);
    program->min_length = (uint8_t)fixed(bytes, 1);
    program->max_operations = version >= 4 ? (uint8_t)fixed(bytes, 1) : 1;
    program->default_statement = fixed(bytes, 1) != 0;
    program->line_base = (int8_t)fixed(bytes, 1);
    program->line_range = (uint8_t)fixed(bytes, 1);
    program->opcode_base = (uint8_t)fixed(bytes, 1);
    program->operand_counts = bytes->at;
    skip(bytes, program->opcode_base == 0 ? 0 : program->opcode_base - 1U);
    return !bytes->failed && !program->code.failed && program->line_range != 0 &&
           program->max_operations != 0 && program->opcode_base != 0;
}

bool line_program_run(const uint8_t *section, size_t size, uint64_t offset, program_row_taker *take,
                      void *user)
{
    struct program program = {.take = take, .user = user};
    if (offset > size) {
        return false;
    }
    struct bytes bytes = {.at = section + offset, .end = section + size};
    if (!read_header(&program, &bytes)) {
        return false;
    }
    begin_sequence(&program);
    while (!program.code.failed && program.code.at < program.code.end) {
        uint8_t opcode = (uint8_t)fixed(&program.code, 1);
        if (opcode >= program.opcode_base) {
            special(&program, opcode);
        } else if (opcode == 0) {
            extended(&program);
        } else {
            standard(&program, opcode);
        }
    }
    return !program.code.failed;
}
