#include "guest_ram.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "trace_format.h"

enum { LINE = 512 };

static const char NAME[] = "/memfd:memory-backend-memfd";

struct mapping {
    uintptr_t low, high;
    uint64_t offset;
    uint64_t inode;
};

/* "low-high permissions offset device inode  name" */
static bool parse(const char *line, struct mapping *mapping)
{
    char *end = NULL;
    const char *name = strstr(line, NAME);
    if (name == NULL) {
        return false;
    }
    mapping->low = strtoul(line, &end, 16);
    if (*end != '-') {
        return false;
    }
    mapping->high = strtoul(end + 1, &end, 16);
    const char *at = strchr(end + 1, ' '); /* behind the permissions */
    if (at == NULL) {
        return false;
    }
    mapping->offset = strtoull(at, &end, 16);
    at = strchr(end + 1, ' '); /* behind the device */
    if (at == NULL) {
        return false;
    }
    mapping->inode = strtoull(at, &end, 10);
    return true;
}

bool guest_ram_find(struct guest_ram *ram)
{
    char line[LINE];
    struct mapping found = {0};
    uint64_t inode = 0;
    bool ambiguous = false;
    if (!ram->wanted || ram->searched) {
        return ram->size != 0;
    }
    ram->searched = true;
    FILE *maps = fopen("/proc/self/maps", "re");
    if (maps == NULL) {
        return false;
    }
    /* One file may be mapped in several pieces; they lie one behind the other. */
    while (fgets(line, sizeof line, maps) != NULL) {
        if (!parse(line, &found)) {
            continue;
        }
        uintptr_t start = found.low - found.offset;
        ambiguous |= ram->size != 0 && (found.inode != inode || start != ram->host);
        inode = found.inode;
        ram->host = start;
        ram->size = found.high - start;
    }
    fclose(maps);
    if (ambiguous) {
        ram->size = 0;
    }
    return ram->size != 0;
}

uint64_t guest_ram_insn(struct guest_ram *ram, const void *host, uint64_t pc, bool mmu_off)
{
    uintptr_t at = (uintptr_t)host;
    if (guest_ram_find(ram) && at >= ram->host && at - ram->host < ram->size) {
        return ram->base + (at - ram->host);
    }
    return phys_address(&ram->phys, host, pc, mmu_off);
}

static const uint64_t *word_at(const struct guest_ram *ram, uint64_t pa)
{
    uint64_t distance = pa - ram->base;
    if (ram->size >= sizeof(uint64_t) && distance <= ram->size - sizeof(uint64_t)) {
        return (const uint64_t *)(ram->host + distance);
    }
    for (unsigned int i = 0; i < ram->phys.count; i++) {
        uint64_t size = ram->phys.ranges[i].high - ram->phys.ranges[i].low;
        distance = pa - ram->phys.ranges[i].base;
        if (size >= sizeof(uint64_t) && distance <= size - sizeof(uint64_t)) {
            return (const uint64_t *)(ram->phys.ranges[i].low + distance);
        }
    }
    return NULL;
}

int guest_ram_read(void *context, uint64_t pa, uint64_t *value)
{
    struct guest_ram *ram = context;
    guest_ram_find(ram);
    const uint64_t *word = word_at(ram, pa);
    if (word == NULL) {
        return 1;
    }
    *value = __atomic_load_n(word, __ATOMIC_RELAXED);
    return 0;
}
