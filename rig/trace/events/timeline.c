#include "timeline.h"

#include <stdlib.h>

#include "a64_system.h"
#include "memory.h"
#include "site_counts.h"
#include "sysregs.h"

/* Values of a control register that one place writes and that have a line of their own. */
enum { VALUES_TOLD = 16 };

/* What makes an act the same act. */
struct act_key {
    uint64_t pc;
    uint64_t value;
    uint32_t opcode;
    uint8_t act;
    uint8_t cpu;
};

struct cpu_state {
    size_t last_line; /* index + 1, 0: none yet */
    struct act_key last_key;
    bool mmu_on;
};

/* The timeline while it is made. */
struct maker {
    struct timeline *timeline;
    const struct event_trace *trace;
    struct cpu_state *cpus;
    struct act_key *seen; /* open hash; cpu is CPU + 1, 0: free */
    size_t seen_slots;
    size_t seen_count;
    struct site_counts values; /* distinct values of control registers, by place */
};

static bool same_key(const struct act_key *a, const struct act_key *b)
{
    return a->pc == b->pc && a->value == b->value && a->opcode == b->opcode && a->act == b->act &&
           a->cpu == b->cpu;
}

static struct act_key *find_slot(const struct maker *maker, const struct act_key *key)
{
    uint64_t hash = (key->pc >> 2) * 0x9e3779b97f4a7c15;
    hash = (hash ^ key->value ^ (uint64_t)key->opcode << 20 ^ key->act ^ (uint64_t)key->cpu << 8) *
           0x9e3779b97f4a7c15;
    size_t at = (size_t)(hash >> 24) & (maker->seen_slots - 1);
    while (maker->seen[at].cpu != 0 && !same_key(&maker->seen[at], key)) {
        at = (at + 1) & (maker->seen_slots - 1);
    }
    return &maker->seen[at];
}

static void make_room(struct maker *maker)
{
    if (2 * (maker->seen_count + 1) <= maker->seen_slots) {
        return;
    }
    struct act_key *old = maker->seen;
    size_t old_slots = maker->seen_slots;
    maker->seen_slots = old_slots == 0 ? 1024 : 2 * old_slots;
    maker->seen = memory_get(maker->seen_slots, sizeof(maker->seen[0]));
    for (size_t i = 0; i < old_slots; i++) {
        if (old[i].cpu != 0) {
            *find_slot(maker, &old[i]) = old[i];
        }
    }
    free(old);
}

/* Whether the act is a new one; it is known from now on. */
static bool is_new(struct maker *maker, const struct act_key *key)
{
    make_room(maker);
    struct act_key *slot = find_slot(maker, key);
    if (slot->cpu != 0) {
        return false;
    }
    *slot = *key;
    maker->seen_count++;
    bool control = key->act == ACT_REGISTER && a64_opens_window(a64_sys(key->opcode));
    return !control || site_counts_add(&maker->values, key->pc, key->opcode) <= VALUES_TOLD;
}

static struct timeline_line *new_line(struct maker *maker, const struct trace_event *event,
                                      uint64_t number, unsigned int act)
{
    struct timeline *timeline = maker->timeline;
    timeline->lines =
        memory_grow(timeline->lines, timeline->count, &timeline->room, sizeof(timeline->lines[0]));
    struct timeline_line *line = &timeline->lines[timeline->count++];
    *line = (struct timeline_line){
        .act = act,
        .cpu = event->cpu,
        .el = event->el,
        .has_value = (event->flags & TRACE_EVENT_VALUE) != 0,
        .opcode = event->opcode,
        .pc = event->pc,
        .value = event->value,
        .first = number,
        .last = number,
    };
    maker->cpus[event->cpu].last_line = timeline->count;
    return line;
}

static struct timeline_line *last_line(const struct maker *maker, uint8_t cpu)
{
    size_t index = maker->cpus[cpu].last_line;
    return index == 0 ? NULL : &maker->timeline->lines[index - 1];
}

static bool is_control(const struct trace_event *event)
{
    return event->kind == TRACE_EVENT_INSN && a64_class(event->opcode) == A64_MSR &&
           a64_opens_window(a64_sys(event->opcode));
}

static struct act_key key_of(const struct trace_event *event, unsigned int act)
{
    bool instruction = event->kind == TRACE_EVENT_INSN || event->kind == TRACE_EVENT_ENTRY;
    bool anywhere = act == ACT_CODE || act == ACT_OFF_READ; /* the place is where it is noticed */
    return (struct act_key){
        .pc = anywhere ? 0 : event->pc,
        .value = is_control(event) ? event->value : 0,
        .opcode = instruction ? event->opcode : 0,
        .act = (uint8_t)act,
        .cpu = (uint8_t)(event->cpu + 1),
    };
}

/* The address that an act is about; false when it is about none, or it is not known. TLBI by VA:
 * DDI 0487, C5.5: the register's bits 43:0 are VA[55:12]. */
static bool address_of(const struct trace_event *event, unsigned int act, uint64_t *address)
{
    bool known = (event->flags & TRACE_EVENT_VALUE) != 0;
    switch (act) {
    case ACT_TLBI: {
        enum a64_tlbi_scope scope = a64_tlbi(event->opcode).scope;
        *address = (uint64_t)((int64_t)(event->value << 20) >> 8);
        return known && (scope == A64_TLBI_VA || scope == A64_TLBI_VAA);
    }
    case ACT_CACHE:
    case ACT_AT:
        *address = event->value;
        return known && a64_has_operand(event->opcode);
    case ACT_STORES:
    case ACT_OFF_READ:
    case ACT_CODE:
        *address = event->va;
        return true;
    default:
        return false;
    }
}

static void widen(struct timeline_line *line, uint64_t address)
{
    if (!line->has_range || address < line->low) {
        line->low = address;
    }
    if (!line->has_range || address > line->high) {
        line->high = address;
    }
    line->has_range = true;
}

static bool is_sctlr(uint32_t opcode)
{
    uint32_t sys = a64_sys(opcode);
    return a64_class(opcode) == A64_MSR &&
           (sys == A64_SCTLR_EL1 || sys == A64_SCTLR_EL2 || sys == A64_SCTLR_EL3);
}

/* At reset the MMU of each level is off. Only the level that the CPU runs at is followed. */
static enum mmu_change mmu_change(struct cpu_state *cpu, const struct trace_event *event)
{
    bool before = cpu->mmu_on;
    bool own = event->el == TRACE_EL_UNKNOWN || event->el == a64_sys_level(a64_sys(event->opcode));
    if (event->kind != TRACE_EVENT_INSN || !is_sctlr(event->opcode) || !own ||
        (event->flags & TRACE_EVENT_VALUE) == 0) {
        return MMU_AS_BEFORE;
    }
    cpu->mmu_on = (event->value & SCTLR_EL1_M_BIT) != 0;
    if (cpu->mmu_on == before) {
        return MMU_AS_BEFORE;
    }
    return cpu->mmu_on ? MMU_TURNED_ON : MMU_TURNED_OFF;
}

static void add_tables(struct timeline_line *line, const struct event_trace *trace,
                       const struct trace_event *event)
{
    const struct trace_frame *frame = event_frame(trace, event);
    if (frame != NULL) {
        line->reachable[frame->level % LEVELS]++;
    } else if (event->kind == TRACE_EVENT_FRAME_GONE) {
        line->gone++;
    }
}

static void take_act(struct maker *maker, const struct trace_event *event, uint64_t number,
                     unsigned int act)
{
    struct cpu_state *cpu = &maker->cpus[event->cpu];
    struct act_key key = key_of(event, act);
    struct timeline_line *line = last_line(maker, event->cpu);
    enum mmu_change mmu = mmu_change(cpu, event);
    uint64_t address;
    if (line == NULL || line->act == LINE_AGAIN || !same_key(&key, &cpu->last_key)) {
        if (is_new(maker, &key) || mmu != MMU_AS_BEFORE) {
            line = new_line(maker, event, number, act);
            line->mmu = mmu;
        } else if (line == NULL || line->act != LINE_AGAIN) {
            line = new_line(maker, event, number, LINE_AGAIN);
        }
    }
    cpu->last_key = key;
    line->last = number;
    line->count++;
    if (line->act == LINE_AGAIN) {
        line->again[act]++;
        return;
    }
    if (address_of(event, act, &address)) {
        widen(line, address);
    }
    add_tables(line, maker->trace, event);
}

static void take_barrier(struct maker *maker, const struct trace_event *event, uint64_t number,
                         enum a64_class class)
{
    struct timeline_line *line = last_line(maker, event->cpu);
    if (line == NULL) {
        line = new_line(maker, event, number, LINE_BARRIERS);
    }
    line->last = number;
    line->isb += class == A64_ISB;
    line->dsb += class == A64_DSB;
    line->dmb += class == A64_DMB;
}

/* The act of an instruction, ACT_COUNT for one that is none. */
static unsigned int act_of_insn(uint32_t opcode)
{
    switch (a64_class(opcode)) {
    case A64_MSR:
        return a64_has_operand(opcode) ? ACT_REGISTER : ACT_COUNT;
    case A64_DAIF:
        return ACT_REGISTER;
    case A64_TLBI:
        return ACT_TLBI;
    case A64_AT:
        return ACT_AT;
    case A64_DC:
    case A64_DC_ZVA:
    case A64_IC:
        return ACT_CACHE;
    case A64_ERET:
        return ACT_RETURN;
    case A64_SVC:
    case A64_HVC:
    case A64_SMC:
        return ACT_CALL;
    case A64_WAIT:
        return ACT_WAIT;
    default:
        return ACT_COUNT;
    }
}

static unsigned int act_of(const struct trace_event *event)
{
    static const unsigned int acts[TRACE_EVENT_KINDS] = {
        [0] = ACT_COUNT,
        [TRACE_EVENT_INSN] = ACT_COUNT,
        [TRACE_EVENT_STORE] = ACT_STORES,
        [TRACE_EVENT_ACCESS] = ACT_COUNT,
        [TRACE_EVENT_BLOCK] = ACT_COUNT,
        [TRACE_EVENT_TRANSLATE] = ACT_CODE,
        [TRACE_EVENT_FRAME] = ACT_TABLES,
        [TRACE_EVENT_FRAME_GONE] = ACT_TABLES,
        [TRACE_EVENT_ENTRY] = ACT_ENTRY,
        [TRACE_EVENT_CUT] = ACT_CUT,
        [TRACE_EVENT_OFF_READ] = ACT_OFF_READ,
    };
    return event->kind == TRACE_EVENT_INSN ? act_of_insn(event->opcode) : acts[event->kind];
}

void timeline_make(struct timeline *timeline, const struct event_trace *trace, int cpu)
{
    *timeline = (struct timeline){0};
    struct maker maker = {
        .timeline = timeline,
        .trace = trace,
        .cpus = memory_get(trace->cpus, sizeof(maker.cpus[0])),
    };
    struct event_cursor cursor = event_trace_begin(trace);
    const struct trace_event *event;
    while ((event = event_next(&cursor)) != NULL) {
        if (cpu >= 0 && event->cpu != cpu) {
            continue;
        }
        enum a64_class class =
            event->kind == TRACE_EVENT_INSN ? a64_class(event->opcode) : A64_OTHER;
        unsigned int act = act_of(event);
        if (class == A64_ISB || class == A64_DSB || class == A64_DMB) {
            take_barrier(&maker, event, cursor.number - 1, class);
        } else if (act != ACT_COUNT) {
            take_act(&maker, event, cursor.number - 1, act);
        }
    }
    site_counts_free(&maker.values);
    free(maker.seen);
    free(maker.cpus);
}

void timeline_free(struct timeline *timeline)
{
    free(timeline->lines);
    *timeline = (struct timeline){0};
}
