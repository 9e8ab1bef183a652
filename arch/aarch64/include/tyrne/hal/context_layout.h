/* The saved state of a suspended kernel context, shared by sched/context.S and C. */
#ifndef TYRNE_HAL_CONTEXT_LAYOUT_H
#define TYRNE_HAL_CONTEXT_LAYOUT_H

/* Offsets into struct hal_context, for the assembler. */
#define HAL_CONTEXT_X(n)      (8 * ((n)-19)) /* x19 to x30 */
#define HAL_CONTEXT_SP        96
#define HAL_CONTEXT_TPIDR_EL0 104
#define HAL_CONTEXT_SIZE      112

#ifndef __ASSEMBLER__
#include <stddef.h>
#include <stdint.h>

/*
 * What a function must preserve for its caller (AAPCS64, "General-purpose registers"): everything
 * else is dead across the call of hal_context_switch(). The kernel has no FP state. DAIF is masked
 * on both sides of every switch and is not part of it.
 */
struct hal_context {
    uint64_t x19_x30[12]; /* x29 is the frame pointer, x30 where the context goes on */
    uint64_t sp;
    uint64_t tpidr_el0; /* EL0 can write it, so it is the task's */
};

_Static_assert(offsetof(struct hal_context, x19_x30[0]) == HAL_CONTEXT_X(19), "sched/context.S");
_Static_assert(offsetof(struct hal_context, x19_x30[11]) == HAL_CONTEXT_X(30), "sched/context.S");
_Static_assert(offsetof(struct hal_context, sp) == HAL_CONTEXT_SP, "sched/context.S");
_Static_assert(offsetof(struct hal_context, tpidr_el0) == HAL_CONTEXT_TPIDR_EL0, "sched/context.S");
_Static_assert(sizeof(struct hal_context) == HAL_CONTEXT_SIZE, "sched/context.S");
#endif

#endif
