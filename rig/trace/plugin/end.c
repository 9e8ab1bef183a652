/*
 * The end plugin: a guest that does not end by itself is stopped at the same instruction each time.
 *
 *   -plugin librigend-N.so,out=FILE[,instructions=N][,until=HEX,console=FILE]
 *
 * It stops before the block in which instruction N + 1 would execute, or behind the store to a
 * device that brought the text (its bytes in hexadecimal) into the console's file. The virtual CPU
 * then stands still inside QEMU, where neither exceptions nor other plugins see any more of the
 * guest, until the driver kills QEMU: a request to quit would come some instructions later, and
 * elsewhere in each run.
 *
 * FILE is two numbers of 64 bits in the host's order, mapped and kept up to date: how many
 * instructions have begun to execute, by whole blocks, and how the run ended (enum ending).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plugin_base.h"

/* Numbers of the file's format: rig/engine/run_end.py reads them. */
enum ending { RUNS = 0, AT_INSTRUCTIONS = 1, AT_TEXT = 2, BY_GUEST = 3 };

struct note {
    uint64_t instructions;
    uint64_t ending;
};

#define TEXT_MAX 256U

static struct note *note;
static uint64_t most = UINT64_MAX;
static struct {
    char bytes[TEXT_MAX];
    size_t size;
    char *path;
    int file; /* -1 until QEMU has made it */
    off_t read;
    char tail[TEXT_MAX]; /* the last bytes before `read`, one fewer than the text's */
    size_t kept;
} text = {.file = -1};

static void stand_still(enum ending how)
{
    __atomic_store_n(&note->ending, (uint64_t)how, __ATOMIC_RELEASE);
    for (;;) {
        pause();
    }
}

static void on_block(unsigned int vcpu, void *data)
{
    (void)vcpu;
    uint64_t count = note->instructions + (uint64_t)(uintptr_t)data;
    if (count > most) {
        stand_still(AT_INSTRUCTIONS);
    }
    __atomic_store_n(&note->instructions, count, __ATOMIC_RELAXED);
}

/* Has the console's file, as far as it was not read before, the text? */
static bool shows(void)
{
    char buffer[2 * TEXT_MAX + 4096];
    ssize_t got = 0;
    if (text.file < 0) {
        text.file = open(text.path, O_RDONLY | O_CLOEXEC);
    }
    while (text.file >= 0) {
        memcpy(buffer, text.tail, text.kept);
        got = pread(text.file, buffer + text.kept, 4096, text.read);
        if (got <= 0) {
            return false;
        }
        text.read += got;
        size_t size = text.kept + (size_t)got;
        if (memmem(buffer, size, text.bytes, text.size) != NULL) {
            return true;
        }
        text.kept = size < text.size ? size : text.size - 1;
        memcpy(text.tail, buffer + size - text.kept, text.kept);
    }
    return false;
}

static void on_store(unsigned int vcpu, qemu_plugin_meminfo_t info, uint64_t vaddr, void *data)
{
    (void)vcpu;
    (void)data;
    /* QEMU writes the console's file before the store is over. */
    const struct qemu_plugin_hwaddr *place = qemu_plugin_get_hwaddr(info, vaddr);
    if (place != NULL && qemu_plugin_hwaddr_is_io(place) && shows()) {
        stand_still(AT_TEXT);
    }
}

static void on_translation(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    (void)id;
    size_t count = qemu_plugin_tb_n_insns(tb);
    qemu_plugin_register_vcpu_tb_exec_cb(tb, on_block, QEMU_PLUGIN_CB_NO_REGS,
                                         (void *)(uintptr_t)count);
    for (size_t i = 0; text.size != 0 && i < count; i++) {
        qemu_plugin_register_vcpu_mem_cb(qemu_plugin_tb_get_insn(tb, i), on_store,
                                         QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_MEM_W, NULL);
    }
}

static void on_exit_of_qemu(qemu_plugin_id_t id, void *data)
{
    (void)id;
    (void)data;
    __atomic_store_n(&note->ending, (uint64_t)BY_GUEST, __ATOMIC_RELEASE);
}

static bool parse_text(const char *hex)
{
    static const char digits[] = "0123456789abcdef";
    size_t length = strlen(hex);
    if (length == 0 || length % 2 != 0 || length / 2 > TEXT_MAX || strspn(hex, digits) != length) {
        return false;
    }
    for (size_t i = 0; i < length; i += 2) {
        const char pair[] = {hex[i], hex[i + 1], '\0'};
        text.bytes[i / 2] = (char)strtoul(pair, NULL, 16);
    }
    text.size = length / 2;
    return true;
}

static bool parse_count(const char *digits)
{
    char *end = NULL;
    errno = 0;
    most = strtoull(digits, &end, 10);
    return errno == 0 && digits[0] >= '0' && digits[0] <= '9' && *end == '\0' && most > 0;
}

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc,
                                           char **argv);

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc,
                                           char **argv)
{
    const char *out = NULL;
    (void)info;
    for (int i = 0; i < argc; i++) {
        const char *value = NULL;
        bool good = true;
        if ((value = plugin_value(argv[i], "out")) != NULL) {
            out = value;
        } else if ((value = plugin_value(argv[i], "console")) != NULL) {
            text.path = strdup(value); /* QEMU need not keep its words */
        } else if ((value = plugin_value(argv[i], "until")) != NULL) {
            good = parse_text(value);
        } else if ((value = plugin_value(argv[i], "instructions")) != NULL) {
            good = parse_count(value);
        } else {
            good = false;
        }
        if (!good) {
            plugin_say("rigend: cannot use '%s'; known: out=FILE, instructions=N, until=HEX, "
                       "console=FILE",
                       argv[i]);
            return -1;
        }
    }
    if (out == NULL || (text.size != 0) != (text.path != NULL)) {
        plugin_say("rigend: needs out=FILE, and until=HEX with console=FILE");
        return -1;
    }
    note = plugin_note("rigend", out, sizeof *note);
    if (note == NULL) {
        return -1;
    }
    qemu_plugin_register_atexit_cb(id, on_exit_of_qemu, NULL);
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
    return 0;
}
