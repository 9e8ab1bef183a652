#include "counting.h"

#include <stdlib.h>

#include "a64_decode.h"
#include "outcome.h"

/* How the branch is settled that a CPU's last block ends with. */
enum pending {
    PENDING_NONE = 0,    /* it ends with none */
    PENDING_PLAIN = 1,   /* by where the next block begins alone */
    PENDING_CHECKED = 3, /* where that could mislead: whether the branch executed is asked, too */
};

/* Which of a record's three outcomes, or of the spare ones. */
enum outcome { NOT_TAKEN, TAKEN, ELSEWHERE, OUTCOMES };

/*
 * A CPU and the block it executed last. With one CPU the common cases are settled without a branch
 * of the host, which could not predict what the guest does: blocks without a conditional branch
 * count into `spare`.
 */
struct cpu {
    uint64_t next, target; /* addresses behind the branch and that it goes to; odd when none */
    uint64_t *outcomes;    /* its counters, or `spare` */
    uint32_t pending;      /* enum pending */
    struct trace_block *block;
    uint64_t complete; /* one CPU: the last segment's count when the branch has executed;
                          several: whether it has */
    uint64_t spare[OUTCOMES];
    uint8_t padding[56]; /* CPUs do not share a cache line */
};
_Static_assert(sizeof(struct cpu) % 64 == 0, "CPUs are whole cache lines");

/* A block that ends with a conditional branch; packed densely, in the order of translation. */
struct branch {
    struct trace_block *block;
    int64_t distance; /* of the target from the block's start, in bytes */
};

/* A segment's counter, for several CPUs. */
struct segment {
    uint64_t *count;
    bool last;
};

static struct cpu *cpus;
static bool single;

bool counting_start(const struct plugin *plugin)
{
    single = plugin->cpus == 1;
    cpus = aligned_alloc(64, plugin->cpus * sizeof *cpus);
    for (unsigned int i = 0; cpus != NULL && i < plugin->cpus; i++) {
        cpus[i] = (struct cpu){.next = 1, .target = 1, .outcomes = cpus[i].spare};
    }
    return cpus != NULL;
}

/* One CPU: plain additions. */

/* The seldom cases: the counter that outcome_counter names, if any. */
static __attribute__((noinline)) void settle_rare(struct cpu *cpu, uint64_t pc, uint64_t paddr)
{
    struct trace_block *block = cpu->block;
    uint64_t *counter = NULL;
    if (cpu->pending == PENDING_CHECKED) {
        bool complete = block_counts(block)[block->segments - 1] == cpu->complete;
        counter = outcome_counter(block, complete, pc, paddr);
    } else if (!outcome_rest(block, pc, paddr)) {
        counter = outcome_counter(block, true, pc, paddr);
    }
    if (counter != NULL) {
        (*counter)++;
    }
}

static inline __attribute__((always_inline)) void settle_single(struct cpu *cpu, uint64_t pc,
                                                                uint64_t paddr)
{
    unsigned int other = pc == cpu->target ? TAKEN : ELSEWHERE;
    unsigned int outcome = pc == cpu->next ? NOT_TAKEN : other;
    if (__builtin_expect(outcome + cpu->pending > ELSEWHERE, 0)) {
        settle_rare(cpu, pc, paddr);
    } else {
        cpu->outcomes[outcome]++;
    }
}

static inline __attribute__((always_inline)) void forget_branch(struct cpu *cpu)
{
    cpu->next = 1;
    cpu->target = 1;
    cpu->outcomes = cpu->spare;
    cpu->pending = PENDING_NONE;
}

static void on_block_single(unsigned int vcpu, void *data)
{
    struct trace_block *block = data;
    struct cpu *cpu = &cpus[vcpu];
    settle_single(cpu, block->vaddr, block->paddr);
    block_counts(block)[0]++;
    forget_branch(cpu);
}

static inline __attribute__((always_inline)) void begin_branch(struct cpu *cpu,
                                                               const struct branch *branch)
{
    struct trace_block *block = branch->block;
    settle_single(cpu, block->vaddr, block->paddr);
    block_counts(block)[0]++;
    cpu->next = block->vaddr + (uint64_t)block->insns * sizeof(uint32_t);
    cpu->target = block->vaddr + (uint64_t)branch->distance;
    cpu->outcomes = &block->not_taken;
    cpu->block = block;
}

static void on_branch_single(unsigned int vcpu, void *data)
{
    struct cpu *cpu = &cpus[vcpu];
    begin_branch(cpu, data);
    cpu->pending = PENDING_PLAIN;
}

static void on_checked_single(unsigned int vcpu, void *data)
{
    struct cpu *cpu = &cpus[vcpu];
    begin_branch(cpu, data);
    struct trace_block *block = cpu->block;
    cpu->complete = block_counts(block)[block->segments - 1] + (block->segments > 1 ? 1 : 0);
    cpu->pending = PENDING_CHECKED;
}

static void on_lost_single(unsigned int vcpu, void *data)
{
    struct cpu *cpu = &cpus[vcpu];
    settle_single(cpu, (uint64_t)(uintptr_t)data, TRACE_UNKNOWN_ADDRESS);
    forget_branch(cpu);
}

/*
 * Could a block that was cut before its branch seem to have gone one of the branch's ways? An
 * exception leads to a vector; behind an access to a device a block begins inside of this one.
 */
static bool misleading(const struct trace_block *block, int64_t distance)
{
    uint64_t size = (uint64_t)block->insns * sizeof(uint32_t);
    uint64_t target = block->vaddr + (uint64_t)distance;
    bool vector = (block->vaddr + size) % OUTCOME_VECTOR == 0 || target % OUTCOME_VECTOR == 0;
    bool inside = (uint64_t)distance - 1 < size - 1;
    return (uint64_t)distance == size || (block->segments > 1 && (vector || inside));
}

/* Several CPUs, which may be threads of their own. */

// NOLINTNEXTLINE(readability-non-const-parameter): the builtin writes it
static inline void add(uint64_t *counter)
{
    __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

static inline void settle_multi(struct cpu *cpu, uint64_t pc, uint64_t paddr)
{
    struct trace_block *block = cpu->block;
    if (block != NULL) {
        uint64_t *counter = outcome_counter(block, cpu->complete != 0, pc, paddr);
        cpu->block = NULL;
        if (counter != NULL) {
            add(counter);
        }
    }
}

static void on_block_multi(unsigned int vcpu, void *data)
{
    struct trace_block *block = data;
    settle_multi(&cpus[vcpu], block->vaddr, block->paddr);
    add(&block_counts(block)[0]);
}

static void on_branch_multi(unsigned int vcpu, void *data)
{
    struct trace_block *block = data;
    on_block_multi(vcpu, block);
    cpus[vcpu].block = block;
    cpus[vcpu].complete = block->segments == 1;
}

static void on_segment_multi(unsigned int vcpu, void *data)
{
    const struct segment *segment = data;
    add(segment->count);
    if (segment->last) {
        cpus[vcpu].complete = 1;
    }
}

static void on_lost_multi(unsigned int vcpu, void *data)
{
    settle_multi(&cpus[vcpu], (uint64_t)(uintptr_t)data, TRACE_UNKNOWN_ADDRESS);
}

void counting_segment(unsigned int vcpu, struct trace_block *block, uint32_t segment)
{
    add(&block_counts(block)[segment]);
    if (!single && segment == block->segments - 1) {
        cpus[vcpu].complete = 1;
    }
}

void counting_settle(unsigned int vcpu)
{
    (void)vcpu; /* everything is in the file at once */
}

void counting_settle_all(void)
{
}

/* A new one of those that the callbacks get; NULL when memory is short. Never freed: QEMU keeps it.
 */
static struct branch *new_branch(struct trace_block *block, int64_t distance)
{
    enum { BATCH = 1024 };
    static struct branch *batch;
    static size_t left;
    if (left == 0) {
        batch = malloc(BATCH * sizeof *batch);
        left = batch == NULL ? 0 : BATCH;
    }
    if (left == 0) {
        plugin_say("out of memory: the outcomes of a branch are missing");
        return NULL;
    }
    struct branch *branch = batch++;
    left--;
    *branch = (struct branch){.block = block, .distance = distance};
    return branch;
}

static void instrument_start(struct qemu_plugin_tb *tb, struct trace_block *block)
{
    int64_t offset = 0;
    bool conditional = a64_conditional_branch(block_opcodes(block)[block->insns - 1], &offset);
    qemu_plugin_vcpu_udata_cb_t callback = single ? on_block_single : on_block_multi;
    void *data = block;
    if (conditional && single) {
        int64_t distance = (int64_t)(block->insns - 1) * (int64_t)sizeof(uint32_t) + offset;
        struct branch *branch = new_branch(block, distance);
        if (branch != NULL) {
            callback = misleading(block, distance) ? on_checked_single : on_branch_single;
            data = branch;
        }
    } else if (conditional) {
        callback = on_branch_multi;
    }
    qemu_plugin_register_vcpu_tb_exec_cb(tb, callback, QEMU_PLUGIN_CB_NO_REGS, data);
}

static void instrument_segment(struct qemu_plugin_insn *insn, struct trace_block *block, uint32_t i)
{
    uint64_t *count = &block_counts(block)[i];
    if (single) {
        qemu_plugin_register_vcpu_insn_exec_inline(insn, QEMU_PLUGIN_INLINE_ADD_U64, count, 1);
        return;
    }
    struct segment *segment = malloc(sizeof *segment);
    if (segment == NULL) {
        plugin_say("out of memory: the counts of a block are missing");
        return;
    }
    *segment = (struct segment){.count = count, .last = i == block->segments - 1};
    qemu_plugin_register_vcpu_insn_exec_cb(insn, on_segment_multi, QEMU_PLUGIN_CB_NO_REGS, segment);
}

void counting_block(struct qemu_plugin_tb *tb, struct trace_block *block, const uint16_t *starts,
                    uint32_t skip)
{
    instrument_start(tb, block);
    for (uint32_t i = 1; i < block->segments; i++) {
        if (starts[i] != skip) {
            instrument_segment(qemu_plugin_tb_get_insn(tb, starts[i]), block, i);
        }
    }
}

void counting_lost_block(struct qemu_plugin_tb *tb)
{
    qemu_plugin_vcpu_udata_cb_t callback = single ? on_lost_single : on_lost_multi;
    qemu_plugin_register_vcpu_tb_exec_cb(tb, callback, QEMU_PLUGIN_CB_NO_REGS,
                                         (void *)(uintptr_t)qemu_plugin_tb_vaddr(tb));
}
