#include "use.h"

static bool of_regime(const struct machine *machine, const struct trace_event *event)
{
    const struct machine_cpu *cpu = &machine->cpus[event->cpu];
    return cpu->el != 2 && cpu->el != 3 && machine_mmu_on(cpu);
}

unsigned int uses_of(const struct machine *machine, const struct trace_event *event,
                     struct use uses[static USES_MAX])
{
    if (!of_regime(machine, event)) {
        return 0;
    }
    uses[0] = (struct use){.va = event->va, .kind = USE_FETCH, .el = event->el};
    if (event->kind == TRACE_EVENT_STORE) {
        uses[0].kind = USE_WRITE;
        return 1;
    }
    if (event->kind == TRACE_EVENT_ACCESS) {
        uses[0].kind = (event->flags & TRACE_EVENT_WRITE) != 0 ? USE_WRITE : USE_READ;
        return 1;
    }
    if (event->kind != TRACE_EVENT_BLOCK && event->kind != TRACE_EVENT_TRANSLATE) {
        return 0;
    }
    const struct trace_code *code = event_code(machine->trace, event);
    uses[1] = uses[0];
    uses[1].va = code == NULL || code->insns == 0 ? event->va : event->va + (code->insns - 1) * 4;
    return uses[1].va >> 12 == uses[0].va >> 12 ? 1 : 2;
}

/* The tables with one word changed. */
struct patched {
    struct tables *tables;
    uint64_t word_pa;
    uint64_t value;
};

static int patched_read(void *context, uint64_t pa, uint64_t *value)
{
    const struct patched *patched = context;
    if (pa == patched->word_pa) {
        *value = patched->value;
        return 0;
    }
    return tables_read(patched->tables, pa, value);
}

bool use_walk(struct machine *machine, const struct rig_walk_regs *regs, uint64_t va,
              uint64_t word_pa, uint64_t value, struct rig_walk_result *result)
{
    struct patched patched = {.tables = &machine->tables, .word_pa = word_pa, .value = value};
    enum rig_walk_status status = rig_walk(regs, patched_read, &patched, va, result);
    return status <= RIG_WALK_FAULT_HOLE;
}

static bool allowed(const struct use *use, const struct rig_walk_attributes *attr)
{
    switch (use->kind) {
    case USE_READ:
        return (use->el == 0 ? attr->el0_read : attr->el1_read) != 0;
    case USE_WRITE:
        return (use->el == 0 ? attr->el0_write : attr->el1_write) != 0;
    default:
        return (use->el == 0 ? attr->el0_exec : attr->el1_exec) != 0;
    }
}

bool use_differs(const struct use *use, const struct rig_walk_result *old_walk,
                 const struct rig_walk_result *new_walk)
{
    if (old_walk->has_pa != new_walk->has_pa) {
        return true;
    }
    if (old_walk->has_pa == 0) {
        return false; /* both fault */
    }
    if (old_walk->pa != new_walk->pa) {
        return true;
    }
    const struct rig_walk_attributes *before = &old_walk->attr;
    const struct rig_walk_attributes *after = &new_walk->attr;
    if (old_walk->status == RIG_WALK_OK && new_walk->status == RIG_WALK_OK &&
        allowed(use, before) != allowed(use, after)) {
        return true;
    }
    return use->kind != USE_FETCH &&
           (before->mair_attr != after->mair_attr || before->shareability != after->shareability);
}

const char *use_name(const struct use *use)
{
    static const char NAMES[][6] = {"read", "write", "fetch"};
    return NAMES[use->kind];
}
