/*
 * The event plugin: what a guest did that orders, or has to be ordered (event-trace.md).
 *
 *   -plugin
 * librigevents-N.so,out=FILE[,image=BUILD-ID][,limit=BYTES][,stores=on|off][,every=on|off]
 *           [,ram=ADDRESS][,operands=FILE]
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "a64_decode.h"
#include "recorder.h"
#include "registers.h"
#include "table_watch.h"

enum { CPUS_MAX = 255, BLOCK_INSNS = 1024 /* above QEMU's own bound, 512 */ };

#define EVENTS_LIMIT ((uint64_t)1 << 30)

struct recorder recorder = {.lock = PTHREAD_MUTEX_INITIALIZER};

static bool said_aarch32;
static uint32_t opcodes[BLOCK_INSNS]; /* of the block being translated */

enum { OPTION_STORES, OPTION_EVERY, OPTION_RAM, OPTION_OPERANDS, OPTIONS };

static struct plugin_option options[OPTIONS + 1] = {
    [OPTION_STORES].name = "stores",
    [OPTION_EVERY].name = "every",
    [OPTION_RAM].name = "ram",
    [OPTION_OPERANDS].name = "operands",
};

uint8_t recorder_look(unsigned int vcpu, uint64_t pc)
{
    struct recorder_cpu *cpu = &recorder.cpus[vcpu];
    uint64_t now = 0;
    uint8_t el = TRACE_EL_UNKNOWN;
    if (registers_place(vcpu, &now, &el)) {
        /* QEMU brings the PC up to date when a block begins, and no block leaves its page. */
        cpu->made_for = pc / RECORDER_PAGE * RECORDER_PAGE;
        cpu->runs_at = now / RECORDER_PAGE * RECORDER_PAGE;
    }
    return el;
}

static uint64_t address_of(const struct qemu_plugin_insn *insn, uint64_t pc)
{
    return guest_ram_insn(&recorder.ram, qemu_plugin_insn_haddr(insn), pc, !recorder.sctlr_written);
}

/* The opcodes of the block, into `opcodes`; false when it is not A64 code. */
static bool read_opcodes(const struct qemu_plugin_tb *tb, uint32_t insns)
{
    for (uint32_t i = 0; i < insns; i++) {
        const struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        if (qemu_plugin_insn_size(insn) != sizeof(uint32_t)) {
            return false;
        }
        opcodes[i] = plugin_opcode(&recorder.plugin, insn);
    }
    return true;
}

/* Before the block's instructions: QEMU calls back in the order of registering. */
static void watch_block(struct qemu_plugin_tb *tb, struct code_shape *shape)
{
    uint64_t size = (uint64_t)shape->insns * sizeof(uint32_t);
    if (recorder.stores && shape->paddr != TRACE_UNKNOWN_ADDRESS) {
        shape->writer = last_writer_newest(&recorder.writers, shape->paddr, size, false);
        last_writer_watch_code(&recorder.writers, shape->paddr, shape->insns);
    }
    blocks_watch(tb, shape);
}

static void watch_insn(struct qemu_plugin_insn *insn, uint64_t pc, uint32_t opcode)
{
    uint64_t pa = address_of(insn, pc);
    insns_watch(insn, pc, pa, opcode);
    if (recorder.stores && a64_accesses_memory(opcode)) {
        memory_watch(insn, pc, pa);
    }
}

static void instrument(struct qemu_plugin_tb *tb)
{
    size_t insns = qemu_plugin_tb_n_insns(tb);
    uint64_t start = qemu_plugin_tb_vaddr(tb);
    if (insns == 0 || insns > BLOCK_INSNS) {
        return;
    }
    if (!read_opcodes(tb, (uint32_t)insns)) {
        if (!said_aarch32) {
            said_aarch32 = true;
            plugin_say("the guest runs AArch32 code, which is not recorded");
        }
        return;
    }
    watch_block(tb, &(struct code_shape){
                        .vaddr = start,
                        .paddr = address_of(qemu_plugin_tb_get_insn(tb, 0), start),
                        .insns = (uint32_t)insns,
                        .opcodes = opcodes,
                    });
    for (size_t i = 0; i < insns; i++) {
        watch_insn(qemu_plugin_tb_get_insn(tb, i), start + i * sizeof(uint32_t), opcodes[i]);
    }
}

static void on_translate(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    (void)id;
    pthread_mutex_lock(&recorder.lock);
    instrument(tb);
    pthread_mutex_unlock(&recorder.lock);
}

static void on_cpu(qemu_plugin_id_t id, unsigned int vcpu)
{
    (void)id;
    pthread_mutex_lock(&recorder.lock);
    registers_find(&recorder.plugin, vcpu);
    pthread_mutex_unlock(&recorder.lock);
}

static bool on_or_off(const struct plugin_option *option, bool preset, bool *value)
{
    *value = preset;
    if (option->value == NULL) {
        return true;
    }
    *value = strcmp(option->value, "on") == 0;
    if (*value || strcmp(option->value, "off") == 0) {
        return true;
    }
    plugin_say("%s=%s: on or off", option->name, option->value);
    return false;
}

static bool take_operands(void)
{
    char error[OPERAND_FEED_ERROR];
    const char *path = options[OPTION_OPERANDS].value;
    if (path == NULL || operand_feed_open(&recorder.feed, path, error)) {
        return true;
    }
    plugin_say("%s", error);
    return false;
}

static bool take_ram(void)
{
    const char *text = options[OPTION_RAM].value;
    char *end = NULL;
    if (text == NULL) {
        return true;
    }
    errno = 0;
    recorder.ram.base = strtoull(text, &end, 0);
    recorder.ram.wanted = true;
    if (errno == 0 && text[0] >= '0' && text[0] <= '9' && *end == '\0' &&
        recorder.ram.base % RECORDER_PAGE == 0) {
        return true;
    }
    plugin_say("ram=%s: the physical address where RAM starts, a multiple of %d", text,
               RECORDER_PAGE);
    return false;
}

static bool take_options(void)
{
    return on_or_off(&options[OPTION_STORES], true, &recorder.stores) &&
           on_or_off(&options[OPTION_EVERY], false, &recorder.every) && take_ram() &&
           take_operands();
}

static bool make_cpus(void)
{
    unsigned int count = recorder.plugin.cpus;
    if (count > CPUS_MAX) {
        plugin_say("%u virtual CPUs; at most %d can be told apart", count, CPUS_MAX);
        return false;
    }
    recorder.cpus = calloc(count, sizeof *recorder.cpus);
    if (recorder.cpus == NULL || !table_watch_start() || !last_writer_start(&recorder.writers)) {
        plugin_say("out of memory");
        return false;
    }
    for (unsigned int i = 0; i < count; i++) {
        state_reset(&recorder.cpus[i].state);
    }
    return true;
}

static void set_flags(void)
{
    struct trace_writer *writer = recorder.plugin.writer;
    if (recorder.stores) {
        trace_writer_flag(writer, (enum trace_flags)TRACE_STORES);
    }
    if (recorder.every) {
        trace_writer_flag(writer, (enum trace_flags)TRACE_EVERY);
    }
    if (RIG_PLUGIN_API >= 2 || recorder.feed.text != NULL) {
        trace_writer_flag(writer, (enum trace_flags)TRACE_OPERANDS);
    }
}

static const struct plugin_hooks hooks = {
    .name = "rigevents",
    .kind = TRACE_EVENTS,
    .options = options,
    .known = ", stores=on|off, every=on|off, ram=ADDRESS, operands=FILE",
    .limit = EVENTS_LIMIT,
};

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc,
                                           char **argv);

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc,
                                           char **argv)
{
    if (plugin_start(&recorder.plugin, &hooks, id, info, argc, argv) != 0 || !take_options() ||
        !make_cpus()) {
        return -1;
    }
    event_log_start(&recorder.log, recorder.plugin.writer, recorder.plugin.limit);
    set_flags();
    memory_start();
    qemu_plugin_register_vcpu_init_cb(id, on_cpu);
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translate);
    return 0;
}
