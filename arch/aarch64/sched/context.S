/*
 * Switching between kernel contexts. High half, EL1h, MMU on, DAIF masked on both sides.
 *
 * A switch is a call: the caller's compiler has saved what it needs of x0 to x18 (AAPCS64), so only
 * x19 to x30 and SP go into the context. x30 is where the context goes on.
 */
#include <arch/asm.inc>
#include <sysregs.h>
#include <tyrne/hal/context_layout.h>

/* EL0t, DAIF masked while scheduling is cooperative (SYSTEM.md section 7). */
#define SPSR_EL1_USER (SPSR_EL1_DAIF_ALL_MASKED | SPSR_EL1_M_EL0T)

    .section .text.context, "ax"

/*
 * hal_context_switch(x0 from, x1 to): save the caller in `from`, go on in `to`.
 * Clobbers x9, x10; returns, for the caller, when something switches back.
 */
FUNCTION(hal_context_switch)
    mov     x9, sp                      /* SP cannot be stored directly */
    stp     x19, x20, [x0, #HAL_CONTEXT_X(19)]
    stp     x21, x22, [x0, #HAL_CONTEXT_X(21)]
    stp     x23, x24, [x0, #HAL_CONTEXT_X(23)]
    stp     x25, x26, [x0, #HAL_CONTEXT_X(25)]
    stp     x27, x28, [x0, #HAL_CONTEXT_X(27)]
    stp     x29, x30, [x0, #HAL_CONTEXT_X(29)]
    mrs     x10, tpidr_el0
    stp     x9, x10, [x0, #HAL_CONTEXT_SP]
.Lcontext_resume:                       /* in: x1 the context to go on in */
    ldp     x9, x10, [x1, #HAL_CONTEXT_SP]
    ldp     x29, x30, [x1, #HAL_CONTEXT_X(29)]
    ldp     x19, x20, [x1, #HAL_CONTEXT_X(19)]
    ldp     x21, x22, [x1, #HAL_CONTEXT_X(21)]
    ldp     x23, x24, [x1, #HAL_CONTEXT_X(23)]
    ldp     x25, x26, [x1, #HAL_CONTEXT_X(25)]
    ldp     x27, x28, [x1, #HAL_CONTEXT_X(27)]
    msr     tpidr_el0, x10
    mov     sp, x9
    ret
END_FUNCTION(hal_context_switch)

/* hal_context_start(x0 to): go on in `to`. Nothing is saved; does not return to its caller. */
FUNCTION(hal_context_start)
    mov     x1, x0
    b       .Lcontext_resume
END_FUNCTION(hal_context_start)

/*
 * Where a new context goes on (hal_context_init() has set its registers).
 * In: x19 entry, x20 argument, x29 = 0, SP = top of the task's empty stack.
 */
FUNCTION(context_trampoline)
    mov     x0, x20
    blr     x19                         /* x29 = 0: entry's frame record ends every backtrace */
    bl      context_entry_returned      /* `bl`, so that the panic's backtrace starts here */
    b       .                           /* not reached: context_entry_returned does not return */
END_FUNCTION(context_trampoline)

/*
 * Where the context of a new user task goes on (hal_context_init_user() has set its registers): to EL0,
 * with nothing of the kernel in any register.
 * In: x19 entry, x20 SP_EL0, SP = top of the task's empty kernel stack, where its exceptions will land.
 */
FUNCTION(context_enter_user)
    msr     sp_el0, x20
    msr     elr_el1, x19
    mov     x9, #SPSR_EL1_USER
    msr     spsr_el1, x9
    .irp    number, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    mov     x\number, xzr
    .endr
    .irp    number, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30
    mov     x\number, xzr
    .endr
    eret                                /* a context synchronization event for all of the above */
END_FUNCTION(context_enter_user)
