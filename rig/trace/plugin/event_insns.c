/*
 * Instructions that change or order state: their events, and what they do to what is known of the
 * CPU.
 */
#include "recorder.h"

#include "a64_system.h"
#include "registers.h"
#include "table_watch.h"

enum {
    WFI_BIT = 0x20, /* WFI, WFIT: of the encodings of a64_class A64_WAIT */
    DAIF_IRQ_BIT = 0x200,
    INSN_BYTES = 4,
};

#define NOP UINT32_C(0xd503201f)

/* Recorded also outside of windows (event-trace.md)? */
static bool recorded_always(enum a64_class kind, uint32_t opcode)
{
    switch (kind) {
    case A64_MSR:
        return a64_has_operand(opcode);
    case A64_MRS:
        return a64_sys(opcode) == A64_PAR_EL1 || a64_sys(opcode) == A64_HCR_EL2;
    case A64_WAIT:
        return (opcode & WFI_BIT) != 0;
    case A64_DAIF:
    case A64_PSTATE:
    case A64_DMB:
    case A64_DC_ZVA:
    case A64_INDIRECT:
    case A64_OTHER:
        return false;
    default:
        return true;
    }
}

struct operand {
    uint64_t value;
    bool known;
};

static void know_level(unsigned int vcpu, uint8_t el)
{
    if (el != TRACE_EL_UNKNOWN) {
        state_set_el(&recorder.cpus[vcpu].state, el);
    }
}

/* Xt as it stands before the instruction; the level, too, where that is told. */
static struct operand take_operand(unsigned int vcpu, const struct event_site *site)
{
    struct operand operand = {0};
    if (site->fed) {
        uint8_t el = TRACE_EL_UNKNOWN;
        operand.known = operand_feed_take(&recorder.feed, site->pc, &operand.value, &el);
        if (operand.known) {
            know_level(vcpu, el);
        } else {
            trace_writer_flag(recorder.plugin.writer, (enum trace_flags)TRACE_OPERANDS_LOST);
        }
    }
    if (!operand.known && site->has_operand) {
        operand.known = registers_read(vcpu, a64_rt(site->opcode), &operand.value);
    }
    if (!operand.known) {
        operand.value = 0;
    }
    return operand;
}

/* A DAIFSet that ends a window for interrupts in which nothing was executed. */
static inline bool ends_empty_window(unsigned int vcpu, const struct event_site *site)
{
    return site->opener != 0 && recorder.cpus[vcpu].opened == site->opener;
}

/* May what comes before it not have had its effect (TRACE_EVENT_PENDING)? */
static bool before_is_pending(unsigned int vcpu, const struct event_site *site)
{
    bool waits = site->kind == A64_WAIT && (site->opcode & WFI_BIT) != 0;
    return (waits && recorder.cpus[vcpu].stored) || ends_empty_window(vcpu, site);
}

static void log_insn(unsigned int vcpu, const struct event_site *site,
                     const struct operand *operand)
{
    struct trace_event event = recorder_event(vcpu, TRACE_EVENT_INSN, site->pc, site->pc_pa);
    event.opcode = site->opcode;
    if (site->has_operand && operand->known) {
        event.flags = TRACE_EVENT_VALUE;
        event.value = operand->value;
    }
    if (before_is_pending(vcpu, site)) {
        event.flags |= TRACE_EVENT_PENDING;
        event.va = site->opener == 0 ? 0 : recorder_at(vcpu, site->opener);
    }
    event_log_add(&recorder.log, &event);
}

void insns_cse(struct recorder_cpu *cpu)
{
    window_cse(&cpu->window);
}

void insns_entry(unsigned int vcpu, const struct state_entry *entry, uint64_t pc_pa)
{
    struct recorder_cpu *cpu = &recorder.cpus[vcpu];
    uint64_t pc = entry->vbar + entry->offset;
    state_enter(&cpu->state, entry);
    struct trace_event event = recorder_event(vcpu, TRACE_EVENT_ENTRY, pc, pc_pa);
    event.va = pc;
    event.opcode = entry->offset;
    event.value = entry->vbar;
    event_log_add(&recorder.log, &event);
    insns_cse(cpu);
}

/* Where walks begin, and whether they are made. */
static bool decides_walks(enum state_register reg)
{
    return reg == STATE_SCTLR_EL1 || reg == STATE_TCR_EL1 || reg == STATE_TTBR0_EL1 ||
           reg == STATE_TTBR1_EL1;
}

static void written(unsigned int vcpu, const struct event_site *site, const struct operand *operand)
{
    struct recorder_cpu *cpu = &recorder.cpus[vcpu];
    uint32_t sys = a64_sys(site->opcode);
    enum state_register reg = state_register_of(sys);
    if (reg != STATE_REGISTERS) {
        state_write(&cpu->state, reg, operand->known, operand->value);
        recorder.mappings++;
    }
    if (reg <= STATE_SCTLR_EL3) {
        recorder.sctlr_written = true;
    }
    if (recorder.stores && decides_walks(reg)) {
        table_watch_registers(vcpu, site->pc, site->pc_pa);
    }
    if (a64_opens_window(sys)) {
        window_open(&cpu->window, WINDOW_NEED_CSE);
    }
}

/* A barrier that cache maintenance behind it is ordered by: DDI 0487, D7.5.9.15. */
static void order_off_stores(struct recorder_cpu *cpu, uint32_t opcode)
{
    struct a64_barrier barrier = a64_barrier(opcode);
    cpu->off_stores = cpu->off_stores && !(barrier.loads && barrier.stores);
}

/* What the instruction is going to do. */
static void apply(unsigned int vcpu, const struct event_site *site, const struct operand *operand)
{
    struct recorder_cpu *cpu = &recorder.cpus[vcpu];
    switch ((enum a64_class)site->kind) {
    case A64_MSR:
        written(vcpu, site, operand);
        break;
    case A64_ISB:
        cpu->isb_time = event_log_time(&recorder.log);
        insns_cse(cpu);
        break;
    case A64_DSB:
        window_dsb(&cpu->window, a64_barrier(site->opcode));
        order_off_stores(cpu, site->opcode);
        cpu->stored = cpu->stored && !a64_barrier(site->opcode).stores;
        break;
    case A64_DMB:
        order_off_stores(cpu, site->opcode);
        break;
    case A64_TLBI:
        window_open_dsb(&cpu->window, a64_tlbi(site->opcode).domain, true);
        if (recorder.stores) {
            table_watch_tlbi(vcpu, site, operand->known, operand->value);
        }
        recorder.mappings++;
        break;
    case A64_DC_ZVA:
        if (operand->known) {
            memory_zero(vcpu, site, operand->value);
        }
        break;
    case A64_ERET:
        insns_cse(cpu);
        state_exception_return(&cpu->state);
        break;
    default:
        break;
    }
}

/* Is it recorded now? Only the CPU itself changes its window, and what it stores. A DMB counts
 * outside of windows where it orders stores with caches off before maintenance of their lines. */
static inline bool recorded(unsigned int vcpu, const struct event_site *site)
{
    const struct recorder_cpu *cpu = &recorder.cpus[vcpu];
    return site->always || recorder.every || window_records(&cpu->window) ||
           (site->kind == A64_DMB && cpu->off_stores) || ends_empty_window(vcpu, site);
}

/*
 * An ISB when nothing was recorded since this CPU's last one: a loop that reads the counter has one
 * in each round. It orders nothing that the last one did not: whatever needs an ISB needs it behind
 * an event.
 */
static inline bool repeats(unsigned int vcpu, const struct event_site *site)
{
    return site->kind == A64_ISB && !recorder.every &&
           recorder.cpus[vcpu].isb_time == event_log_time(&recorder.log) &&
           recorder.cpus[vcpu].isb_time != 0;
}

/* A program that writes a register of the kernel's takes an exception and has written nothing. */
static bool undefined_here(unsigned int vcpu, const struct event_site *site)
{
    uint8_t el = recorder.cpus[vcpu].state.el;
    return el != TRACE_EL_UNKNOWN && a64_lowest_level(site->opcode) > el;
}

static void on_insn(unsigned int vcpu, void *data)
{
    const struct event_site *site = data;
    if (repeats(vcpu, site)) {
        return;
    }
    pthread_mutex_lock(&recorder.lock);
    if (!recorder.log.full) {
        know_level(vcpu, recorder_look(vcpu, site->pc));
        struct operand operand = take_operand(vcpu, site);
        if (!undefined_here(vcpu, site)) {
            if (recorded(vcpu, site)) {
                log_insn(vcpu, site, &operand);
            }
            apply(vcpu, site, &operand);
        }
    }
    pthread_mutex_unlock(&recorder.lock);
}

/* DAIFClr (`opens`) or DAIFSet of I. */
static inline bool is_of_irq(enum a64_class kind, uint32_t opcode, bool opens)
{
    return kind == A64_DAIF && (opcode & DAIF_IRQ_BIT) != 0 && a64_daif_opens(opcode) == opens;
}

/* One that has an effect only on what is recorded in windows. */
static void on_window_insn(unsigned int vcpu, void *data)
{
    const struct event_site *site = data;
    if (recorded(vcpu, site)) {
        on_insn(vcpu, data);
    }
    if (is_of_irq((enum a64_class)site->kind, site->opcode, true)) {
        recorder.cpus[vcpu].opened = site->pc;
    }
}

/* Where a DAIFClr would have to be that is followed by nothing but NOPs, DSBs and DMBs before `pc`:
 * instructions are watched in the order of their block, and a DAIFClr ends its own. */
static uint64_t before_nothing(uint64_t pc, uint32_t opcode, enum a64_class kind)
{
    static uint64_t from, next;
    from = pc == next ? from : pc;
    uint64_t opener = from - INSN_BYTES;
    next = pc + INSN_BYTES;
    from = opcode == NOP || kind == A64_DSB || kind == A64_DMB ? from : next;
    return opener;
}

void insns_watch(struct qemu_plugin_insn *insn, uint64_t pc, uint64_t pc_pa, uint32_t opcode)
{
    enum a64_class kind = a64_class(opcode);
    bool fed = operand_feed_has(&recorder.feed, pc);
    uint64_t opener = before_nothing(pc, opcode, kind);
    if (kind == A64_OTHER && !fed) {
        return;
    }
    struct event_site *site =
        event_sites_get(&recorder.sites, &(struct event_site){
                                             .pc = pc,
                                             .pc_pa = pc_pa,
                                             .opcode = opcode,
                                             .opener = is_of_irq(kind, opcode, false) ? opener : 0,
                                             .kind = (uint8_t)kind,
                                             .always = recorded_always(kind, opcode),
                                             .has_operand = a64_has_operand(opcode),
                                             .fed = fed,
                                         });
    if (site == NULL) {
        trace_writer_flag(recorder.plugin.writer, TRACE_FULL);
        return;
    }
    bool anywhere = site->always || site->fed || (recorder.stores && kind == A64_DC_ZVA);
    qemu_plugin_register_vcpu_insn_exec_cb(insn, anywhere ? on_insn : on_window_insn,
                                           RECORDER_READS, site);
}
