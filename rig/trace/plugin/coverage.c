/*
 * The coverage plugin: which instructions of the guest executed how often, and which way its
 * conditional branches went.
 *
 *   -plugin librigcover-N.so,out=FILE[,image=BUILD-ID][,limit=BYTES]
 */
#include <pthread.h>
#include <stdlib.h>

#include "a64_decode.h"
#include "blocks.h"
#include "counting.h"
#include "epochs.h"
#include "phys.h"
#include "plugin_base.h"
#include "registers.h"

/* A write to SCTLR_ELx, for its callback. */
struct sctlr_write {
    uint64_t vaddr;
    uint32_t opcode;
    uint32_t segment; /* that it begins, 0 when none (or the first, which the block counts) */
    struct trace_block *block;
};

static struct plugin plugin;
/* Guards what translation uses: several virtual CPUs may translate at a time. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct blocks blocks;
static struct epochs epochs;
static struct phys phys;
static struct block_shape shape;
static bool sctlr_written; /* until then every MMU is off */
static bool said_aarch32;

static enum trace_mmu state_after(unsigned int vcpu, uint32_t opcode)
{
    uint64_t value = 0;
    if (!registers_read(vcpu, opcode & 31, &value)) {
        return TRACE_MMU_UNKNOWN;
    }
    return (value & 1) != 0 ? TRACE_MMU_ON : TRACE_MMU_OFF;
}

static void on_sctlr(unsigned int vcpu, void *data)
{
    const struct sctlr_write *write = data;
    if (write->segment != 0) {
        counting_segment(vcpu, write->block, write->segment);
    }
    counting_settle(vcpu);
    enum trace_mmu after = state_after(vcpu, write->opcode);
    pthread_mutex_lock(&lock);
    sctlr_written = true;
    epochs_add(&epochs, &blocks, write->vaddr, write->opcode, after);
    pthread_mutex_unlock(&lock);
}

/* Watch the instruction at `index`, a write to SCTLR. */
static void watch_sctlr(struct qemu_plugin_tb *tb, struct trace_block *block, uint32_t index)
{
    struct sctlr_write *write = malloc(sizeof *write);
    if (write == NULL) {
        plugin_say("out of memory: a write to SCTLR is not recorded");
        return;
    }
    *write = (struct sctlr_write){
        .vaddr = shape.vaddr + index * sizeof(uint32_t),
        .opcode = shape.opcodes[index],
        .block = block,
    };
    for (uint32_t i = 1; i < shape.segments; i++) {
        if (shape.starts[i] == index) {
            write->segment = i;
        }
    }
    qemu_plugin_register_vcpu_insn_exec_cb(qemu_plugin_tb_get_insn(tb, index), on_sctlr,
                                           QEMU_PLUGIN_CB_R_REGS, write);
}

/* What the block looks like, into `shape`; false when it is not A64 code. */
static bool read_shape(const struct qemu_plugin_tb *tb)
{
    size_t insns = qemu_plugin_tb_n_insns(tb);
    if (insns == 0 || insns > BLOCK_INSNS) {
        return false;
    }
    for (size_t i = 0; i < insns; i++) {
        const struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        if (qemu_plugin_insn_size(insn) != sizeof(uint32_t)) {
            return false;
        }
        shape.opcodes[i] = plugin_opcode(&plugin, insn);
    }
    shape.insns = (uint32_t)insns;
    shape.vaddr = qemu_plugin_tb_vaddr(tb);
    shape.paddr = phys_address(&phys, qemu_plugin_insn_haddr(qemu_plugin_tb_get_insn(tb, 0)),
                               shape.vaddr, !sctlr_written);
    block_cut(&shape);
    return true;
}

static void instrument(struct qemu_plugin_tb *tb)
{
    if (!read_shape(tb)) {
        counting_lost_block(tb);
        if (!said_aarch32) {
            said_aarch32 = true;
            plugin_say("the guest runs AArch32 code, which is not recorded");
        }
        return;
    }
    struct trace_block *block = blocks_record(&blocks, &shape);
    uint32_t last = shape.insns - 1; /* an MSR to SCTLR ends its block */
    bool sctlr = a64_writes_sctlr(shape.opcodes[last]) != 0;
    if (block == NULL) {
        counting_lost_block(tb);
        return;
    }
    counting_block(tb, block, shape.starts, sctlr ? last : BLOCK_INSNS);
    if (sctlr) {
        watch_sctlr(tb, block, last);
    }
}

static void on_translate(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    (void)id;
    pthread_mutex_lock(&lock);
    instrument(tb);
    pthread_mutex_unlock(&lock);
}

static void on_cpu(qemu_plugin_id_t id, unsigned int vcpu)
{
    (void)id;
    pthread_mutex_lock(&lock);
    registers_find(&plugin, vcpu);
    pthread_mutex_unlock(&lock);
}

static void on_idle(qemu_plugin_id_t id, unsigned int vcpu)
{
    (void)id;
    counting_settle(vcpu);
}

static const struct plugin_hooks hooks = {
    .name = "rigcover",
    .kind = TRACE_COVERAGE,
    .at_exit = counting_settle_all,
};

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc,
                                           char **argv);

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc,
                                           char **argv)
{
    if (plugin_start(&plugin, &hooks, id, info, argc, argv) != 0) {
        return -1;
    }
    if (!counting_start(&plugin)) {
        plugin_say("out of memory");
        return -1;
    }
    blocks = (struct blocks){.writer = plugin.writer};
    epochs_start(&epochs, &plugin);
    qemu_plugin_register_vcpu_init_cb(id, on_cpu);
    qemu_plugin_register_vcpu_idle_cb(id, on_idle);
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translate);
    return 0;
}
