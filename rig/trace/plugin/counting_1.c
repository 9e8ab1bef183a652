#include "counting.h"

#include <stdlib.h>

#include "a64_decode.h"
#include "outcome.h"

/* A CPU and the block it executed last, when that ends with a conditional branch. */
struct cpu {
    struct trace_block *block;
    uint64_t complete;   /* one CPU: the last segment's count when the branch has executed;
                            several: whether it has */
    uint8_t padding[48]; /* CPUs do not share a cache line */
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
    cpus = aligned_alloc(sizeof *cpus, plugin->cpus * sizeof *cpus);
    for (unsigned int i = 0; cpus != NULL && i < plugin->cpus; i++) {
        cpus[i] = (struct cpu){0};
    }
    return cpus != NULL;
}

/* One CPU: plain additions. */

static inline void settle_single(struct cpu *cpu, uint64_t pc, uint64_t paddr)
{
    struct trace_block *block = cpu->block;
    if (block != NULL) {
        bool complete = block_counts(block)[block->segments - 1] == cpu->complete;
        uint64_t *counter = outcome_counter(block, complete, pc, paddr);
        cpu->block = NULL;
        if (counter != NULL) {
            (*counter)++;
        }
    }
}

static void on_block_single(unsigned int vcpu, void *data)
{
    struct trace_block *block = data;
    settle_single(&cpus[vcpu], block->vaddr, block->paddr);
    block_counts(block)[0]++;
}

static void on_branch_single(unsigned int vcpu, void *data)
{
    struct trace_block *block = data;
    struct cpu *cpu = &cpus[vcpu];
    settle_single(cpu, block->vaddr, block->paddr);
    block_counts(block)[0]++;
    cpu->block = block;
    cpu->complete = block_counts(block)[block->segments - 1] + (block->segments > 1 ? 1 : 0);
}

static void on_lost_single(unsigned int vcpu, void *data)
{
    settle_single(&cpus[vcpu], (uint64_t)(uintptr_t)data, TRACE_UNKNOWN_ADDRESS);
}

/* Several CPUs, which may be threads of their own. */

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

static bool has_outcome(struct trace_block *block)
{
    int64_t offset = 0;
    return a64_conditional_branch(block_opcodes(block)[block->insns - 1], &offset);
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
    bool branch = has_outcome(block);
    qemu_plugin_vcpu_udata_cb_t plain = single ? on_block_single : on_block_multi;
    qemu_plugin_vcpu_udata_cb_t watched = single ? on_branch_single : on_branch_multi;
    qemu_plugin_register_vcpu_tb_exec_cb(tb, branch ? watched : plain, QEMU_PLUGIN_CB_NO_REGS,
                                         block);
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
