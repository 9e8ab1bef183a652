/*
 * The event plugin: what a guest did that orders, or has to be ordered (event-trace.md).
 *
 *   -plugin
 * librigevents-N.so,out=FILE[,image=BUILD-ID][,limit=BYTES][,stores=on|off][,every=on|off]
 *           [,ram=ADDRESS][,operands=FILE]
 */
#include <stdlib.h>
#include <string.h>

#include "recorder.h"
#include "registers.h"

enum { VECTOR_SIZE = 0x80, CPUS_MAX = 255 };

#define EVENTS_LIMIT ((uint64_t)1 << 30)

struct recorder recorder = {.lock = PTHREAD_MUTEX_INITIALIZER};

static bool said_aarch32;

enum { OPTION_STORES, OPTION_EVERY, OPTION_RAM, OPTION_OPERANDS, OPTIONS };

static struct plugin_option options[OPTIONS + 1] = {
    [OPTION_STORES].name = "stores",
    [OPTION_EVERY].name = "every",
    [OPTION_RAM].name = "ram",
    [OPTION_OPERANDS].name = "operands",
};

/* A block that could be a vector begins. */
static void on_vector(unsigned int vcpu, void *data)
{
    const struct event_site *site = data;
    struct state_entry entry;
    if (!recorder.cpus[vcpu].state.vectors_known) {
        return;
    }
    pthread_mutex_lock(&recorder.lock);
    if (!recorder.log.full && state_is_entry(&recorder.cpus[vcpu].state, site->pc, &entry)) {
        insns_entry(vcpu, &entry, site->pc_pa);
    }
    pthread_mutex_unlock(&recorder.lock);
}

static uint64_t address_of(const struct qemu_plugin_insn *insn, uint64_t pc)
{
    return phys_address(&recorder.phys, qemu_plugin_insn_haddr(insn), pc, !recorder.sctlr_written);
}

static void watch_block(struct qemu_plugin_tb *tb, uint64_t pc, uint64_t pa)
{
    if (pc % VECTOR_SIZE != 0) {
        return;
    }
    struct event_site *site =
        event_sites_get(&recorder.sites, &(struct event_site){.pc = pc, .pc_pa = pa});
    if (site == NULL) {
        trace_writer_flag(recorder.plugin.writer, TRACE_FULL);
        return;
    }
    qemu_plugin_register_vcpu_tb_exec_cb(tb, on_vector, QEMU_PLUGIN_CB_NO_REGS, site);
}

static void instrument(struct qemu_plugin_tb *tb)
{
    size_t insns = qemu_plugin_tb_n_insns(tb);
    uint64_t start = qemu_plugin_tb_vaddr(tb);
    for (size_t i = 0; i < insns; i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        if (qemu_plugin_insn_size(insn) != sizeof(uint32_t)) {
            if (!said_aarch32) {
                said_aarch32 = true;
                plugin_say("the guest runs AArch32 code, which is not recorded");
            }
            return;
        }
        uint64_t pc = start + i * sizeof(uint32_t);
        uint64_t pa = address_of(insn, pc);
        if (i == 0) {
            watch_block(tb, pc, pa);
        }
        insns_watch(insn, pc, pa, plugin_opcode(&recorder.plugin, insn));
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

static bool take_options(void)
{
    return on_or_off(&options[OPTION_STORES], true, &recorder.stores) &&
           on_or_off(&options[OPTION_EVERY], false, &recorder.every) && take_operands();
}

static bool make_cpus(void)
{
    unsigned int count = recorder.plugin.cpus;
    if (count > CPUS_MAX) {
        plugin_say("%u virtual CPUs; at most %d can be told apart", count, CPUS_MAX);
        return false;
    }
    recorder.cpus = calloc(count, sizeof *recorder.cpus);
    if (recorder.cpus == NULL) {
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
    qemu_plugin_register_vcpu_init_cb(id, on_cpu);
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translate);
    return 0;
}
