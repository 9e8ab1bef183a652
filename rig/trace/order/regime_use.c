#include "regime_use.h"

#include <inttypes.h>
#include <stdio.h>

#include "sysregs.h"

enum { HALF_SELECT_BIT = 55, MAIR_NON_CACHEABLE = 0x44 };

struct regime_values regime_values_of(const struct machine_cpu *cpu)
{
    struct regime_values values;
    for (unsigned int i = 0; i < REGIME_REGISTERS; i++) {
        values.regs[i] = cpu->regs[i];
    }
    return values;
}

/* A table as it stands, else as it stood when it was let go. */
static int read_table(void *context, uint64_t pa, uint64_t *value)
{
    struct machine *machine = context;
    int outcome = tables_read(&machine->tables, pa, value);
    return outcome > 0 ? tables_read(&machine->gone, pa, value) : outcome;
}

/* The register without whose value nothing can be said, or MACHINE_REGISTERS. */
static enum machine_register unknown_of(const struct regime_values *values,
                                        const struct regime_use *use)
{
    const struct machine_value *regs = values->regs;
    if (!regs[MACHINE_SCTLR_EL1].known) {
        return MACHINE_SCTLR_EL1;
    }
    if ((regs[MACHINE_SCTLR_EL1].value & SCTLR_EL1_M_BIT) == 0) {
        return MACHINE_REGISTERS;
    }
    enum machine_register ttbr =
        (use->va >> HALF_SELECT_BIT & 1) != 0 ? MACHINE_TTBR1_EL1 : MACHINE_TTBR0_EL1;
    bool data = use->kind == REGIME_READ || use->kind == REGIME_WRITE;
    if (!regs[MACHINE_TCR_EL1].known) {
        return MACHINE_TCR_EL1;
    }
    if (!regs[ttbr].known) {
        return ttbr;
    }
    return data && !regs[MACHINE_MAIR_EL1].known ? MACHINE_MAIR_EL1 : MACHINE_REGISTERS;
}

static bool has_right(const struct rig_walk_attributes *attr, enum regime_kind kind)
{
    switch (kind) {
    case REGIME_READ:
        return attr->el1_read != 0;
    case REGIME_WRITE:
        return attr->el1_write != 0;
    case REGIME_FETCH:
        return attr->el1_exec != 0;
    case REGIME_ADDRESS:
    default:
        return true;
    }
}

struct regime_answer regime_ask(struct machine *machine, const struct regime_values *values,
                                const struct regime_use *use)
{
    struct regime_answer result = {.unknown = unknown_of(values, use)};
    if (result.unknown != MACHINE_REGISTERS) {
        result.lost = values->regs[result.unknown].lost;
        return result;
    }
    struct rig_walk_result walk;
    const struct rig_walk_regs regs = {
        .sctlr = values->regs[MACHINE_SCTLR_EL1].value,
        .tcr = values->regs[MACHINE_TCR_EL1].value,
        .ttbr0 = values->regs[MACHINE_TTBR0_EL1].value,
        .ttbr1 = values->regs[MACHINE_TTBR1_EL1].value,
        .mair = values->regs[MACHINE_MAIR_EL1].value,
        .id_aa64mmfr0 = machine->features.id_aa64mmfr0,
        .id_aa64mmfr1 = machine->features.id_aa64mmfr1,
        .id_aa64mmfr2 = machine->features.id_aa64mmfr2,
    };
    result.status = rig_walk(&regs, read_table, machine, use->va, &walk);
    result.unread = result.status >= RIG_WALK_READ_FAILED;
    result.granted = result.status == RIG_WALK_OK && has_right(&walk.attr, use->kind);
    result.pa = walk.pa;
    result.attr = walk.attr;
    return result;
}

/* SCTLR_EL1.C = 0 makes Normal memory Non-cacheable: DDI 0487, SCTLR_EL1.C. */
static bool cacheable(const struct rig_walk_attributes *attr)
{
    return attr->memory == RIG_WALK_NORMAL && attr->mair_attr != MAIR_NON_CACHEABLE &&
           attr->data_cache_off == 0;
}

static bool same_memory(const struct rig_walk_attributes *left,
                        const struct rig_walk_attributes *right)
{
    if (left->memory != right->memory || cacheable(left) != cacheable(right)) {
        return false;
    }
    if (left->memory != RIG_WALK_NORMAL || !cacheable(left)) {
        return true; /* Device and Non-cacheable are outer shareable whatever SH says */
    }
    return left->shareability == right->shareability && left->mair_attr == right->mair_attr;
}

bool regime_same(const struct regime_answer *left, const struct regime_answer *right,
                 enum regime_kind kind)
{
    if (!left->granted || !right->granted) {
        return false;
    }
    bool data = kind == REGIME_READ || kind == REGIME_WRITE;
    return left->pa == right->pa && (!data || same_memory(&left->attr, &right->attr));
}

static const char *memory_text(const struct rig_walk_attributes *attr)
{
    static const char DEVICES[][16] = {"Device-nGnRnE", "Device-nGnRE", "Device-nGRE",
                                       "Device-GRE"};
    if (attr->memory < RIG_WALK_NORMAL) {
        return DEVICES[attr->memory];
    }
    return cacheable(attr) ? "Normal Cacheable" : "Normal Non-cacheable";
}

static const char *denied_text(enum regime_kind kind)
{
    switch (kind) {
    case REGIME_READ:
        return "no right to read";
    case REGIME_WRITE:
        return "no right to write";
    case REGIME_FETCH:
        return "no right to execute";
    case REGIME_ADDRESS:
    default:
        return "no right";
    }
}

void regime_text(const struct regime_answer *result, enum regime_kind kind,
                 char text[static REGIME_TEXT])
{
    if (result->unknown != MACHINE_REGISTERS) {
        snprintf(text, REGIME_TEXT, "anything (%s as it was is unknown)",
                 machine_register_name(result->unknown));
    } else if (result->unread) {
        snprintf(text, REGIME_TEXT, "anything (a table of that walk is unknown)");
    } else if (result->status != RIG_WALK_OK) {
        snprintf(text, REGIME_TEXT, "a fault (%s)", rig_walk_status_text(result->status));
    } else if (!result->granted) {
        snprintf(text, REGIME_TEXT, "PA 0x%" PRIx64 " with %s", result->pa, denied_text(kind));
    } else if (kind == REGIME_FETCH || kind == REGIME_ADDRESS) {
        snprintf(text, REGIME_TEXT, "PA 0x%" PRIx64, result->pa);
    } else {
        char shareability[32];
        rig_walk_shareability_text(result->attr.shareability, shareability, sizeof(shareability));
        snprintf(text, REGIME_TEXT, "PA 0x%" PRIx64 " as %s, %s", result->pa,
                 memory_text(&result->attr), shareability);
    }
}

const char *regime_word(enum regime_kind kind)
{
    switch (kind) {
    case REGIME_READ:
        return "load";
    case REGIME_WRITE:
        return "store";
    case REGIME_FETCH:
        return "instruction fetch";
    case REGIME_ADDRESS:
    default:
        return "operation by address";
    }
}
