#include "trace_build.h"

#include <stdlib.h>

enum { LIST_ROOM = 16, FIRST_ROOM = 4096 };

/* Zeroed room at the end; returns its offset. */
static size_t extend(struct build *build, size_t size)
{
    size_t at = build->size;
    size = (size + 7) / 8 * 8;
    if (at + size > build->room) {
        size_t room = build->room * 2 > at + size ? build->room * 2 : at + size;
        uint8_t *data = realloc(build->data, room);
        assert_non_null(data);
        build->data = data;
        build->room = room;
    }
    memset(build->data + at, 0, size);
    build->size += size;
    return at;
}

static size_t add_chunk(struct build *build, uint32_t tag, size_t size)
{
    size_t at = extend(build, size);
    struct trace_chunk *chunk = (struct trace_chunk *)(void *)(build->data + at);
    *chunk = (struct trace_chunk){.tag = tag, .size = (uint32_t)(build->size - at)};
    return at;
}

struct trace_header *build_header(struct build *build)
{
    return (struct trace_header *)(void *)build->data;
}

void build_begin(struct build *build, uint32_t cpus)
{
    *build = (struct build){.room = FIRST_ROOM, .data = malloc(FIRST_ROOM)};
    assert_non_null(build->data);
    extend(build, sizeof(struct trace_header));
    struct trace_header *header = build_header(build);
    memcpy(header->magic, TRACE_MAGIC, sizeof(header->magic));
    header->version = TRACE_VERSION;
    header->kind = TRACE_EVENTS;
    header->flags = TRACE_CLOSED | TRACE_STORES | TRACE_OPERANDS;
    header->api = 2;
    header->cpus = cpus;
}

void build_free(struct build *build)
{
    free(build->data);
    *build = (struct build){0};
}

static struct trace_event_list *open_list(struct build *build)
{
    struct trace_event_list *list = (void *)(build->data + build->list);
    if (build->list != 0 && list->count < list->room) {
        return list;
    }
    build->list =
        add_chunk(build, TRACE_EVENT_LIST, sizeof(*list) + LIST_ROOM * sizeof(struct trace_event));
    list = (void *)(build->data + build->list);
    list->room = LIST_ROOM;
    return list;
}

uint64_t build_event(struct build *build, const struct trace_event *event)
{
    struct trace_event_list *list = open_list(build);
    struct trace_event *events = (struct trace_event *)(void *)(list + 1);
    events[list->count++] = *event;
    return build->events++;
}

/* An event of that kind at a PC that is physical, too. */
static struct trace_event plain(uint8_t kind, uint8_t cpu, uint8_t el, uint64_t pc)
{
    return (struct trace_event){.kind = kind, .cpu = cpu, .el = el, .pc = pc, .pc_pa = pc};
}

uint64_t build_insn_unknown(struct build *build, uint8_t cpu, uint8_t el, uint64_t pc,
                            uint32_t opcode)
{
    struct trace_event event = plain(TRACE_EVENT_INSN, cpu, el, pc);
    event.opcode = opcode;
    return build_event(build, &event);
}

uint64_t build_insn(struct build *build, uint8_t cpu, uint8_t el, uint64_t pc, uint32_t opcode,
                    uint64_t value)
{
    struct trace_event event = plain(TRACE_EVENT_INSN, cpu, el, pc);
    event.opcode = opcode;
    if (a64_has_operand(opcode)) {
        event.flags = TRACE_EVENT_VALUE;
        event.value = value;
    }
    return build_event(build, &event);
}

uint64_t build_store(struct build *build, uint8_t cpu, uint8_t el, uint64_t pc, uint64_t va,
                     uint64_t pa, uint64_t value, uint8_t flags)
{
    struct trace_event event = plain(TRACE_EVENT_STORE, cpu, el, pc);
    event.flags = flags | TRACE_EVENT_VALUE;
    event.opcode = sizeof(value);
    event.va = va;
    event.pa = pa;
    event.value = value;
    return build_event(build, &event);
}

uint64_t build_store_table(struct build *build, uint8_t cpu, uint8_t el, uint64_t pc, uint64_t va,
                           uint64_t pa, uint64_t value)
{
    return build_store(build, cpu, el, pc, va, pa, value, TRACE_EVENT_TABLE);
}

uint64_t build_access(struct build *build, uint8_t cpu, uint8_t el, uint64_t pc, uint64_t va,
                      uint64_t pa, bool write)
{
    struct trace_event event = plain(TRACE_EVENT_ACCESS, cpu, el, pc);
    event.flags = write ? TRACE_EVENT_WRITE : 0;
    event.opcode = 8;
    event.va = va;
    event.pa = pa;
    return build_event(build, &event);
}

static uint64_t add_code(struct build *build, const struct trace_event *at, const uint32_t *opcodes,
                         uint32_t insns, const struct trace_written *written)
{
    size_t offset =
        add_chunk(build, TRACE_CODE, sizeof(struct trace_code) + insns * sizeof(opcodes[0]));
    struct trace_code *code = (struct trace_code *)(void *)(build->data + offset);
    code->vaddr = at->pc;
    code->paddr = at->pc_pa;
    code->insns = insns;
    if (written != NULL) {
        code->written = *written;
    }
    memcpy(code + 1, opcodes, insns * sizeof(opcodes[0]));
    return offset;
}

static uint64_t add_block(struct build *build, struct trace_event event, uint64_t pa,
                          const uint32_t *opcodes, uint32_t insns,
                          const struct trace_written *written)
{
    event.pc_pa = pa;
    event.va = event.pc;
    event.pa = pa;
    event.value = add_code(build, &event, opcodes, insns, written);
    return build_event(build, &event);
}

uint64_t build_block(struct build *build, uint8_t cpu, uint8_t el, uint64_t pc, uint64_t pa,
                     const uint32_t *opcodes, uint32_t insns)
{
    return add_block(build, plain(TRACE_EVENT_BLOCK, cpu, el, pc), pa, opcodes, insns, NULL);
}

uint64_t build_translate(struct build *build, uint8_t cpu, uint8_t el, uint64_t pc, uint64_t pa,
                         const uint32_t *opcodes, uint32_t insns,
                         const struct trace_written *written)
{
    return add_block(build, plain(TRACE_EVENT_TRANSLATE, cpu, el, pc), pa, opcodes, insns, written);
}

uint64_t build_frame(struct build *build, uint8_t cpu, uint8_t el, uint64_t pc,
                     const struct build_table *table)
{
    size_t bytes = table->count * sizeof(table->words[0]);
    size_t offset = add_chunk(build, TRACE_FRAME, sizeof(struct trace_frame) + bytes);
    struct trace_frame *frame = (struct trace_frame *)(void *)(build->data + offset);
    frame->pa = table->pa;
    frame->size = (uint32_t)bytes;
    frame->level = table->level;
    frame->upper = table->upper;
    if (table->written != NULL) {
        frame->written = *table->written;
    }
    if (table->written_off != NULL) {
        frame->written_off = *table->written_off;
    }
    memcpy(frame + 1, table->words, bytes);
    struct trace_event event = plain(TRACE_EVENT_FRAME, cpu, el, pc);
    event.pa = table->pa;
    event.value = offset;
    return build_event(build, &event);
}

uint64_t build_frame_gone(struct build *build, uint8_t cpu, uint64_t pa)
{
    struct trace_event event = plain(TRACE_EVENT_FRAME_GONE, cpu, TRACE_EL_UNKNOWN, 0);
    event.pa = pa;
    return build_event(build, &event);
}

uint64_t build_entry(struct build *build, uint8_t cpu, uint8_t el, uint64_t vbar, uint32_t offset)
{
    struct trace_event event = plain(TRACE_EVENT_ENTRY, cpu, el, vbar + offset);
    event.va = event.pc;
    event.value = vbar;
    event.opcode = offset;
    return build_event(build, &event);
}

uint64_t build_off_read(struct build *build, uint8_t cpu, uint8_t el, uint64_t pc, uint64_t va,
                        uint64_t pa, const struct trace_written *written)
{
    size_t offset = add_chunk(build, TRACE_WRITER, sizeof(struct trace_writer_note));
    struct trace_writer_note *note = (struct trace_writer_note *)(void *)(build->data + offset);
    note->written = *written;
    struct trace_event event = plain(TRACE_EVENT_OFF_READ, cpu, el, pc);
    event.va = va;
    event.pa = pa;
    event.value = offset;
    return build_event(build, &event);
}

uint64_t build_cut(struct build *build, uint8_t cpu)
{
    struct trace_event event = plain(TRACE_EVENT_CUT, cpu, TRACE_EL_UNKNOWN, 0);
    return build_event(build, &event);
}

const uint8_t *build_finish(struct build *build, size_t *size)
{
    build_header(build)->used = build->size;
    *size = build->size;
    return build->data;
}

void build_judge(struct build *build, const char *rule, const struct order_features *features,
                 struct order_result *result)
{
    build_judge_and_keep(build, rule, features, result);
    build_free(build);
}

void build_judge_and_keep(struct build *build, const char *rule,
                          const struct order_features *features, struct order_result *result)
{
    struct event_trace trace;
    char error[ORDER_TEXT] = "";
    size_t size = 0;
    const uint8_t *data = build_finish(build, &size);
    const char *const rules[] = {rule, NULL};
    struct order_settings settings = {.rules = rule == NULL ? NULL : rules};
    if (features != NULL) {
        settings.features = *features;
    }
    bool read = event_trace_parse(&trace, data, size, error);
    if (!read || !order_check(&trace, &settings, result, error)) {
        fail_msg("%s", error);
    }
    event_trace_close(&trace);
}

size_t result_count(const struct order_result *result, enum order_level level)
{
    size_t count = 0;
    for (size_t i = 0; i < result->finding_count; i++) {
        count += result->findings[i].level == level;
    }
    return count;
}
