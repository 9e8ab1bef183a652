/*
 * The EL1 vector table (DDI 0487, D1.3 "Exception vectors"): 16 entries of 128 bytes, 2 KiB aligned.
 *
 * The same code serves VBAR_EL1 = low alias and VBAR_EL1 = high alias: it is PC-relative throughout.
 */
#include <arch/asm.inc>
#include <arch/boot.h>
#include <arch/layout.h>
#include <arch/trap_frame.h>
#include <sysregs.h>

#define STACKS_SIZE (KERNEL_STACK_SLOTS * KERNEL_STACK_SLOT_SIZE)

/*
 * One entry. Before anything is stored, SP must prove to be a kernel stack with room for the frame and
 * for the code that reports it: a store through a bad SP would fault right back into this vector, for
 * ever, and a report that runs out of stack loses what it had to say.
 *
 * x0 waits in TPIDR_EL1 (the vectors' scratch register), x1 in SP itself, which is not used for
 * memory meanwhile.
 */
    .macro vector number, handler=vector_save_and_die
    .balign 128
    msr     tpidr_el1, x0
    mov     x0, sp
    mov     sp, x1
    load_here x1, __kernel_stacks_start
    sub     x1, x0, x1
    sub     x1, x1, #16                 /* the first push, from the region's start */
    cmp     x1, #STACKS_SIZE
    b.hs    1f                          /* outside the region (also: below it, wrapped) */
    tst     x1, #0xf
    b.ne    1f                          /* not 16-byte aligned: SP alignment fault */
    and     x1, x1, #(KERNEL_STACK_SLOT_SIZE - 1)
    subs    x1, x1, #KERNEL_STACK_GUARD_SIZE
    b.lo    1f                          /* in a guard page */
    cmp     x1, #(VECTOR_STACK_NEED - 16)
    b.lo    1f                          /* not enough left of this stack */
    mov     x1, sp
    mov     sp, x0
    mrs     x0, tpidr_el1
    sub     sp, sp, #TRAP_FRAME_SIZE
    stp     x0, x1, [sp, #TRAP_FRAME_X(0)]
    mov     x0, #\number
    add     x1, sp, #TRAP_FRAME_SIZE
    b       \handler
1:  mov     x1, sp
    msr     tpidrro_el0, x0             /* the bad SP; this path never returns to EL0 */
    mov     x0, #(\number + VECTOR_BAD_STACK)
    b       vector_on_emergency_stack
    .endm

    .section .text.vectors, "ax"
    .balign 2048
FUNCTION(vectors)
    vector  0                           /* current EL with SP_EL0: never used by the kernel */
    vector  1                           /* LCOV_EXCL_BR_LINE: SP_EL0 is never selected */
    vector  2                           /* LCOV_EXCL_BR_LINE: SP_EL0 is never selected */
    vector  3                           /* LCOV_EXCL_BR_LINE: SP_EL0 is never selected */
    vector  4                           /* current EL with SP_ELx */
    vector  VECTOR_IRQ_SAME_EL, vector_irq
    vector  6                           /* LCOV_EXCL_BR_LINE: nothing signals FIQ */
    vector  7                           /* LCOV_EXCL_BR_LINE: nothing signals SError */
    vector  VECTOR_SYNC_LOWER_EL, vector_lower_sync /* lower EL, AArch64 */
    vector  9, vector_irq               /* LCOV_EXCL_BR_LINE: EL0 runs with IRQ masked */
    vector  10                          /* LCOV_EXCL_BR_LINE: nothing signals FIQ */
    vector  11                          /* LCOV_EXCL_BR_LINE: nothing signals SError */
    vector  12                          /* lower EL, AArch32. LCOV_EXCL_BR_LINE: EL0 is AArch64 */
    vector  13                          /* LCOV_EXCL_BR_LINE: EL0 is AArch64 */
    vector  14                          /* LCOV_EXCL_BR_LINE: EL0 is AArch64 */
    vector  15                          /* LCOV_EXCL_BR_LINE: EL0 is AArch64 */
    .balign 128
END_FUNCTION(vectors)

    .section .text.vectors_rest, "ax"

/*
 * SP was no usable stack. In: x0 vector number + VECTOR_BAD_STACK, x1 as interrupted, TPIDR_EL1 = x0
 * as interrupted, TPIDRRO_EL0 = SP as interrupted; SP free. Makes the frame on the emergency stack.
 */
FUNCTION(vector_on_emergency_stack)
    msr     tpidr_el0, x1               /* this path never returns to EL0 */
    mov     sp, x0
    load_here x0, boot_status
    ldr     w1, [x0, #BOOT_STATUS_EMERGENCY]
    cbnz    w1, vector_halt_emergency_stack /* printing from it failed: give up by name */
    mov     w1, #1
    str     w1, [x0, #BOOT_STATUS_EMERGENCY]
    mov     x0, sp
    load_here x1, __emergency_stack_top
    mov     sp, x1
    sub     sp, sp, #TRAP_FRAME_SIZE
    mrs     x1, tpidr_el1
    str     x1, [sp, #TRAP_FRAME_X(0)]
    mrs     x1, tpidr_el0
    str     x1, [sp, #TRAP_FRAME_X(1)]
    mrs     x1, tpidrro_el0
    b       vector_save_and_die
END_FUNCTION(vector_on_emergency_stack)

/* x2 to x30, SP_EL0, ELR_EL1, SPSR_EL1 into the frame at SP. Leaves SPSR_EL1 in x10; clobbers x9. */
    .macro save_rest_of_frame
    stp     x2, x3, [sp, #TRAP_FRAME_X(2)]
    stp     x4, x5, [sp, #TRAP_FRAME_X(4)]
    stp     x6, x7, [sp, #TRAP_FRAME_X(6)]
    stp     x8, x9, [sp, #TRAP_FRAME_X(8)]
    stp     x10, x11, [sp, #TRAP_FRAME_X(10)]
    stp     x12, x13, [sp, #TRAP_FRAME_X(12)]
    stp     x14, x15, [sp, #TRAP_FRAME_X(14)]
    stp     x16, x17, [sp, #TRAP_FRAME_X(16)]
    stp     x18, x19, [sp, #TRAP_FRAME_X(18)]
    stp     x20, x21, [sp, #TRAP_FRAME_X(20)]
    stp     x22, x23, [sp, #TRAP_FRAME_X(22)]
    stp     x24, x25, [sp, #TRAP_FRAME_X(24)]
    stp     x26, x27, [sp, #TRAP_FRAME_X(26)]
    stp     x28, x29, [sp, #TRAP_FRAME_X(28)]
    mrs     x9, sp_el0
    stp     x30, x9, [sp, #TRAP_FRAME_X(30)]
    mrs     x9, elr_el1
    mrs     x10, spsr_el1
    stp     x9, x10, [sp, #TRAP_FRAME_ELR]
    .endm

/*
 * IRQ, from EL1 or EL0. In: SP = frame with x0 and x1 stored. Everything is saved and restored: the
 * interrupted code must not notice.
 */
FUNCTION(vector_irq)
    save_rest_of_frame
    tst     x10, #SPSR_EL1_EL_MASK
    csel    x29, xzr, x29, eq           /* no backtrace goes through EL0's frame pointer */
    mov     x0, sp
    bl      exception_irq
    b       vector_restore
END_FUNCTION(vector_irq)

/*
 * A synchronous exception from EL0: a syscall, or what ends the task. In: SP = frame with x0 and x1
 * stored. What the C code leaves in the frame is what EL0 gets.
 */
FUNCTION(vector_lower_sync)
    save_rest_of_frame
    mov     x29, xzr                    /* no backtrace goes through EL0's frame pointer */
    mov     x0, sp
    bl      exception_lower_sync
    b       vector_restore
END_FUNCTION(vector_lower_sync)

/* Everything back from the frame at SP, and return from the exception. */
FUNCTION(vector_restore)
    ldp     x9, x10, [sp, #TRAP_FRAME_ELR]
    msr     elr_el1, x9
    msr     spsr_el1, x10
    ldp     x30, x9, [sp, #TRAP_FRAME_X(30)]
    msr     sp_el0, x9
    ldp     x28, x29, [sp, #TRAP_FRAME_X(28)]
    ldp     x26, x27, [sp, #TRAP_FRAME_X(26)]
    ldp     x24, x25, [sp, #TRAP_FRAME_X(24)]
    ldp     x22, x23, [sp, #TRAP_FRAME_X(22)]
    ldp     x20, x21, [sp, #TRAP_FRAME_X(20)]
    ldp     x18, x19, [sp, #TRAP_FRAME_X(18)]
    ldp     x16, x17, [sp, #TRAP_FRAME_X(16)]
    ldp     x14, x15, [sp, #TRAP_FRAME_X(14)]
    ldp     x12, x13, [sp, #TRAP_FRAME_X(12)]
    ldp     x10, x11, [sp, #TRAP_FRAME_X(10)]
    ldp     x8, x9, [sp, #TRAP_FRAME_X(8)]
    ldp     x6, x7, [sp, #TRAP_FRAME_X(6)]
    ldp     x4, x5, [sp, #TRAP_FRAME_X(4)]
    ldp     x2, x3, [sp, #TRAP_FRAME_X(2)]
    ldp     x0, x1, [sp, #TRAP_FRAME_X(0)]
    add     sp, sp, #TRAP_FRAME_SIZE
    eret
END_FUNCTION(vector_restore)

/* In: x0 vector (+ VECTOR_BAD_STACK), x1 SP as interrupted, SP = frame with x0 and x1 stored. */
FUNCTION(vector_save_and_die)
    save_rest_of_frame
    mov     x2, x1
    mov     x1, sp
    bl      exception_fatal
    b       .                           /* not reached: exception_fatal does not return */
END_FUNCTION(vector_save_and_die)

/* The emergency stack is used up or bad: no stack is left to print from. */
FUNCTION(vector_halt_emergency_stack)
    mov     x0, #BOOT_HALT_EMERGENCY_STACK
1:  wfi
    b       1b
END_FUNCTION(vector_halt_emergency_stack)
