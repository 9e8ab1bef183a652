#include "timeline_words.h"

#include <inttypes.h>

#include "a64_system.h"
#include "event_words.h"
#include "phrase.h"
#include "register_words.h"

const char *timeline_act_name(unsigned int act)
{
    static const char *const names[] = {
        [ACT_REGISTER] = "register", [ACT_TABLES] = "tables", [ACT_STORES] = "stores",
        [ACT_TLBI] = "tlbi",         [ACT_CACHE] = "cache",   [ACT_AT] = "at",
        [ACT_CODE] = "code",         [ACT_CALL] = "call",     [ACT_ENTRY] = "entry",
        [ACT_RETURN] = "return",     [ACT_WAIT] = "wait",     [ACT_OFF_READ] = "off-read",
        [ACT_CUT] = "cut",           [LINE_AGAIN] = "again",  [LINE_BARRIERS] = "barriers",
    };
    return act < sizeof(names) / sizeof(names[0]) ? names[act] : "unknown";
}

static const char *plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

static void put_times(struct phrase *phrase, const struct timeline_line *line)
{
    if (line->count > 1) {
        phrase_add(phrase, " x%" PRIu64, line->count);
    }
}

static void put_range(struct phrase *phrase, const struct timeline_line *line)
{
    if (line->has_range && line->high != line->low) {
        phrase_add(phrase, ", VA 0x%" PRIx64 " to 0x%" PRIx64, line->low, line->high);
    } else if (line->has_range) {
        phrase_add(phrase, ", VA 0x%" PRIx64, line->low);
    }
}

static bool is_vbar(uint32_t sys)
{
    return sys == A64_VBAR_EL1 || sys == A64_VBAR_EL12 || sys == A64_VBAR_EL2 ||
           sys == A64_VBAR_EL3;
}

static void put_register(struct phrase *phrase, struct event_input *input,
                         const struct timeline_line *line)
{
    char name[REGISTER_NAME];
    char words[REGISTER_WORDS];
    uint32_t sys = a64_sys(line->opcode);
    if (line->mmu != MMU_AS_BEFORE) {
        phrase_add(phrase, "the MMU is turned %s: ", line->mmu == MMU_TURNED_ON ? "on" : "off");
    }
    phrase_add(phrase, "%s = ", register_name(sys, name));
    if (!line->has_value) {
        phrase_add(phrase, "unknown");
        return;
    }
    phrase_add(phrase, "0x%" PRIx64, line->value);
    const struct place *place = event_input_place(input, line->value);
    if (is_vbar(sys) && place->symbol[0] != '\0') {
        phrase_add(phrase, " <%s>", place->symbol);
    }
    if (register_words(sys, line->value, words)[0] != '\0') {
        phrase_add(phrase, ": %s", words);
    }
}

static void put_tables(struct phrase *phrase, const struct timeline_line *line)
{
    uint64_t reachable = 0;
    for (unsigned int level = 0; level < LEVELS; level++) {
        reachable += line->reachable[level];
    }
    if (reachable > 0) {
        phrase_list(phrase, "%" PRIu64 " translation table%s become%s reachable", reachable,
                    plural(reachable), reachable == 1 ? "s" : "");
    }
    for (unsigned int level = 0; level < LEVELS; level++) {
        if (line->reachable[level] > 0) {
            phrase_list(phrase, "level %u: %" PRIu64, level, line->reachable[level]);
        }
    }
    if (line->gone > 0) {
        phrase_list(phrase, "%" PRIu64 " reachable no more", line->gone);
    }
}

static void put_again(struct phrase *phrase, const struct timeline_line *line)
{
    static const char *const names[ACT_COUNT][2] = {
        [ACT_REGISTER] = {"register write", "register writes"},
        [ACT_TABLES] = {"table", "tables"},
        [ACT_STORES] = {"store", "stores"},
        [ACT_TLBI] = {"TLBI", "TLBIs"},
        [ACT_CACHE] = {"cache operation", "cache operations"},
        [ACT_AT] = {"AT", "ATs"},
        [ACT_CODE] = {"block of new code", "blocks of new code"},
        [ACT_CALL] = {"call", "calls"},
        [ACT_ENTRY] = {"exception", "exceptions"},
        [ACT_RETURN] = {"return", "returns"},
        [ACT_WAIT] = {"wait", "waits"},
        [ACT_OFF_READ] = {"line written with caches off", "lines written with caches off"},
        [ACT_CUT] = {"window cut", "windows cut"},
    };
    phrase_add(phrase, "again: ");
    const char *between = "";
    for (unsigned int act = 0; act < ACT_COUNT; act++) {
        if (line->again[act] > 0) {
            phrase_add(phrase, "%s%" PRIu64 " %s", between, line->again[act],
                       names[act][line->again[act] == 1 ? 0 : 1]);
            between = ", ";
        }
    }
}

const char *timeline_words(struct event_input *input, const struct disassembler *disassembler,
                           const struct timeline_line *line, char out[static TIMELINE_WORDS])
{
    char text[DISASSEMBLY_TEXT];
    struct phrase phrase = phrase_begin(out, TIMELINE_WORDS);
    switch (line->act) {
    case ACT_REGISTER:
        if (a64_class(line->opcode) == A64_MSR) {
            put_register(&phrase, input, line);
        } else {
            phrase_add(&phrase, "%s", disassembly_text(disassembler, line->pc, line->opcode, text));
        }
        put_times(&phrase, line);
        break;
    case ACT_TABLES:
        put_tables(&phrase, line);
        break;
    case ACT_STORES:
        phrase_add(&phrase, "%" PRIu64 " store%s to live tables or code", line->count,
                   plural(line->count));
        break;
    case ACT_CODE:
        phrase_add(&phrase, "%" PRIu64 " block%s of code that the guest wrote", line->count,
                   plural(line->count));
        break;
    case ACT_ENTRY:
        phrase_add(&phrase, "exception taken: %s, vector + 0x%03" PRIx32,
                   vector_words(line->opcode), line->opcode);
        put_times(&phrase, line);
        break;
    case ACT_OFF_READ:
        phrase_add(&phrase, "%" PRIu64 " line%s read with caches on, written with caches off",
                   line->count, plural(line->count));
        break;
    case ACT_CUT:
        phrase_add(&phrase, "a window grew too long: the rest of it is not recorded");
        put_times(&phrase, line);
        break;
    case LINE_AGAIN:
        put_again(&phrase, line);
        break;
    case LINE_BARRIERS:
        phrase_add(&phrase, "barriers");
        break;
    default:
        phrase_add(&phrase, "%s", disassembly_text(disassembler, line->pc, line->opcode, text));
        put_times(&phrase, line);
        break;
    }
    put_range(&phrase, line);
    return out;
}

static void put_barrier(struct phrase *phrase, const char *name, uint64_t count)
{
    if (count > 1) {
        phrase_list(phrase, "%s x%" PRIu64, name, count);
    } else if (count == 1) {
        phrase_list(phrase, "%s", name);
    }
}

const char *timeline_barriers(const struct timeline_line *line, char out[static BARRIER_WORDS])
{
    struct phrase phrase = phrase_begin(out, BARRIER_WORDS);
    put_barrier(&phrase, "dmb", line->dmb);
    put_barrier(&phrase, "dsb", line->dsb);
    put_barrier(&phrase, "isb", line->isb);
    return out;
}
