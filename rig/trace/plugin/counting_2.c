#include "counting.h"

#include <stdlib.h>

#include "a64_decode.h"
#include "outcome.h"

/* A CPU and the block it is in. */
struct cpu {
    struct trace_block *block;
    uint64_t credited;   /* segments behind the first that the record has already */
    bool branch;         /* it ends with a conditional branch */
    uint8_t padding[40]; /* CPUs do not share a cache line */
};

static struct cpu *cpus;
static unsigned int cpu_count;
static bool single;
/* Of each CPU: segments behind the first that the current block has begun. */
static struct qemu_plugin_scoreboard *begun;

bool counting_start(const struct plugin *plugin)
{
    cpu_count = plugin->cpus;
    single = cpu_count == 1;
    cpus = aligned_alloc(sizeof *cpus, plugin->cpus * sizeof *cpus);
    for (unsigned int i = 0; cpus != NULL && i < plugin->cpus; i++) {
        cpus[i] = (struct cpu){0};
    }
    begun = qemu_plugin_scoreboard_new(sizeof(uint64_t));
    return cpus != NULL && begun != NULL;
}

static inline void add(uint64_t *counter)
{
    if (single) {
        (*counter)++;
    } else {
        __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
    }
}

static inline uint64_t *begun_by(unsigned int vcpu)
{
    return qemu_plugin_scoreboard_find(begun, vcpu);
}

static inline void credit(struct cpu *cpu, uint64_t segments)
{
    for (uint64_t i = cpu->credited + 1; i <= segments; i++) {
        add(&block_counts(cpu->block)[i]);
    }
    cpu->credited = segments;
}

/* The CPU goes on at `pc`: finish the block it was in. */
static inline void finish(struct cpu *cpu, uint64_t *segments, uint64_t pc, uint64_t paddr)
{
    struct trace_block *block = cpu->block;
    if (block != NULL) {
        credit(cpu, *segments);
        if (cpu->branch) {
            uint64_t *counter = outcome_counter(block, *segments == block->segments - 1, pc, paddr);
            if (counter != NULL) {
                add(counter);
            }
        }
    }
    cpu->block = NULL;
    cpu->credited = 0;
    *segments = 0;
}

static void on_block(unsigned int vcpu, void *data)
{
    struct trace_block *block = data;
    struct cpu *cpu = &cpus[vcpu];
    finish(cpu, begun_by(vcpu), block->vaddr, block->paddr);
    add(&block_counts(block)[0]);
    cpu->block = block;
    cpu->branch = false;
}

static void on_branch(unsigned int vcpu, void *data)
{
    on_block(vcpu, data);
    cpus[vcpu].branch = true;
}

/* The block's last instruction lets the CPU wait, perhaps until QEMU is killed: no next block would
 * bring the record up to date. */
static void on_wait(unsigned int vcpu, void *data)
{
    struct trace_block *block = data;
    if (cpus[vcpu].block == block) {
        credit(&cpus[vcpu], block->segments - 1);
    }
}

static void on_lost(unsigned int vcpu, void *data)
{
    finish(&cpus[vcpu], begun_by(vcpu), (uint64_t)(uintptr_t)data, TRACE_UNKNOWN_ADDRESS);
}

void counting_segment(unsigned int vcpu, struct trace_block *block, uint32_t segment)
{
    (void)block;
    (void)segment; /* the next one: segments begin in order */
    (*begun_by(vcpu))++;
}

void counting_settle(unsigned int vcpu)
{
    if (vcpu < cpu_count && cpus[vcpu].block != NULL) {
        credit(&cpus[vcpu], *begun_by(vcpu));
    }
}

void counting_settle_all(void)
{
    int known = qemu_plugin_num_vcpus();
    for (unsigned int i = 0; i < cpu_count && (int)i < known; i++) {
        counting_settle(i);
    }
}

static bool has_outcome(struct trace_block *block)
{
    int64_t offset = 0;
    return a64_conditional_branch(block_opcodes(block)[block->insns - 1], &offset);
}

void counting_block(struct qemu_plugin_tb *tb, struct trace_block *block, const uint16_t *starts,
                    uint32_t skip)
{
    qemu_plugin_register_vcpu_tb_exec_cb(tb, has_outcome(block) ? on_branch : on_block,
                                         QEMU_PLUGIN_CB_NO_REGS, block);
    for (uint32_t i = 1; i < block->segments; i++) {
        if (starts[i] != skip) {
            qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(
                qemu_plugin_tb_get_insn(tb, starts[i]), QEMU_PLUGIN_INLINE_ADD_U64,
                (qemu_plugin_u64){.score = begun, .offset = 0}, 1);
        }
    }
    if (a64_waits(block_opcodes(block)[block->insns - 1])) {
        qemu_plugin_register_vcpu_insn_exec_cb(qemu_plugin_tb_get_insn(tb, block->insns - 1),
                                               on_wait, QEMU_PLUGIN_CB_NO_REGS, block);
    }
}

void counting_lost_block(struct qemu_plugin_tb *tb)
{
    qemu_plugin_register_vcpu_tb_exec_cb(tb, on_lost, QEMU_PLUGIN_CB_NO_REGS,
                                         (void *)(uintptr_t)qemu_plugin_tb_vaddr(tb));
}
