#include <tyrne/hal/context.h>

#include <arch/layout.h>
#include <tyrne/limits.h>
#include <tyrne/panic.h>

_Static_assert(KERNEL_TASK_STACKS == MAX_TASKS, "arch/layout.h: one kernel stack for each task");

/* Linker symbol (kernel.ld.S): the slot of task 0. */
extern const char __task_stacks_start[];

/* sched/context.S: calls the entry that a new context was made for. */
extern void context_trampoline(void);

/* sched/context.S: goes to EL0 for the first time. */
extern void context_enter_user(void);

/* An entry that returned has nowhere to go. Called by the trampoline. */
_Noreturn void context_entry_returned(void);

_Noreturn void context_entry_returned(void)
{
    PANIC("the entry function of a task returned");
}

/* A context that goes on at `resume` on the empty stack of task `index`, with two arguments. */
static struct hal_context new_context(void (*resume)(void), uint64_t x19, uint64_t x20,
                                      unsigned index)
{
    struct hal_context context = {0}; /* x29 = 0: the end of every backtrace */

    KASSERT(index < KERNEL_TASK_STACKS);
    context.sp =
        (uint64_t)(uintptr_t)__task_stacks_start + (uint64_t)(index + 1U) * KERNEL_STACK_SLOT_SIZE;
    context.x19_x30[19 - 19] = x19;
    context.x19_x30[20 - 19] = x20;
    context.x19_x30[30 - 19] = (uint64_t)(uintptr_t)resume;
    return context;
}

void hal_context_init(struct hal_context *context, void (*entry)(void *), void *argument,
                      unsigned index)
{
    *context = new_context(context_trampoline, (uint64_t)(uintptr_t)entry,
                           (uint64_t)(uintptr_t)argument, index);
}

void hal_context_init_user(struct hal_context *context, user_va_t entry, user_va_t sp,
                           unsigned index)
{
    *context = new_context(context_enter_user, entry.value, sp.value, index);
}
