#include "plugin_base.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

QEMU_PLUGIN_EXPORT int qemu_plugin_version = RIG_PLUGIN_API;

/* QEMU hands no pointer of ours to its flush callback. */
static const struct plugin_hooks *armed;

void plugin_say(const char *format, ...)
{
    char text[512];
    va_list list;
    va_start(list, format);
    // NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): va_start is above
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    fprintf(stderr, "%s: %s\n", armed == NULL ? "rig plugin" : armed->name, text);
}

static bool right_qemu(const qemu_info_t *info)
{
    if (!info->system_emulation) {
        plugin_say("needs a whole machine (qemu-system-aarch64), not a user program");
        return false;
    }
    if (strcmp(info->target_name, "aarch64") != 0) {
        plugin_say("reads AArch64 guests; this QEMU emulates %s", info->target_name);
        return false;
    }
    if (info->version.min > RIG_PLUGIN_API || info->version.cur < RIG_PLUGIN_API) {
        plugin_say("built for plugin API %d; this QEMU has %d to %d", RIG_PLUGIN_API,
                   info->version.min, info->version.cur);
        return false;
    }
    return true;
}

struct arguments {
    struct plugin_option out, image, limit;
    uint8_t image_id[TRACE_IMAGE_ID_BYTES];
    uint32_t image_id_size;
    uint64_t limit_bytes;
};

const char *plugin_value(const char *argument, const char *name)
{
    size_t length = strlen(name);
    bool same = strncmp(argument, name, length) == 0 && argument[length] == '=';
    return same ? argument + length + 1 : NULL;
}

void *plugin_note(const char *name, const char *path, size_t size)
{
    int file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (file < 0 || ftruncate(file, (off_t)size) != 0) {
        plugin_say("%s: cannot create %s: %s", name, path, strerror(errno));
        if (file >= 0) {
            close(file);
        }
        return NULL;
    }
    void *mapped = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (mapped == MAP_FAILED) {
        plugin_say("%s: cannot map %s: %s", name, path, strerror(errno));
        return NULL;
    }
    return mapped;
}

static bool take(struct plugin_option *option, const char *argument)
{
    const char *value = plugin_value(argument, option->name);
    if (value != NULL) {
        option->value = value;
    }
    return value != NULL;
}

static bool take_any(struct arguments *arguments, struct plugin_option *more, const char *argument)
{
    if (take(&arguments->out, argument) || take(&arguments->image, argument) ||
        take(&arguments->limit, argument)) {
        return true;
    }
    for (; more != NULL && more->name != NULL; more++) {
        if (take(more, argument)) {
            return true;
        }
    }
    return false;
}

static int hex_digit(char digit)
{
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    if (digit >= 'a' && digit <= 'f') {
        return digit - 'a' + 10;
    }
    return -1;
}

/* A build-id in lower-case hexadecimal. */
static bool parse_image(struct arguments *arguments)
{
    const char *text = arguments->image.value;
    size_t length = text == NULL ? 0 : strlen(text);
    bool good = length % 2 == 0 && length <= (size_t)2 * TRACE_IMAGE_ID_BYTES;
    for (size_t i = 0; good && i + 1 < length; i += 2) {
        int high = hex_digit(text[i]);
        int low = hex_digit(text[i + 1]);
        good = high >= 0 && low >= 0;
        arguments->image_id[i / 2] = (uint8_t)(high * 16 + low);
    }
    if (!good) {
        plugin_say("image=%s: a build-id is an even number of lower-case hexadecimal digits, "
                   "at most %d",
                   text, 2 * TRACE_IMAGE_ID_BYTES);
    }
    arguments->image_id_size = (uint32_t)(length / 2);
    return good;
}

static bool parse_limit(struct arguments *arguments)
{
    const char *text = arguments->limit.value;
    if (text == NULL) {
        arguments->limit_bytes = armed->limit == 0 ? TRACE_LIMIT_DEFAULT : armed->limit;
        return true;
    }
    char *end = NULL;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno != 0 || text[0] < '0' || text[0] > '9' || *end != '\0' || value < TRACE_LIMIT_MIN ||
        value > TRACE_LIMIT_MAX) {
        plugin_say("limit=%s: a number of bytes from %llu to %llu", text,
                   (unsigned long long)TRACE_LIMIT_MIN, (unsigned long long)TRACE_LIMIT_MAX);
        return false;
    }
    arguments->limit_bytes = value;
    return true;
}

static bool parse(struct arguments *arguments, struct plugin_option *more, int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        if (!take_any(arguments, more, argv[i])) {
            plugin_say("unknown argument '%s'; known: out=FILE, image=BUILD-ID, limit=BYTES%s",
                       argv[i], armed->known == NULL ? "" : armed->known);
            return false;
        }
    }
    if (arguments->out.value == NULL || arguments->out.value[0] == '\0') {
        plugin_say("out=FILE is missing: where the trace goes");
        return false;
    }
    return parse_image(arguments) && parse_limit(arguments);
}

static void on_exit_of_qemu(qemu_plugin_id_t id, void *data)
{
    struct plugin *plugin = data;
    (void)id;
    if (armed->at_exit != NULL) {
        armed->at_exit();
    }
    trace_writer_close(plugin->writer);
}

static void on_flush(qemu_plugin_id_t id)
{
    (void)id;
    armed->at_flush();
}

int plugin_start(struct plugin *plugin, const struct plugin_hooks *hooks, qemu_plugin_id_t id,
                 const qemu_info_t *info, int argc, char **argv)
{
    struct arguments arguments = {
        .out.name = "out",
        .image.name = "image",
        .limit.name = "limit",
    };
    armed = hooks;
    if (!right_qemu(info) || !parse(&arguments, hooks->options, argc, argv)) {
        return -1;
    }
    int cpus = info->system.max_vcpus > info->system.smp_vcpus ? info->system.max_vcpus
                                                               : info->system.smp_vcpus;
    plugin->id = id;
    plugin->cpus = cpus < 1 ? 1 : (unsigned int)cpus;
    plugin->limit = arguments.limit_bytes;
    plugin->api = (uint32_t)info->version.cur;
    plugin->writer = trace_writer_open(&(struct trace_writer_settings){
        .path = arguments.out.value,
        .kind = hooks->kind,
        .limit = arguments.limit_bytes,
        .api = plugin->api,
        .cpus = plugin->cpus,
        .image_id = arguments.image_id,
        .image_id_size = arguments.image_id_size,
    });
    if (plugin->writer == NULL) {
        plugin_say("cannot create %s: %s", arguments.out.value, strerror(errno));
        return -1;
    }
    qemu_plugin_register_atexit_cb(id, on_exit_of_qemu, plugin);
    if (hooks->at_flush != NULL) {
        qemu_plugin_register_flush_cb(id, on_flush);
    }
    return 0;
}

uint32_t plugin_opcode(const struct plugin *plugin, const struct qemu_plugin_insn *insn)
{
    uint32_t opcode = 0;
    if (qemu_plugin_insn_size(insn) != sizeof opcode) {
        return 0;
    }
#if RIG_PLUGIN_API == 1
    (void)plugin;
    memcpy(&opcode, qemu_plugin_insn_data(insn), sizeof opcode);
#else
    uintptr_t result = qemu_plugin_insn_data(insn, &opcode, sizeof opcode);
    if (plugin->api < 3) {
        memcpy(&opcode, (const void *)result, sizeof opcode);
    }
#endif
    return opcode;
}
