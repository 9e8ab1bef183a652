#include "registers.h"

#include <stdlib.h>
#include <string.h>

enum { ZERO = 31 };

#if RIG_PLUGIN_API == 1

void registers_find(const struct plugin *plugin, unsigned int vcpu)
{
    (void)plugin;
    (void)vcpu;
}

// NOLINTNEXTLINE(readability-non-const-parameter): the other variant writes it
static bool read_general(unsigned int vcpu, uint32_t number, uint64_t *value)
{
    (void)vcpu;
    (void)number;
    (void)value;
    return false;
}

#else

struct handles {
    struct qemu_plugin_register *x[ZERO];
};

static struct handles *cpus;
static unsigned int cpu_count;

/* The number of a register called x0 to x30, or -1. */
static int number_of(const char *name)
{
    if (name[0] != 'x' || name[1] < '0' || name[1] > '9') {
        return -1;
    }
    char *end = NULL;
    long number = strtol(name + 1, &end, 10);
    return *end == '\0' && number < ZERO ? (int)number : -1;
}

void registers_find(const struct plugin *plugin, unsigned int vcpu)
{
    if (cpus == NULL) {
        cpus = calloc(plugin->cpus, sizeof *cpus);
        cpu_count = cpus == NULL ? 0 : plugin->cpus;
    }
    if (vcpu >= cpu_count) {
        return;
    }
    GArray *list = qemu_plugin_get_registers();
    for (unsigned int i = 0; list != NULL && i < list->len; i++) {
        const qemu_plugin_reg_descriptor *entry =
            (const qemu_plugin_reg_descriptor *)(const void *)list->data + i;
        int number = number_of(entry->name);
        if (number >= 0) {
            cpus[vcpu].x[number] = entry->handle;
        }
    }
    if (list != NULL) {
        g_array_free(list, 1);
    }
}

static bool read_general(unsigned int vcpu, uint32_t number, uint64_t *value)
{
    if (vcpu >= cpu_count || cpus[vcpu].x[number] == NULL) {
        return false;
    }
    GByteArray *bytes = g_byte_array_new();
    qemu_plugin_read_register(cpus[vcpu].x[number], bytes);
    bool whole = bytes->len == sizeof *value;
    if (whole) {
        memcpy(value, bytes->data, sizeof *value);
    }
    g_byte_array_free(bytes, 1);
    return whole;
}

#endif

bool registers_read(unsigned int vcpu, uint32_t number, uint64_t *value)
{
    if (number == ZERO) {
        *value = 0;
        return true;
    }
    return read_general(vcpu, number, value);
}
