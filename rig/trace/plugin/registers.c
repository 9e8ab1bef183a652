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

// NOLINTNEXTLINE(readability-non-const-parameter): the other variant writes them
bool registers_place(unsigned int vcpu, uint64_t *pc, uint8_t *el)
{
    (void)vcpu;
    (void)pc;
    (void)el;
    return false;
}

#else

enum { CPSR_EL_SHIFT = 2, CPSR_EL_MASK = 3 };

struct handles {
    struct qemu_plugin_register *x[ZERO];
    struct qemu_plugin_register *pc;
    struct qemu_plugin_register *cpsr;
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
        } else if (strcmp(entry->name, "pc") == 0) {
            cpus[vcpu].pc = entry->handle;
        } else if (strcmp(entry->name, "cpsr") == 0) {
            cpus[vcpu].cpsr = entry->handle;
        }
    }
    if (list != NULL) {
        g_array_free(list, 1);
    }
}

/* A register of at most 64 bits; the guest's bytes are little-endian, as the host's. */
static bool read_register(struct qemu_plugin_register *handle, uint64_t *value)
{
    if (handle == NULL) {
        return false;
    }
    GByteArray *bytes = g_byte_array_new();
    qemu_plugin_read_register(handle, bytes);
    bool whole = bytes->len == sizeof *value || bytes->len == sizeof(uint32_t);
    if (whole) {
        *value = 0;
        memcpy(value, bytes->data, bytes->len);
    }
    g_byte_array_free(bytes, 1);
    return whole;
}

static bool read_general(unsigned int vcpu, uint32_t number, uint64_t *value)
{
    return vcpu < cpu_count && read_register(cpus[vcpu].x[number], value);
}

bool registers_place(unsigned int vcpu, uint64_t *pc, uint8_t *el)
{
    uint64_t cpsr = 0;
    if (vcpu >= cpu_count || !read_register(cpus[vcpu].pc, pc) ||
        !read_register(cpus[vcpu].cpsr, &cpsr)) {
        return false;
    }
    *el = cpsr >> CPSR_EL_SHIFT & CPSR_EL_MASK;
    return true;
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
