/* Kernel stacks: where they are, and reading them after the fact. */
#ifndef ARCH_STACKS_H
#define ARCH_STACKS_H

#include <stdbool.h>
#include <stdint.h>

/*
 * True if `sp`, or the trap frame that would be pushed below it, is in a guard page of the kernel
 * stack region (in the half the code runs in).
 */
bool stack_guard_holds(uint64_t sp);

/* True if a push at `sp` would go to a kernel stack (in the half the code runs in). */
bool stack_holds(uint64_t sp);

/*
 * Print `pc` and the return addresses of the frame records from `frame_pointer` on (AAPCS64, "the
 * frame pointer"). Every record is checked to lie in a kernel stack before it is read: a damaged
 * chain ends the list, it cannot fault.
 */
void stack_backtrace_from(uint64_t pc, uint64_t frame_pointer);

#endif
