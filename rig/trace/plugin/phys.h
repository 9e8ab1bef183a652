/*
 * From the host's address of an instruction to its guest-physical one.
 *
 * QEMU tells plugins only where the bytes lie in its own memory. While the MMU is off a virtual
 * address is the physical one, so the first block run out of each of the machine's memories (RAM,
 * flash) says where that memory begins; the mapping of the host that holds it says how far this is
 * good, as QEMU allocates each memory in one piece with a guard page behind it.
 */
#ifndef RIG_PLUGIN_PHYS_H
#define RIG_PLUGIN_PHYS_H

#include <stdbool.h>
#include <stdint.h>

enum { PHYS_RANGES = 16 };

struct phys {
    struct {
        uintptr_t low, high; /* addresses of the host; high is exclusive */
        uint64_t base;       /* the physical address that `low` would have */
    } ranges[PHYS_RANGES];
    unsigned int count;
};

/*
 * The physical address of the instruction at `vaddr` whose bytes are at `host` (NULL: unknown), or
 * TRACE_UNKNOWN_ADDRESS. With the MMU off it is `vaddr`, and a memory not seen before is learnt.
 */
uint64_t phys_address(struct phys *phys, const void *host, uint64_t vaddr, bool mmu_off);

#endif
