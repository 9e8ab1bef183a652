#include "code_chain.h"

#include "sysregs.h"

static const struct code_chain NO_DC = {
    "no DC that cleans the line to the Point of Unification between the store of the instruction "
    "and its execution",
    "put DC CVAU for each line; DSB ISH; IC IVAU for each; DSB ISH; ISB behind the store", true,
    false};

/* Shortest way over all CPUs: a maintenance instruction of the line at >= t, then a DSB of the same
 * CPU behind it. A task may go on on another CPU between two steps. */
struct step {
    uint64_t maintenance;
    uint64_t dsb;
};

static struct step clean_step(const struct machine *machine, const struct code_writer *writer,
                              uint8_t consumer)
{
    struct step step = {HISTORY_NEVER, HISTORY_NEVER};
    for (uint32_t i = 0; i < machine->cpu_count; i++) {
        const struct cpu_history *history = &machine->cpus[i].history;
        uint64_t done =
            history_dc(history, writer->end.event, code_line(writer), A64_DC_CLEAN, false);
        uint64_t dsb = history_dsb(history, done, i == consumer ? A64_NSH : A64_ISH, false);
        step.maintenance = done < step.maintenance ? done : step.maintenance;
        step.dsb = dsb < step.dsb ? dsb : step.dsb;
    }
    return step;
}

/* Complete is an IC by a DSB for loads and stores only: B2.3.1 "Completed IC Effect". */
static struct step invalidate_step(const struct machine *machine, const struct code_writer *writer,
                                   uint64_t t, uint8_t consumer)
{
    struct step step = {HISTORY_NEVER, HISTORY_NEVER};
    for (uint32_t i = 0; i < machine->cpu_count; i++) {
        const struct cpu_history *history = &machine->cpus[i].history;
        bool own = i == consumer;
        uint64_t done = own ? history_ic(history, t, code_line(writer))
                            : history_ic_broadcast(history, t, code_line(writer));
        uint64_t dsb = history_dsb(history, done, own ? A64_NSH : A64_ISH, true);
        step.maintenance = done < step.maintenance ? done : step.maintenance;
        step.dsb = dsb < step.dsb ? dsb : step.dsb;
    }
    return step;
}

const struct machine_value *code_sctlr(const struct machine_cpu *cpu)
{
    return &cpu->regs[cpu->el == 2 ? MACHINE_SCTLR_EL2 : MACHINE_SCTLR_EL1];
}

static bool needs_ic(const struct machine *machine, const struct machine_cpu *cpu)
{
    const struct machine_value *sctlr = code_sctlr(cpu);
    bool off = sctlr->known && (sctlr->value & SCTLR_EL1_I_BIT) == 0;
    return !machine->features.dic && !off;
}

/* The store reaches the Point of Unification; `*t` becomes the time from which it has. */
static struct code_chain clean(const struct machine *machine, const struct code_writer *writer,
                               uint8_t consumer, uint64_t *t)
{
    if (machine->features.idc || writer->caches_off) {
        *t = history_dsb(&machine->cpus[writer->end.cpu].history, writer->end.event,
                         writer->end.cpu == consumer ? A64_NSH : A64_ISH, false);
        if (*t == HISTORY_NEVER) {
            return (struct code_chain){
                "no DSB between the store of the instruction and its execution",
                "put DSB ISH; ISB behind the store", true, false};
        }
        return (struct code_chain){0};
    }
    struct step step = clean_step(machine, writer, consumer);
    if (step.maintenance == HISTORY_NEVER) {
        return NO_DC;
    }
    *t = step.dsb;
    bool too_early =
        needs_ic(machine, &machine->cpus[consumer]) &&
        invalidate_step(machine, writer, step.dsb, consumer).maintenance == HISTORY_NEVER &&
        invalidate_step(machine, writer, step.maintenance, consumer).maintenance != HISTORY_NEVER;
    if (step.dsb == HISTORY_NEVER || too_early) {
        return (struct code_chain){
            "no DSB between the DC that cleans the instruction's line and the IC "
            "of it",
            "put DSB ISH between the DC and the IC", true, false};
    }
    return (struct code_chain){0};
}

struct code_chain code_chain_of(const struct machine *machine, const struct code_writer *writer,
                                uint8_t consumer)
{
    const struct machine_cpu *cpu = &machine->cpus[consumer];
    uint64_t t = HISTORY_NEVER;
    struct code_chain chain = clean(machine, writer, consumer, &t);
    if (chain.missing != NULL) {
        return chain;
    }
    if (needs_ic(machine, cpu)) {
        /* Memory that was written with translation off, and never executed before, is in no
         * instruction cache but for what is there from before the reset (D8.2.12): for that any
         * IC since then is enough. */
        bool fresh = writer->caches_off && !writer->over_code;
        struct step step =
            invalidate_step(machine, writer, fresh ? writer->end.event : t, consumer);
        if (step.maintenance == HISTORY_NEVER) {
            return (struct code_chain){
                "no IC of the line behind the DSB that completes the store of "
                "the instruction",
                "put IC IVAU (or IC IALLU); DSB ISH; ISB behind that DSB", true, false};
        }
        if (step.dsb == HISTORY_NEVER && !fresh) {
            return (struct code_chain){
                "no DSB for loads and stores behind the IC of the instruction's "
                "line",
                "put DSB ISH; ISB behind the IC", false, false};
        }
        t = fresh ? t : step.dsb;
    }
    if (history_cse(&cpu->history, t) == HISTORY_NEVER) {
        return (struct code_chain){
            "no context synchronization event (ISB) on the CPU that executes the "
            "instruction behind the DSB",
            "put an ISB behind the last DSB", false, true};
    }
    return (struct code_chain){0};
}
