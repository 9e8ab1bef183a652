/*
 * The kernel's virtual layout, for C, the assembler and the linker script: each constant exists
 * once (SYSTEM.md section 2).
 */
#ifndef ARCH_LAYOUT_H
#define ARCH_LAYOUT_H

#if defined(__ASSEMBLER__)
#define LAYOUT_U64(x) x
#else
#define LAYOUT_U64(x) x##ULL
#endif

/* VA = offset + PA, for the image and the direct map alike. */
#define KERNEL_HIGH_HALF_OFFSET LAYOUT_U64(0xFFFFFFFF00000000)

/* The bits of a resolved image address that are its physical address (the low 4 GiB window). */
#define KERNEL_IMAGE_PA_MASK LAYOUT_U64(0x00000000FFFFFFFF)

#define LAYOUT_PAGE_SIZE     0x1000

/*
 * Kernel stacks live in equal slots of one region. The lowest page of a slot is its unmapped
 * guard page; the rest is the stack. The vectors judge SP by this layout alone, without memory.
 */
#define KERNEL_STACK_SLOT_SIZE  0x4000
#define KERNEL_STACK_GUARD_SIZE LAYOUT_PAGE_SIZE

/*
 * Slots: the boot stack, the emergency stack (exception/vectors.S), then one stack for each task.
 * Those of tasks are first used in the high half: the identity map does not hold them.
 */
#define KERNEL_STACK_SLOT_BOOT      0
#define KERNEL_STACK_SLOT_EMERGENCY 1
#define KERNEL_STACK_SLOT_TASKS     2
#define KERNEL_TASK_STACKS          16 /* MAX_TASKS (sched/context.c asserts it) */
#define KERNEL_STACK_SLOTS          (KERNEL_STACK_SLOT_TASKS + KERNEL_TASK_STACKS)

#endif
