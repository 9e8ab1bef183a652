/*
 * A fake of hal/mmu.h that plays the worst CPU the architecture allows. Whatever the installed root
 * makes reachable is taken to be in the TLB and in the walker's caches at once, and stays there
 * until it is invalidated; what is written is not visible to the walker until it is published.
 *
 * fake_mmu.c is the part that keeps the books; it knows entries by hal_mmu_decode() alone.
 * fake_mmu_format.c is a simple descriptor format, which a port's own can replace.
 * Tables lie in the RAM of fake_ram.h.
 */
#ifndef TESTS_FAKE_MMU_H
#define TESTS_FAKE_MMU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <tyrne/hal/mmu.h>
#include <tyrne/pmm.h>

enum fake_mmu_event_kind {
    FAKE_MMU_WRITE,
    FAKE_MMU_ORDER,
    FAKE_MMU_PUBLISH,
    FAKE_MMU_FLUSH_VA,
    FAKE_MMU_FLUSH_ALL,
    FAKE_MMU_INSTALL,
    FAKE_MMU_CLOSE,
    FAKE_MMU_EVENT_KINDS,
};

struct fake_mmu_event {
    enum fake_mmu_event_kind kind;
    uint64_t address; /* of the entry, VA or root; 0 without one */
    uint64_t raw;     /* WRITE */
};

/* A raw value that is a block (or unknown) at every level of every format. */
#define FAKE_MMU_BLOCK_RAW 1ULL

/* A CPU without a root that has seen nothing; `pmm` tells it which frames are free. */
void fake_mmu_reset(const struct pmm *pmm);

/* Number of events of a kind, and what the first FAKE_MMU_EVENTS were, since the last forgetting.
 */
#define FAKE_MMU_EVENTS 64U
void fake_mmu_forget_events(void);
unsigned fake_mmu_count(enum fake_mmu_event_kind kind);
size_t fake_mmu_events(const struct fake_mmu_event **list);

/*
 * The first rule that was broken since fake_mmu_reset(), or NULL. The rules:
 * - a table is linked where the CPU walks only after its content was ordered;
 * - a valid entry is replaced by another only after it was cleared and invalidated;
 * - a frame that the CPU may walk as a table is neither free nor handed out again;
 * - entries lie in allocated frames of the RAM.
 */
const char *fake_mmu_violation(void);

/* The root installed, 0 without one. */
uint64_t fake_mmu_root(void);

/* True if the CPU could still use an entry, or walk a table, that is no longer there for `va`. */
bool fake_mmu_may_be_stale(user_va_t va);

/* True if nothing is stale, and all that was written where the CPU walks is published. */
bool fake_mmu_settled(void);

/*
 * The CPU accesses `va`, with what is published and no more. False: it faults.
 * Otherwise the byte's address and the page's rights.
 */
bool fake_mmu_access(user_va_t va, paddr_t *pa, enum user_rights *rights);

#endif
