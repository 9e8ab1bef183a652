/*
 * The poke plugin: one word of the guest's RAM is kept wrong by one bit.
 *
 *   -plugin librigpoke-N.so,out=FILE,ram=ADDRESS,pa=HEX,value=HEX,bit=N
 *
 * Whenever the eight bytes at `pa` hold `value`, bit `bit` is flipped there, before the guest goes
 * on: a translation table then holds a wrong descriptor from its store on, for walks, for later
 * loads, for the debugger and for the other plugins.
 *
 * Memory itself is looked at, behind each access and before each block, so it does not matter how
 * the value came there: by one store, by several, by DC ZVA, or with the image.
 *
 * FILE is one number of 64 bits in the host's order, mapped and kept up to date: how many times the
 * bit was flipped. A guest whose memory is not found here would run as if nothing was wrong, so
 * QEMU ends then.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest_ram.h"
#include "plugin_base.h"

enum { BITS = 64, WORD = 8 };

static struct {
    uint64_t pa;
    uint64_t value;
    uint64_t flip;     /* the one bit */
    uint64_t *word;    /* where `pa` lies here; NULL before the first block */
    uint64_t *flipped; /* the file */
    struct guest_ram ram;
} poke;

/* The virtual CPUs may be threads: the one that finds the value flips. */
static void look(void)
{
    uint64_t found = poke.value;
    if (__atomic_load_n(poke.word, __ATOMIC_RELAXED) == poke.value &&
        __atomic_compare_exchange_n(poke.word, &found, poke.value ^ poke.flip, false,
                                    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
        __atomic_add_fetch(poke.flipped, 1, __ATOMIC_RELEASE);
    }
}

static void on_access(unsigned int vcpu, qemu_plugin_meminfo_t info, uint64_t va, void *data)
{
    (void)vcpu;
    (void)info;
    (void)va;
    (void)data;
    look();
}

static void on_block(unsigned int vcpu, void *data)
{
    (void)vcpu;
    (void)data;
    look();
}

static void find_word(void)
{
    if (!guest_ram_find(&poke.ram)) {
        plugin_say("rigpoke: the guest's RAM is not found: it has to be a shared memfd backend");
        _exit(1);
    }
    uint64_t distance = poke.pa - poke.ram.base;
    if (poke.pa < poke.ram.base || poke.ram.size < WORD || distance > poke.ram.size - WORD) {
        plugin_say("rigpoke: pa=0x%llx is not in the guest's RAM", (unsigned long long)poke.pa);
        _exit(1);
    }
    poke.word = (uint64_t *)(poke.ram.host + distance);
}

static void on_translation(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    (void)id;
    if (poke.word == NULL) {
        find_word();
    }
    qemu_plugin_register_vcpu_tb_exec_cb(tb, on_block, QEMU_PLUGIN_CB_NO_REGS, NULL);
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
        qemu_plugin_register_vcpu_mem_cb(qemu_plugin_tb_get_insn(tb, i), on_access,
                                         QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_MEM_W, NULL);
    }
}

/*
 * QEMU has the plugin first that registered last (QLIST_INSERT_HEAD in its plugins/core.c), and no
 * CPU comes before every plugin is installed: so this one is first, wherever it is on the line.
 */
static void on_cpu(qemu_plugin_id_t id, unsigned int vcpu)
{
    static bool registered;
    (void)vcpu;
    if (!registered) {
        registered = true;
        qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
    }
}

static bool parse_number(const char *text, int base, uint64_t *number)
{
    char *end = NULL;
    errno = 0;
    *number = strtoull(text, &end, base);
    return errno == 0 && text[0] >= '0' && text[0] <= '9' && *end == '\0';
}

/* One argument; false when it is none of this plugin's, or its value cannot be. */
static bool take(const char *argument, const char **out)
{
    const char *value = NULL;
    uint64_t bit = 0;
    if ((value = plugin_value(argument, "out")) != NULL) {
        *out = value;
        return true;
    }
    if ((value = plugin_value(argument, "ram")) != NULL) {
        poke.ram.wanted = parse_number(value, 0, &poke.ram.base);
        return poke.ram.wanted;
    }
    if ((value = plugin_value(argument, "pa")) != NULL) {
        return parse_number(value, 16, &poke.pa) && poke.pa != 0 && poke.pa % WORD == 0;
    }
    if ((value = plugin_value(argument, "value")) != NULL) {
        return parse_number(value, 16, &poke.value) && poke.value != 0;
    }
    if ((value = plugin_value(argument, "bit")) != NULL && parse_number(value, 10, &bit) &&
        bit < BITS) {
        poke.flip = UINT64_C(1) << bit;
        return true;
    }
    return false;
}

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc,
                                           char **argv);

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc,
                                           char **argv)
{
    const char *out = NULL;
    (void)info;
    for (int i = 0; i < argc; i++) {
        if (!take(argv[i], &out)) {
            plugin_say("rigpoke: cannot use '%s'; known: out=FILE, ram=ADDRESS, pa=HEX (a multiple "
                       "of 8), value=HEX (not 0), bit=0 to 63",
                       argv[i]);
            return -1;
        }
    }
    if (out == NULL || !poke.ram.wanted || poke.pa == 0 || poke.value == 0 || poke.flip == 0) {
        plugin_say("rigpoke: needs out=FILE, ram=ADDRESS, pa=HEX, value=HEX and bit=N");
        return -1;
    }
    poke.flipped = plugin_note("rigpoke", out, sizeof *poke.flipped);
    if (poke.flipped == NULL) {
        return -1;
    }
    qemu_plugin_register_vcpu_init_cb(id, on_cpu);
    return 0;
}
