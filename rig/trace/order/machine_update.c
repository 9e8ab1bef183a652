#include "machine_update.h"

#include <stdlib.h>
#include <string.h>

#include "sysregs.h"

enum {
    LINE_BYTES = 64,
    LOWER_LEVEL_VECTORS = 0x400, /* DDI 0487, D1.3 "Exception vectors" */
    SPSR_HANDLER_STACK = 1,
    SPSR_LEVEL_SHIFT = 2, /* SPSR.M[3:2] */
};

/* ID registers that nobody told: what no guest is wrong to use. 48-bit addresses, all granules
 * (TGran4 and TGran64 are implemented as 0); hardware access flag and dirty state, HPDS. */
#define MMFR0_DEFAULT UINT64_C(0x00100005)
#define MMFR1_DEFAULT UINT64_C(0x00001002)

bool machine_begin(struct machine *machine, const struct event_trace *trace,
                   const struct order_features *features)
{
    *machine = (struct machine){.trace = trace, .features = *features, .cpu_count = trace->cpus};
    if (machine->features.id_aa64mmfr0 == 0) {
        machine->features.id_aa64mmfr0 = MMFR0_DEFAULT;
    }
    if (machine->features.id_aa64mmfr1 == 0) {
        machine->features.id_aa64mmfr1 = MMFR1_DEFAULT;
    }
    machine->cpus = calloc(trace->cpus, sizeof(machine->cpus[0]));
    if (machine->cpus == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < trace->cpus; i++) {
        machine->cpus[i].el = TRACE_EL_UNKNOWN;
        const struct machine_value off = {.known = true, .at_entry = true};
        machine->cpus[i].regs[MACHINE_SCTLR_EL1] = off;
        machine->cpus[i].regs[MACHINE_SCTLR_EL2] = off;
    }
    return true;
}

void machine_end(struct machine *machine)
{
    for (uint32_t i = 0; machine->cpus != NULL && i < machine->cpu_count; i++) {
        cpu_history_free(&machine->cpus[i].history);
    }
    free(machine->cpus);
    tables_free(&machine->tables);
    tables_free(&machine->gone);
    *machine = (struct machine){0};
}

bool machine_is_cse(const struct machine *machine, const struct trace_event *event,
                    enum a64_class class)
{
    const struct machine_cpu *cpu = &machine->cpus[event->cpu];
    if (event->kind == TRACE_EVENT_ENTRY) {
        return machine_synchronizes(machine, cpu, event->el, SCTLR_EL1_EIS_BIT);
    }
    if (class == A64_ERET) {
        return machine_synchronizes(machine, cpu, cpu->el, SCTLR_EL1_EOS_BIT);
    }
    return class == A64_ISB;
}

/* The line that DC or IC by address concerns, HISTORY_NEVER for all. */
static uint64_t line_of(struct machine *machine, const struct machine_cpu *cpu,
                        const struct trace_event *event)
{
    struct rig_walk_result result;
    if ((event->flags & TRACE_EVENT_VALUE) == 0 || !a64_has_operand(event->opcode) ||
        !machine_translate(machine, cpu, event->value, &result) || result.has_pa == 0) {
        return HISTORY_NEVER;
    }
    return result.pa / LINE_BYTES;
}

static bool observe_insn(struct machine *machine, struct machine_cpu *cpu,
                         const struct trace_event *event, enum a64_class class)
{
    switch (class) {
    case A64_DSB:
        return history_add(&cpu->history.dsb, machine->now, event->opcode);
    case A64_DMB:
        return history_add(&cpu->history.dmb, machine->now, event->opcode);
    case A64_ISB:
    case A64_ERET:
        return history_add(&cpu->history.cse, machine->now, event->opcode);
    case A64_DC:
        return history_add_line(&cpu->history.dc, machine->now, line_of(machine, cpu, event),
                                event->opcode);
    case A64_IC:
        return history_add_line(&cpu->history.ic, machine->now, line_of(machine, cpu, event),
                                event->opcode);
    default:
        return true;
    }
}

/* The level that an exception came from, as far as the vector's offset and the model tell it. */
static uint8_t level_before(const struct machine_cpu *cpu, const struct trace_event *event)
{
    if (event->opcode < LOWER_LEVEL_VECTORS) {
        return event->el;
    }
    return event->el == 1 ? 0 : cpu->el;
}

/* SPSR_ELx is written by the entry; of it the level to return to is known. */
static bool observe_entry(struct machine *machine, struct machine_cpu *cpu,
                          const struct trace_event *event)
{
    if (event->el == 1 || event->el == 2) {
        uint8_t before = level_before(cpu, event);
        struct machine_value *spsr =
            &cpu->regs[event->el == 1 ? MACHINE_SPSR_EL1 : MACHINE_SPSR_EL2];
        spsr->known = before != TRACE_EL_UNKNOWN;
        spsr->value = before == 0 ? 0 : (uint64_t)before << SPSR_LEVEL_SHIFT | SPSR_HANDLER_STACK;
    }
    return history_add(&cpu->history.cse, machine->now, 0);
}

static bool anything_pending(const struct machine *machine)
{
    for (uint32_t i = 0; i < machine->cpu_count; i++) {
        if (machine->cpus[i].pending_count != 0) {
            return true;
        }
    }
    return false;
}

/* Remember a table that is let go: a CPU whose write to TTBRn no CSE has followed may walk it. */
static bool keep_gone(struct machine *machine, uint64_t pa)
{
    const struct table_frame *frame = tables_find(&machine->tables, pa);
    if (frame == NULL || !anything_pending(machine)) {
        return true;
    }
    struct trace_frame *copy = malloc(sizeof(*copy) + frame->size);
    if (copy == NULL) {
        return false;
    }
    *copy = (struct trace_frame){
        .pa = frame->pa, .size = frame->size, .level = frame->level, .upper = frame->upper};
    memcpy(copy + 1, frame->words, frame->size);
    bool kept = tables_add(&machine->gone, copy, machine->now);
    free(copy);
    return kept;
}

bool machine_observe(struct machine *machine, const struct trace_event *event, enum a64_class class)
{
    struct machine_cpu *cpu = &machine->cpus[event->cpu];
    bool kept = true;
    if (event->kind == TRACE_EVENT_ENTRY) {
        kept = observe_entry(machine, cpu, event);
    }
    if (event->el != TRACE_EL_UNKNOWN) {
        cpu->el = event->el;
    }
    cpu->last_event = machine->now;
    switch (event->kind) {
    case TRACE_EVENT_INSN:
        return observe_insn(machine, cpu, event, class);
    case TRACE_EVENT_FRAME:
        return tables_add(&machine->tables, event_frame(machine->trace, event), machine->now);
    case TRACE_EVENT_FRAME_GONE:
        kept = keep_gone(machine, event->pa);
        tables_remove(&machine->tables, event->pa);
        return kept;
    default:
        return kept;
    }
}

void machine_synchronize(struct machine *machine, const struct trace_event *event)
{
    machine->cpus[event->cpu].pending_count = 0;
    if (machine->gone.frame_count != 0 && !anything_pending(machine)) {
        tables_free(&machine->gone);
        machine->gone = (struct tables){0};
    }
}

static void write_register(const struct machine *machine, struct machine_cpu *cpu,
                           const struct trace_event *event)
{
    enum machine_register reg = machine_register_written(cpu, a64_sys(event->opcode));
    if (reg == MACHINE_REGISTERS) {
        return;
    }
    if (cpu->pending_count == MACHINE_PENDING) {
        memmove(&cpu->pending[0], &cpu->pending[1],
                (MACHINE_PENDING - 1) * sizeof(cpu->pending[0]));
        cpu->pending_count--;
    }
    cpu->pending[cpu->pending_count++] = (struct machine_pending){
        .reg = reg,
        .before = cpu->regs[reg],
        .event = machine->now,
        .pc = event->pc,
        .pc_pa = event->pc_pa,
        .opcode = event->opcode,
        .el = cpu->el,
    };
    bool known = (event->flags & TRACE_EVENT_VALUE) != 0;
    cpu->regs[reg] =
        (struct machine_value){.value = known ? event->value : 0, .known = known, .lost = !known};
}

/* Where an ERET goes: DDI 0487, SPSR_ELx.M[3:2]. */
static void return_from(struct machine_cpu *cpu)
{
    const struct machine_value *spsr =
        &cpu->regs[cpu->el == 2 ? MACHINE_SPSR_EL2 : MACHINE_SPSR_EL1];
    bool known = (cpu->el == 1 || cpu->el == 2) && spsr->known;
    cpu->el = known ? (uint8_t)(spsr->value >> SPSR_LEVEL_SHIFT & 3) : TRACE_EL_UNKNOWN;
}

static void store_word(struct machine *machine, const struct trace_event *event)
{
    uint64_t before;
    tables_store(&machine->tables, event->pa, event->value, &before);
}

void machine_apply(struct machine *machine, const struct trace_event *event, enum a64_class class)
{
    struct machine_cpu *cpu = &machine->cpus[event->cpu];
    if (event->kind == TRACE_EVENT_STORE && (event->flags & TRACE_EVENT_TABLE) != 0) {
        store_word(machine, event);
    } else if (class == A64_MSR) {
        write_register(machine, cpu, event);
    } else if (class == A64_ERET) {
        return_from(cpu);
    }
}
