/* What the CPU of fake_mmu.h may remember and see: the books behind the fake's rules. */
#ifndef TESTS_FAKE_TLB_H
#define TESTS_FAKE_TLB_H

#include <stdbool.h>
#include <stdint.h>
#include <tyrne/pmm.h>
#include <tyrne/types.h>

void fake_tlb_reset(const struct pmm *pmm);

/* The entry at `slot_pa` is read, or about to be changed from `was` to `now`. */
void fake_tlb_read(uint64_t slot_pa);
void fake_tlb_write(uint64_t slot_pa, uint64_t was, uint64_t now);

/* The frame at `frame_pa` was handed out and filled with zeros. */
void fake_tlb_zeroed(paddr_t frame_pa);

/* Barriers: what is written later is seen later; what was written is seen now. */
void fake_tlb_order(void);
void fake_tlb_publish(void);

/* The CPU forgets what it remembers of `va`; all; all, and walks from `root_pa` now (0: nowhere).
 */
void fake_tlb_forget_va(user_va_t va);
void fake_tlb_forget_all(void);
void fake_tlb_root(uint64_t root_pa);

#endif
