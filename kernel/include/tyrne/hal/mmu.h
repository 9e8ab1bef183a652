/*
 * HAL: the CPU's translation of user addresses. Descriptor formats and barriers are the port's; the
 * table walk with allocation is the kernel's (kernel/mm). A table is one frame, reached through the
 * direct map.
 */
#ifndef TYRNE_HAL_MMU_H
#define TYRNE_HAL_MMU_H

#include <stdbool.h>
#include <stdint.h>
#include <tyrne/types.h>

/* First address that no user space can hold: 2^48. */
#define USER_VA_END       (1ULL << 48)

#define MMU_LEVELS        4U /* level 0 is the root, level 3 holds the pages */
#define MMU_LEVEL_PAGE    (MMU_LEVELS - 1U)
#define MMU_TABLE_ENTRIES 512U

/* What a user page allows. Every user page can be read at EL0. */
enum user_rights {
    USER_READ_ONLY,
    USER_READ_WRITE,
    USER_READ_EXECUTE,
    USER_RIGHTS_COUNT,
};

enum mmu_entry_kind {
    MMU_ENTRY_EMPTY,
    MMU_ENTRY_TABLE,
    MMU_ENTRY_PAGE,  /* a user page as hal_mmu_encode_page() makes it; level 3 only */
    MMU_ENTRY_BLOCK, /* anything else that is not empty */
};

struct mmu_entry {
    enum mmu_entry_kind kind;
    paddr_t pa;              /* of the next table, or of the page */
    uint32_t live;           /* TABLE: entries in use in the next table, 0 to MMU_TABLE_ENTRIES */
    enum user_rights rights; /* PAGE */
};

/* What `raw` is at `level` (0 to 3). */
struct mmu_entry hal_mmu_decode(uint64_t raw, unsigned level);

/* A level-3 entry. False: `pa` is not 4 KiB aligned or too large, or `rights` is none of the enum.
 */
__attribute__((warn_unused_result)) bool hal_mmu_encode_page(paddr_t pa, enum user_rights rights,
                                                             uint64_t *raw);

/*
 * An entry that points at the table at `pa` and keeps, in bits that the walker ignores, how many of
 * its entries are in use. False: `pa` not 4 KiB aligned or too large, `live` > MMU_TABLE_ENTRIES.
 */
__attribute__((warn_unused_result)) bool hal_mmu_encode_table(paddr_t pa, uint32_t live,
                                                              uint64_t *raw);

/* Index into the table of `level` (0 to 3) for `va`. */
unsigned hal_mmu_index(unsigned level, user_va_t va);

/* Read and write one entry as a single 64-bit access. Writing orders and publishes nothing. */
uint64_t hal_mmu_read_entry(const uint64_t *slot);
void hal_mmu_write_entry(uint64_t *slot, uint64_t raw);

/*
 * What was written before is visible to the table walker before what is written after: between
 * filling a new table and linking it.
 */
void hal_mmu_order_writes(void);

/* New entries written so far can be used by whatever runs next. */
void hal_mmu_publish(void);

/* Entries written so far are visible, and the TLB holds nothing of the page at `va` or walks to it.
 */
void hal_mmu_flush_va(user_va_t va);

/* Entries written so far are visible, and the TLB holds nothing of user addresses. */
void hal_mmu_flush_all(void);

/*
 * Make the table at `root_pa` the root of the user's half, in an order that never lets a walk mix
 * roots, and let walks start (SYSTEM.md section 6, "activate"). The TLB holds nothing of the last
 * space, and entries written so far are visible: those of a space that was not walked until now
 * need no other barrier.
 */
void hal_mmu_install_user_root(paddr_t root_pa);

/* No walk of the user's half any more, no root, nothing in the TLB: a low access faults. */
void hal_mmu_close_user_half(void);

#endif
