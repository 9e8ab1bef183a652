/*
 * What the event plugin's parts share: its settings, the log, and what is known of each virtual
 * CPU.
 *
 * Callbacks look at their CPU's own state first and return, without a lock, when nothing is to be
 * recorded. Whatever writes to the log, or to what is shared, holds `lock`.
 */
#ifndef RIG_PLUGIN_RECORDER_H
#define RIG_PLUGIN_RECORDER_H

#include <pthread.h>

#include "code_blocks.h"
#include "event_log.h"
#include "event_sites.h"
#include "event_window.h"
#include "guest_ram.h"
#include "last_writer.h"
#include "operand_feed.h"
#include "plugin_base.h"
#include "system_state.h"

enum { RECORDER_CLEAN = 256 };

struct recorder_cpu {
    struct event_window window;
    struct system_state state;
    uint64_t isb_time;  /* events there were behind its last ISB's, 0 before it */
    bool off_stores;    /* it stored with caches off, and no DMB or DSB came since */
    bool stored;        /* it stored, and no DSB came since */
    uint64_t opened;    /* PC of the DAIFClr of I that it executed last */
    uint64_t block_end; /* address behind the block that it began last */
    /* The page of code where the CPU is, as it was translated and as it runs (recorder_at). */
    uint64_t made_for, runs_at;
    /* Pages of virtual addresses where nothing is left that was written with caches off. */
    uint64_t clean[RECORDER_CLEAN];
};

struct recorder {
    struct plugin plugin;
    bool stores; /* stores=on */
    bool every;  /* every=on */
    pthread_mutex_t lock;
    struct event_log log;
    struct event_sites sites;
    struct operand_feed feed;
    struct guest_ram ram;
    struct code_blocks blocks;
    struct last_writer writers;
    uint64_t zva_bytes; /* that DC ZVA writes */
    uint64_t mappings;  /* grows when virtual addresses may mean something else */
    bool sctlr_written; /* until then every MMU is off */
    struct recorder_cpu *cpus;
};

extern struct recorder recorder;

/*
 * From QEMU 8 on one translation serves all virtual addresses of the same code. Where the PC can be
 * read (API 2), learn where the CPU is now, in a callback that asked for RECORDER_READS, of an
 * instruction that was translated at `pc`. The level, or TRACE_EL_UNKNOWN.
 */
uint8_t recorder_look(unsigned int vcpu, uint64_t pc);

/* For callbacks that look. */
#define RECORDER_READS (RIG_PLUGIN_API == 1 ? QEMU_PLUGIN_CB_NO_REGS : QEMU_PLUGIN_CB_R_REGS)

enum { RECORDER_PAGE = 4096 };

/* The address at which an instruction runs that was translated at `pc`, as far as that is known. */
static inline uint64_t recorder_at(unsigned int vcpu, uint64_t pc)
{
    const struct recorder_cpu *cpu = &recorder.cpus[vcpu];
    return pc / RECORDER_PAGE * RECORDER_PAGE == cpu->made_for ? cpu->runs_at + pc % RECORDER_PAGE
                                                               : pc;
}

/* An event of that CPU at that instruction, with what is known now; the rest is for the caller. */
static inline struct trace_event recorder_event(unsigned int vcpu, enum trace_event_kind kind,
                                                uint64_t pc, uint64_t pc_pa)
{
    return (struct trace_event){
        .kind = (uint8_t)kind,
        .cpu = (uint8_t)vcpu,
        .el = recorder.cpus[vcpu].state.el,
        .pc = recorder_at(vcpu, pc),
        .pc_pa = pc_pa,
    };
}

/* event_insns.c: watch an instruction of a block being translated, if it is of interest. */
void insns_watch(struct qemu_plugin_insn *insn, uint64_t pc, uint64_t pc_pa, uint32_t opcode);

/* event_memory.c, once. */
void memory_start(void);
/* Watch what the instruction loads and stores. */
void memory_watch(struct qemu_plugin_insn *insn, uint64_t pc, uint64_t pc_pa);
/* Under the lock: a DC ZVA (or its kin) of the block at `va` is about to execute. */
void memory_zero(unsigned int vcpu, const struct event_site *site, uint64_t va);

/* event_blocks.c: watch a block being translated. `pc_pa` of its first instruction. */
void blocks_watch(struct qemu_plugin_tb *tb, const struct code_shape *shape);

/* Under the lock: a context synchronization event of the CPU; an exception that it took. */
void insns_cse(struct recorder_cpu *cpu);
void insns_entry(unsigned int vcpu, const struct state_entry *entry, uint64_t pc_pa);

#endif
