/* The syscall boundary (SYSTEM.md section 8); numbers and statuses are in <tyrne/abi/syscall.h>. */
#ifndef TYRNE_SYSCALL_H
#define TYRNE_SYSCALL_H

#include <stdint.h>
#include <tyrne/task.h>

/* x0 to x8 as an array, as the trap frame has them. */
#define SYSCALL_REGISTERS 9U

/*
 * Do what the current task asks for: the number is in `x[8]`, arguments in `x[0]` to `x[5]`. Writes
 * the status to `x[0]` and results to `x[1]` to `x[7]`, all of them. Cannot panic, loop or corrupt
 * for any register contents. Does not return for task_exit.
 */
void syscall_dispatch(struct core *core, uint64_t x[SYSCALL_REGISTERS]);

#endif
