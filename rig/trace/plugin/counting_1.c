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

/* Which of a record's three outcomes, in its order. */
_Static_assert(offsetof(struct trace_block, unknown) ==
                   offsetof(struct trace_block, not_taken) + 2 * sizeof(uint64_t),
               "the outcomes lie side by side");
enum outcome { NOT_TAKEN, TAKEN, ELSEWHERE };

/*
 * A block that ends with a conditional branch, as its callback gets it. Packed densely, in the
 * order of translation, since the cost of recording is that of the cache lines it touches.
 */
struct branch {
    uint64_t next, target; /* addresses behind the branch and that it goes to; odd when none */
    struct trace_block *block;
    uint32_t pending; /* enum pending */
};

/* Several CPUs: each, and the block it executed last when that ends with a conditional branch. */
struct cpu {
    struct trace_block *block;
    bool complete;       /* the branch has executed */
    uint8_t padding[48]; /* CPUs do not share a cache line */
};

/* A segment's counter, for several CPUs. */
struct segment {
    uint64_t *count;
    bool last;
};

static struct cpu *cpus;
static bool single;

/*
 * One CPU: the branch that its last block ended with. The common cases are settled without a branch
 * of the host, which could not predict what the guest does: blocks without a conditional branch
 * stand for `none`, whose counters nobody reads.
 */
static struct trace_block spare;
static struct branch none = {.next = 1, .target = 1, .block = &spare, .pending = PENDING_NONE};
static const struct branch *last = &none;
static uint64_t complete_count; /* of a checked one: the last segment's count if it executed */

bool counting_start(const struct plugin *plugin)
{
    single = plugin->cpus == 1;
    cpus = calloc(plugin->cpus, sizeof *cpus);
    return cpus != NULL;
}

/* One CPU: plain additions. */

/* The seldom cases: the counter that outcome_counter names, if any. */
static __attribute__((noinline)) void settle_rare(uint64_t pc, uint64_t paddr)
{
    struct trace_block *block = last->block;
    uint64_t *counter = NULL;
    if (last->pending == PENDING_CHECKED) {
        bool complete = block_counts(block)[block->segments - 1] == complete_count;
        counter = outcome_counter(block, complete, pc, paddr);
    } else if (!outcome_rest(block, pc, paddr)) {
        counter = outcome_counter(block, true, pc, paddr);
    }
    if (counter != NULL) {
        (*counter)++;
    }
}

/* A block begins at `pc`: settle the branch before it. */
static inline __attribute__((always_inline)) void settle_single(uint64_t pc, uint64_t paddr)
{
    const struct branch *branch = last;
    unsigned int other = pc == branch->target ? TAKEN : ELSEWHERE;
    unsigned int outcome = pc == branch->next ? NOT_TAKEN : other;
    if (__builtin_expect(outcome + branch->pending > ELSEWHERE, 0)) {
        settle_rare(pc, paddr);
    } else {
        (&branch->block->not_taken)[outcome]++;
    }
}

static void on_block_single(unsigned int vcpu, void *data)
{
    struct trace_block *block = data;
    (void)vcpu;
    settle_single(block->vaddr, block->paddr);
    block_counts(block)[0]++;
    last = &none;
}

static void on_branch_single(unsigned int vcpu, void *data)
{
    const struct branch *branch = data;
    (void)vcpu;
    settle_single(branch->block->vaddr, branch->block->paddr);
    block_counts(branch->block)[0]++;
    last = branch;
}

static void on_checked_single(unsigned int vcpu, void *data)
{
    const struct branch *branch = data;
    struct trace_block *block = branch->block;
    on_branch_single(vcpu, data);
    complete_count = block_counts(block)[block->segments - 1] + (block->segments > 1 ? 1 : 0);
}

static void on_lost_single(unsigned int vcpu, void *data)
{
    (void)vcpu;
    settle_single((uint64_t)(uintptr_t)data, TRACE_UNKNOWN_ADDRESS);
    last = &none;
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
        uint64_t *counter = outcome_counter(block, cpu->complete, pc, paddr);
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
        cpus[vcpu].complete = true;
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
        cpus[vcpu].complete = true;
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
        batch = aligned_alloc(64, BATCH * sizeof *batch);
        left = batch == NULL ? 0 : BATCH;
    }
    if (left == 0) {
        plugin_say("out of memory: the outcomes of a branch are missing");
        return NULL;
    }
    struct branch *branch = batch++;
    left--;
    *branch = (struct branch){
        .next = block->vaddr + (uint64_t)block->insns * sizeof(uint32_t),
        .target = block->vaddr + (uint64_t)distance,
        .block = block,
        .pending = misleading(block, distance) ? PENDING_CHECKED : PENDING_PLAIN,
    };
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
            callback = branch->pending == PENDING_CHECKED ? on_checked_single : on_branch_single;
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
