#include "phys.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "trace_format.h"

/* The mapping of this process that holds `address`. */
static bool find_mapping(uintptr_t address, uintptr_t *low, uintptr_t *high)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    char line[512];
    bool found = false;
    if (maps == NULL) {
        return false;
    }
    while (!found && fgets(line, sizeof line, maps) != NULL) {
        char *end = NULL;
        *low = strtoul(line, &end, 16); /* "low-high permissions ..." */
        *high = *end == '-' ? strtoul(end + 1, NULL, 16) : 0;
        found = address >= *low && address < *high;
    }
    fclose(maps);
    return found;
}

static void learn(struct phys *phys, uintptr_t host, uint64_t address)
{
    uintptr_t low = 0;
    uintptr_t high = 0;
    if (phys->count < PHYS_RANGES && find_mapping(host, &low, &high)) {
        phys->ranges[phys->count].low = low;
        phys->ranges[phys->count].high = high;
        phys->ranges[phys->count].base = address - (host - low);
        phys->count++;
    }
}

uint64_t phys_address(struct phys *phys, const void *host, uint64_t vaddr, bool mmu_off)
{
    uintptr_t at = (uintptr_t)host;
    for (unsigned int i = 0; host != NULL && i < phys->count; i++) {
        if (at >= phys->ranges[i].low && at < phys->ranges[i].high) {
            return mmu_off ? vaddr : phys->ranges[i].base + (at - phys->ranges[i].low);
        }
    }
    if (!mmu_off) {
        return TRACE_UNKNOWN_ADDRESS;
    }
    if (host != NULL) {
        learn(phys, at, vaddr);
    }
    return vaddr;
}
