#include "order_report.h"

/* Where the opcodes around an end come from. */
struct source {
    const struct event_input *input;
    const struct end_words *words;
    uint64_t pc;
    bool trace_only;
};

static bool opcode_at(const void *context, uint64_t pc, uint32_t *opcode)
{
    const struct source *source = context;
    if (pc == source->pc && source->words->has_opcode) {
        *opcode = source->words->opcode;
        return true;
    }
    return source->trace_only ? event_trace_opcode(&source->input->trace, pc, opcode)
                              : event_input_opcode(source->input, pc, opcode);
}

void order_end_words(const struct order_report *report, const struct order_end *end,
                     struct end_words *words)
{
    uint32_t found = 0;
    bool in_code = event_input_opcode(report->input, end->pc, &found);
    *words = (struct end_words){
        .place = event_input_place(report->input, end->pc),
        .has_opcode = end->opcode != 0 || in_code,
        .opcode = end->opcode != 0 ? end->opcode : found,
    };
    if (words->has_opcode) {
        disassembly_text(report->disassembler, end->pc, words->opcode, words->text);
    }
    /* Where the image says something else than what ran, it was loaded or patched over. */
    const struct source source = {
        .input = report->input,
        .words = words,
        .pc = end->pc,
        .trace_only = in_code && found != words->opcode,
    };
    excerpt_make(&words->excerpt, report->disassembler, opcode_at, &source, end->pc);
}
