/*
 * The guest's RAM as it lies in this process: to read translation tables and stored values, and to
 * tell the physical address of an instruction from the host's.
 *
 * QEMU tells plugins of no memory. RAM of a memfd backend is found by its name in the list of this
 * process's mappings; without one there is what phys.h learnt while the MMU was off.
 */
#ifndef RIG_PLUGIN_GUEST_RAM_H
#define RIG_PLUGIN_GUEST_RAM_H

#include <stdbool.h>
#include <stdint.h>

#include "phys.h"

struct guest_ram {
    uint64_t base;  /* physical address where it starts */
    uint64_t size;  /* bytes; 0: not found */
    uintptr_t host; /* where it starts here */
    bool wanted;    /* ram= was given */
    bool searched;
    struct phys phys;
};

/* Find the memfd, once QEMU has it; true when it is known. Only the first call does anything. */
bool guest_ram_find(struct guest_ram *ram);

/* The physical address of the instruction at `pc`, whose bytes lie at `host` (NULL: unknown). */
uint64_t guest_ram_insn(struct guest_ram *ram, const void *host, uint64_t pc, bool mmu_off);

/* Is anything known that tables could be read from? */
static inline bool guest_ram_known(const struct guest_ram *ram)
{
    return ram->size != 0 || ram->phys.count != 0;
}

/* rig_walk_read_u64, with a struct guest_ram as its context. */
int guest_ram_read(void *context, uint64_t pa, uint64_t *value);

#endif
