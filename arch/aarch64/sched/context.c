#include <tyrne/hal/context.h>

#include <arch/layout.h>
#include <tyrne/limits.h>
#include <tyrne/panic.h>

_Static_assert(KERNEL_TASK_STACKS == MAX_TASKS, "arch/layout.h: one kernel stack for each task");

/* Linker symbol (kernel.ld.S): the slot of task 0. */
extern const char __task_stacks_start[];

/* sched/context.S: calls the entry that a new context was made for. */
extern void context_trampoline(void);

/* An entry that returned has nowhere to go. Called by the trampoline. */
_Noreturn void context_entry_returned(void);

_Noreturn void context_entry_returned(void)
{
    PANIC("the entry function of a task returned");
}

void hal_context_init(struct hal_context *context, void (*entry)(void *), void *argument,
                      unsigned index)
{
    KASSERT(index < KERNEL_TASK_STACKS);
    /* The other registers are 0, x29 above all: the end of every backtrace. */
    *context = (struct hal_context){
        .sp = (uint64_t)(uintptr_t)__task_stacks_start +
              (uint64_t)(index + 1U) * KERNEL_STACK_SLOT_SIZE,
    };
    context->x19_x30[19 - 19] = (uint64_t)(uintptr_t)entry;
    context->x19_x30[20 - 19] = (uint64_t)(uintptr_t)argument;
    context->x19_x30[30 - 19] = (uint64_t)(uintptr_t)context_trampoline;
}
