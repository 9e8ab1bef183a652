#include "tlbi_match.h"

#include "live.h"
#include "sysregs.h"
#include "va_range.h"

enum { CONTIGUOUS_GROUP = 16 };

/* Sign-extend from bit `top`: TLBI takes VA[63:56] from VA[55], DDI 0487 D8.17.5.1. */
static uint64_t extended(uint64_t value, unsigned int top)
{
    uint64_t sign = UINT64_C(1) << top;
    value &= (sign << 1) - 1;
    return (value ^ sign) - sign;
}

static void page_target(struct tlbi_target *target, uint64_t operand)
{
    const uint64_t va_pages = (UINT64_C(1) << 44) - 1;
    target->first = extended((operand & va_pages) << 12, 55);
    target->last = target->first;
}

/* TG, SCALE, NUM and BaseADDR: DDI 0487 D8.17.5.2 "TLB range maintenance instructions". */
static void range_target(struct tlbi_target *target, uint64_t operand)
{
    static const uint8_t PAGE_BITS[] = {12, 12, 14, 16}; /* TG 0 is reserved */
    unsigned int page = PAGE_BITS[operand >> 46 & 3];
    unsigned int scale = (unsigned int)(operand >> 44 & 3);
    uint64_t num = operand >> 39 & 0x1f;
    uint64_t base = operand & ((UINT64_C(1) << 37) - 1);
    target->first = extended(base, 36) << page;
    target->last = target->first + ((num + 1) << (5 * scale + 1) << page) - 1;
}

static void add_path(struct machine *machine, const struct machine_cpu *cpu,
                     struct tlbi_target *target)
{
    struct rig_walk_regs regs;
    struct rig_walk_result walk;
    if (!machine_walk_regs(machine, cpu, target->first, &regs)) {
        return;
    }
    rig_walk(&regs, tables_read, &machine->tables, target->first, &walk);
    for (unsigned int i = 0; i < walk.step_count; i++) {
        target->path[target->path_count++] = walk.steps[i].descriptor_pa;
    }
    target->steps = target->path_count;
    if (target->steps == 0) {
        return;
    }
    uint64_t last = target->path[target->steps - 1];
    uint64_t group = last & ~(uint64_t)(CONTIGUOUS_GROUP * sizeof(uint64_t) - 1);
    for (unsigned int i = 0; i < CONTIGUOUS_GROUP; i++) {
        uint64_t word = group + i * sizeof(uint64_t);
        if (word != last) {
            target->path[target->path_count++] = word;
        }
    }
}

/* With E2H and TGE, EL2 names its own EL2&0 regime by TLBI ...E1: DDI 0487 D8.17.5. */
static bool means_el2(const struct machine_cpu *cpu)
{
    const uint64_t host = HCR_EL2_E2H_BIT | HCR_EL2_TGE_BIT;
    const struct machine_value *hcr = &cpu->regs[MACHINE_HCR_EL2];
    return cpu->el == 2 && hcr->known && (hcr->value & host) == host;
}

bool tlbi_target_of(struct machine *machine, const struct trace_event *event,
                    struct tlbi_target *target)
{
    const struct machine_cpu *cpu = &machine->cpus[event->cpu];
    *target = (struct tlbi_target){.op = a64_tlbi(event->opcode)};
    if (target->op.el != 1 || target->op.scope == A64_TLBI_IPA || means_el2(cpu)) {
        return false;
    }
    if (target->op.scope == A64_TLBI_ALL || target->op.scope == A64_TLBI_ASID) {
        target->everywhere = true;
        return true;
    }
    if ((event->flags & TRACE_EVENT_VALUE) == 0) {
        target->everywhere = true;
        target->operand_unknown = true;
        return true;
    }
    if (target->op.scope == A64_TLBI_RANGE) {
        range_target(target, event->value);
        return true;
    }
    page_target(target, event->value);
    add_path(machine, cpu, target);
    return true;
}

const char *tlbi_domain_name(enum a64_domain domain)
{
    static const char NAMES[][4] = {"NSH", "ISH", "OSH", "SY"};
    return NAMES[domain];
}

/* A TLBI for the last level leaves entries that hold table descriptors: DDI 0487 D8.17.5. */
static bool spared(const struct tlbi_target *target, const struct table_word *word)
{
    return target->op.last_level && live_kind(word->level, word->before) == LIVE_TABLE;
}

static bool in_range(const struct machine *machine, const struct machine_cpu *cpu,
                     const struct tlbi_target *target, const struct table_word *word)
{
    struct va_range range;
    return va_range_of(machine, cpu, word->pa, &range) && range.first <= target->last &&
           range.last >= target->first;
}

static struct table_word *next_on_path(const struct tlbi_target *target, const struct words *words,
                                       size_t *cursor)
{
    size_t at = *cursor == SIZE_MAX ? 0 : *cursor;
    while (at < target->path_count) {
        struct table_word *word = words_find(words, target->path[at]);
        bool neighbour = at >= target->steps;
        at++;
        if (word != NULL && !spared(target, word) &&
            (!neighbour || (word->before & DESC_LEAF_CONTIGUOUS_BIT) != 0)) {
            *cursor = at;
            return word;
        }
    }
    return NULL;
}

struct table_word *tlbi_next(const struct machine *machine, const struct machine_cpu *cpu,
                             const struct tlbi_target *target, const struct words *words,
                             size_t *cursor)
{
    if (words->count == 0) {
        return NULL;
    }
    if (!target->everywhere && target->op.scope != A64_TLBI_RANGE) {
        return next_on_path(target, words, cursor);
    }
    /* Downwards: what takes a removed word's place has been seen. */
    size_t at = *cursor == SIZE_MAX ? words->count : *cursor;
    while (at > 0) {
        at--;
        struct table_word *word = &words->items[at];
        if (!spared(target, word) && (target->everywhere || in_range(machine, cpu, target, word))) {
            *cursor = at;
            return word;
        }
    }
    return NULL;
}
