/* What EL0 does that the CPU takes to EL1: syscalls, and what a task may not do. */
#include <arch/trap_frame.h>

#include <arch/cpu.h>
#include <arch/esr.h>
#include <sysregs.h>
#include <tyrne/abi/syscall.h>
#include <tyrne/kernel.h>
#include <tyrne/print.h>

/* ESR_EL1 of the one SVC that is a syscall (IL = 1: a 32-bit instruction). */
#define ESR_SYSCALL (ESR_EL1_EC_SVC64 | ESR_EL1_IL_BIT | SYSCALL_SVC_IMMEDIATE)

/* The task's doing, in words, before it ends. */
static void report(const struct trap_frame *frame, uint64_t esr)
{
    kprintf("tyrne: task %u killed at 0x%lx:\n", kernel_current_task(), frame->elr);
    esr_print(esr, cpu_read_far());
}

void exception_lower_sync(struct trap_frame *frame)
{
    uint64_t esr = cpu_read_esr();

    if (esr == ESR_SYSCALL) {
        kernel_syscall(frame->x);
        return;
    }
    report(frame, esr);
    kernel_user_fault();
}
