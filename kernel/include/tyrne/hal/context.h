/*
 * HAL: switching between kernel contexts. <tyrne/hal/context_layout.h> is the port's: it defines
 * struct hal_context, the callee-saved state of a suspended task, and nothing else.
 */
#ifndef TYRNE_HAL_CONTEXT_H
#define TYRNE_HAL_CONTEXT_H

#include <tyrne/hal/context_layout.h>
#include <tyrne/types.h>

/*
 * Prepare `context` so that the first switch to it calls `entry(argument)` on the empty kernel
 * stack of task `index` (below MAX_TASKS), interrupts masked.
 */
void hal_context_init(struct hal_context *context, void (*entry)(void *), void *argument,
                      unsigned index);

/*
 * Prepare `context` so that the first switch to it enters EL0 at `entry` with the stack pointer
 * `sp`, interrupts masked and every general register and thread register zero. Exceptions that the
 * task takes find the empty kernel stack of task `index`.
 */
void hal_context_init_user(struct hal_context *context, user_va_t entry, user_va_t sp,
                           unsigned index);

/* Save the caller's state in `from` and go on in `to`; returns when something switches back. */
void hal_context_switch(struct hal_context *from, const struct hal_context *to);

/* Go on in `to` without saving anything: the boot context, or a task that ended, stops here. */
_Noreturn void hal_context_start(const struct hal_context *to);

#endif
