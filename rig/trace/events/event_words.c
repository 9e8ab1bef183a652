#include "event_words.h"

#include <inttypes.h>
#include <string.h>

#include "phrase.h"
#include "register_words.h"

#define TABLE_SIZE(table) (sizeof(table) / sizeof((table)[0]))

static const char *const KINDS[TRACE_EVENT_KINDS] = {
    [TRACE_EVENT_INSN] = "insn",
    [TRACE_EVENT_STORE] = "store",
    [TRACE_EVENT_ACCESS] = "access",
    [TRACE_EVENT_BLOCK] = "block",
    [TRACE_EVENT_TRANSLATE] = "translate",
    [TRACE_EVENT_FRAME] = "frame",
    [TRACE_EVENT_FRAME_GONE] = "frame-gone",
    [TRACE_EVENT_ENTRY] = "entry",
    [TRACE_EVENT_CUT] = "cut",
    [TRACE_EVENT_OFF_READ] = "off-read",
};

const char *event_kind_name(unsigned int kind)
{
    return kind > 0 && kind < TRACE_EVENT_KINDS ? KINDS[kind] : "unknown";
}

unsigned int event_kind_of(const char *name, size_t length)
{
    for (unsigned int kind = 1; kind < TRACE_EVENT_KINDS; kind++) {
        if (strlen(KINDS[kind]) == length && memcmp(KINDS[kind], name, length) == 0) {
            return kind;
        }
    }
    return 0;
}

const char *event_class_name(enum a64_class class)
{
    static const char *const names[EVENT_CLASSES] = {
        [A64_OTHER] = "other", [A64_MSR] = "msr",       [A64_MRS] = "mrs",
        [A64_DAIF] = "daif",   [A64_PSTATE] = "pstate", [A64_ISB] = "isb",
        [A64_DSB] = "dsb",     [A64_DMB] = "dmb",       [A64_TLBI] = "tlbi",
        [A64_AT] = "at",       [A64_DC] = "dc",         [A64_DC_ZVA] = "zva",
        [A64_IC] = "ic",       [A64_ERET] = "eret",     [A64_SVC] = "svc",
        [A64_HVC] = "hvc",     [A64_SMC] = "smc",       [A64_INDIRECT] = "indirect",
        [A64_WAIT] = "wait",
    };
    return names[class];
}

const char *event_el_name(uint8_t el)
{
    static const char *const names[] = {"EL0", "EL1", "EL2", "EL3"};
    return el < TABLE_SIZE(names) ? names[el] : "EL?";
}

static void put_pa(struct phrase *words, uint64_t pa)
{
    if (pa == TRACE_UNKNOWN_ADDRESS) {
        phrase_add(words, "PA unknown");
    } else {
        phrase_add(words, "PA 0x%" PRIx64, pa);
    }
}

static void put_where(struct phrase *words, const struct trace_event *event)
{
    phrase_add(words, "VA 0x%" PRIx64 " -> ", event->va);
    put_pa(words, event->pa);
}

static void put_writer(struct phrase *words, const struct trace_written *written)
{
    if ((written->flags & TRACE_EVENT_VALUE) == 0) {
        phrase_add(words, ", written by nobody since it was loaded");
        return;
    }
    phrase_add(words, ", last written by cpu%u at PC 0x%" PRIx64 " before event %" PRIu64,
               written->cpu, written->pc, written->time);
    if ((written->flags & TRACE_EVENT_CACHES_OFF) != 0) {
        phrase_add(words, " with caches off");
    }
}

static void put_insn(struct phrase *words, const struct disassembler *disassembler,
                     const struct trace_event *event)
{
    char text[DISASSEMBLY_TEXT];
    phrase_add(words, "%s", disassembly_text(disassembler, event->pc, event->opcode, text));
    if ((event->flags & TRACE_EVENT_PENDING) != 0) {
        phrase_add(words, a64_class(event->opcode) == A64_WAIT ? ", stores pending"
                                                               : ", nothing done since DAIFClr");
    }
    if (!a64_has_operand(event->opcode)) {
        return;
    }
    if ((event->flags & TRACE_EVENT_VALUE) != 0) {
        phrase_add(words, "  operand 0x%" PRIx64, event->value);
    } else {
        phrase_add(words, "  operand unknown");
    }
}

static void put_store(struct phrase *words, const struct trace_event *event)
{
    static const struct {
        unsigned int flag;
        const char *word;
    } marks[] = {
        {TRACE_EVENT_TABLE, "live translation table"},
        {TRACE_EVENT_CODE, "code that ran"},
        {TRACE_EVENT_ZVA, "by DC ZVA"},
        {TRACE_EVENT_CACHES_OFF, "caches off"},
    };
    phrase_add(words, "stores %" PRIu32 " bytes in the word at ", event->opcode);
    put_where(words, event);
    if ((event->flags & TRACE_EVENT_VALUE) != 0) {
        phrase_add(words, ", now 0x%016" PRIx64, event->value);
    } else {
        phrase_add(words, ", value unknown");
    }
    for (size_t i = 0; i < TABLE_SIZE(marks); i++) {
        if ((event->flags & marks[i].flag) != 0) {
            phrase_add(words, ", %s", marks[i].word);
        }
    }
}

static void put_frame(struct phrase *words, const struct trace_frame *frame)
{
    uint32_t valid = 0;
    for (uint32_t i = 0; i < frame->size / sizeof(uint64_t); i++) {
        valid += (uint32_t)(trace_frame_words(frame)[i] & 1);
    }
    phrase_add(words,
               "level %u table of the %s half at PA 0x%" PRIx64 ": %" PRIu32 " of %" PRIu32
               " descriptors valid",
               frame->level, frame->upper != 0 ? "high" : "low", frame->pa, valid,
               (uint32_t)(frame->size / sizeof(uint64_t)));
    put_writer(words, &frame->written);
}

static void put_code(struct phrase *words, const struct trace_event *event,
                     const struct trace_code *code)
{
    phrase_add(words, "block of %" PRIu32 " instruction%s at VA 0x%" PRIx64 " -> ", code->insns,
               code->insns == 1 ? "" : "s", code->vaddr);
    put_pa(words, code->paddr);
    if (event->kind == TRACE_EVENT_TRANSLATE) {
        put_writer(words, &code->written);
    }
}

const char *event_words(const struct event_input *input, const struct disassembler *disassembler,
                        const struct trace_event *event, char out[static EVENT_WORDS])
{
    struct phrase words = phrase_begin(out, EVENT_WORDS);
    const struct event_trace *trace = &input->trace;
    switch (event->kind) {
    case TRACE_EVENT_INSN:
        put_insn(&words, disassembler, event);
        break;
    case TRACE_EVENT_STORE:
        put_store(&words, event);
        break;
    case TRACE_EVENT_ACCESS:
        phrase_add(&words, "%s %" PRIu32 " bytes at ",
                   (event->flags & TRACE_EVENT_WRITE) != 0 ? "stores" : "loads", event->opcode);
        put_where(&words, event);
        break;
    case TRACE_EVENT_BLOCK:
    case TRACE_EVENT_TRANSLATE:
        put_code(&words, event, event_code(trace, event));
        break;
    case TRACE_EVENT_FRAME:
        put_frame(&words, event_frame(trace, event));
        break;
    case TRACE_EVENT_FRAME_GONE:
        phrase_add(&words, "table at PA 0x%" PRIx64 " is reachable no more", event->pa);
        break;
    case TRACE_EVENT_ENTRY:
        phrase_add(&words, "exception taken: %s, vector 0x%" PRIx64 " + 0x%03" PRIx32,
                   vector_words(event->opcode), event->value, event->opcode);
        break;
    case TRACE_EVENT_CUT:
        phrase_add(&words, "the window grew too long: what follows in it is not recorded");
        break;
    case TRACE_EVENT_OFF_READ:
        phrase_add(&words, "first read with caches on: ");
        put_where(&words, event);
        put_writer(&words, event_writer(trace, event));
        break;
    default:
        break;
    }
    return out;
}
