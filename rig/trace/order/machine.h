/*
 * The checker's model of the machine: what each CPU's registers hold, which writes no context
 * synchronization event (CSE) has followed yet, and what the translation tables say.
 *
 * machine_* is kept up to date by order.c before the rules see an event, except where a rule's hook
 * says otherwise (rule.h).
 */
#ifndef RIG_ORDER_MACHINE_H
#define RIG_ORDER_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

#include "a64_system.h"
#include "history.h"
#include "order.h"
#include "rigwalk.h"
#include "tables.h"

enum machine_register {
    MACHINE_SCTLR_EL1,
    MACHINE_TCR_EL1,
    MACHINE_TTBR0_EL1,
    MACHINE_TTBR1_EL1,
    MACHINE_MAIR_EL1,
    MACHINE_VBAR_EL1,
    MACHINE_CPACR_EL1,
    MACHINE_SPSR_EL1,
    MACHINE_CONTEXTIDR_EL1,
    MACHINE_SCTLR_EL2,
    MACHINE_TCR_EL2,
    MACHINE_TTBR0_EL2,
    MACHINE_MAIR_EL2,
    MACHINE_VBAR_EL2,
    MACHINE_CPTR_EL2,
    MACHINE_HCR_EL2,
    MACHINE_SPSR_EL2,
    MACHINE_REGISTERS
};

struct machine_value {
    uint64_t value;
    bool known;
    bool lost;     /* written, with a value that the trace does not tell; else as reset left it */
    bool at_entry; /* SCTLR that nobody wrote: M is 0, and nothing else is known */
};

/* A direct write that no CSE has followed. */
struct machine_pending {
    enum machine_register reg;
    struct machine_value before; /* as it stood before the write */
    uint64_t event;
    uint64_t pc;
    uint64_t pc_pa;
    uint32_t opcode;
    uint8_t el;
};

enum { MACHINE_PENDING = 32 };

struct machine_cpu {
    /* As the last write left them (program order, what the emulator uses). At the entry SCTLR
     * is taken as 0 (at_entry) and all else unknown. */
    struct machine_value regs[MACHINE_REGISTERS];
    struct machine_pending
        pending[MACHINE_PENDING]; /* in order; the oldest are dropped beyond it */
    unsigned int pending_count;
    uint8_t el;          /* TRACE_EL_UNKNOWN until told */
    uint64_t last_event; /* its last event */
    struct cpu_history history;
};

struct machine {
    const struct event_trace *trace;
    struct order_features features;
    struct machine_cpu *cpus;
    uint32_t cpu_count;
    struct tables tables;
    struct tables gone; /* tables let go while a CPU may still walk them by an older TTBR */
    uint64_t now;       /* number of the event being judged */
};

/* The register that an MSR writes, or MACHINE_REGISTERS when it is none of them. _EL12 is _EL1. */
enum machine_register machine_register_of(uint32_t sys);
const char *machine_register_name(enum machine_register reg);

/* The register that an MSR of this CPU writes: as above, but with HCR_EL2.E2H the names _EL1 mean
 * EL2's registers at EL2. */
enum machine_register machine_register_written(const struct machine_cpu *cpu, uint32_t sys);

/* The oldest write to the register that no CSE has followed, NULL when there is none. Its `before`
 * is what hardware may still use. */
const struct machine_pending *machine_first_pending(const struct machine_cpu *cpu,
                                                    enum machine_register reg);
/* Whether what it wrote over differs in these bits from what the register holds, or may. */
bool machine_changed(const struct machine_cpu *cpu, const struct machine_pending *pending,
                     uint64_t bits);

/* Whether a write to it concerns the regime the CPU runs in (EL1's registers written at EL2 do not
 * matter before the ERET, which is a CSE). Unknown levels count as the register's own. */
bool machine_in_own_regime(const struct machine_cpu *cpu, enum machine_register reg);

/* The walker's registers for the EL1&0 regime with all writes done; false when one that matters is
 * unknown (SCTLR; with the MMU on TCR, the TTBR of that half, MAIR). */
bool machine_walk_regs(const struct machine *machine, const struct machine_cpu *cpu, uint64_t va,
                       struct rig_walk_regs *regs);

/* Translate in the regime the CPU runs in, with all writes done. False when registers or tables are
 * not known, and at EL2 with its MMU on: EL2's own stage 1 is not walked. */
bool machine_translate(struct machine *machine, const struct machine_cpu *cpu, uint64_t va,
                       struct rig_walk_result *result);

/* Whether exceptions taken to the level (SCTLR_EL1_EIS_BIT) or returns from it (SCTLR_EL1_EOS_BIT)
 * are context synchronization events: without FEAT_ExS always, and where SCTLR_ELx is not known. */
bool machine_synchronizes(const struct machine *machine, const struct machine_cpu *cpu, uint8_t el,
                          uint64_t bit);

/* Whether EL1&0 stage 1 translation is on (SCTLR_EL1.M, all writes done, known). */
bool machine_mmu_on(const struct machine_cpu *cpu);
/* Data caches on: M and C. */
bool machine_caches_on(const struct machine_cpu *cpu);

#endif
