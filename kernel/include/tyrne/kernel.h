/*
 * The portable kernel's entry points, in the order in which the CPU port calls them.
 */
#ifndef TYRNE_KERNEL_H
#define TYRNE_KERNEL_H

#include <stdint.h>

/*
 * First C code of the kernel. Low half, MMU off, interrupts masked, boot stack, .bss zeroed,
 * vectors installed. Returns to the port, which goes on to migrate.
 */
void kernel_main(void);

/* The identity map is on (still low). Reports it and returns. */
void kernel_mmu_active(void);

/*
 * The kernel runs in the high half and the low half is gone: bring the system up. Interrupts
 * masked, boot stack. Does not return.
 */
_Noreturn void kernel_high_half(void);

/*
 * The current task, a user task, asks for a syscall with the registers `x` (x0 to x8), into which
 * the answer goes. Interrupts masked, on the task's kernel stack.
 */
void kernel_syscall(uint64_t *x);

/* The current task, a user task, did what it may not do, and it has been reported: it ends. */
_Noreturn void kernel_user_fault(void);

/* Index of the current task, for reports. */
unsigned kernel_current_task(void);

#endif
