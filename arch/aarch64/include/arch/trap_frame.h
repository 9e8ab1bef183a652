/*
 * The trap frame: what the vectors save, shared by vectors.S and C.
 */
#ifndef ARCH_TRAP_FRAME_H
#define ARCH_TRAP_FRAME_H

#define TRAP_FRAME_SIZE   272
#define TRAP_FRAME_X(n)   (8 * (n))
#define TRAP_FRAME_SP_EL0 248
#define TRAP_FRAME_ELR    256
#define TRAP_FRAME_SPSR   264

/* What the vectors ask of a stack before they use it: the frame, and room to report it. */
#define VECTOR_STACK_RESERVE 2048
#define VECTOR_STACK_NEED    (TRAP_FRAME_SIZE + VECTOR_STACK_RESERVE)

/* Added to the vector's number when SP was no usable kernel stack and the frame is elsewhere. */
#define VECTOR_BAD_STACK 16

/* IRQ from the current EL with SP_ELx (DDI 0487, "Exception vectors"). */
#define VECTOR_IRQ_SAME_EL 5
/* Synchronous, from a lower EL in AArch64. */
#define VECTOR_SYNC_LOWER_EL 8

#ifndef __ASSEMBLER__
#include <stddef.h>
#include <stdint.h>

struct trap_frame {
    uint64_t x[31];
    uint64_t sp_el0;
    uint64_t elr;
    uint64_t spsr;
};

_Static_assert(sizeof(struct trap_frame) == TRAP_FRAME_SIZE, "vectors.S");
_Static_assert(offsetof(struct trap_frame, x[30]) == TRAP_FRAME_X(30), "vectors.S");
_Static_assert(offsetof(struct trap_frame, sp_el0) == TRAP_FRAME_SP_EL0, "vectors.S");
_Static_assert(offsetof(struct trap_frame, elr) == TRAP_FRAME_ELR, "vectors.S");
_Static_assert(offsetof(struct trap_frame, spsr) == TRAP_FRAME_SPSR, "vectors.S");

/*
 * The end of an exception that the kernel cannot survive: print it, decoded, and power off.
 * `vector`: 0 to 15, the vector's number, plus VECTOR_BAD_STACK. `sp`: SP_EL1 when it was taken.
 */
_Noreturn void exception_fatal(uint64_t vector, const struct trap_frame *frame, uint64_t sp);

/*
 * An IRQ from EL1 or EL0, with all of the interrupted state in `frame`, which is restored when this
 * returns. Interrupts are masked.
 */
void exception_irq(struct trap_frame *frame);

/*
 * A synchronous exception from EL0, with the task's state in `frame`: a syscall changes it and
 * returns; anything else ends the task and does not. Interrupts are masked.
 */
void exception_lower_sync(struct trap_frame *frame);
#endif

#endif
