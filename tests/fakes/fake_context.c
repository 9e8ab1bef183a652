/*
 * Fibers by makecontext(3). AddressSanitizer is told of each switch
 * (<sanitizer/common_interface_defs.h>), so that it knows which stack is in use.
 */
#include "fake_context.h"

#include <assert.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdlib.h>
#include <tyrne/hal/context.h>
#include <tyrne/limits.h>
#include <ucontext.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FIBERS_WITH_ASAN 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define FIBERS_WITH_ASAN 1
#endif

#ifdef FIBERS_WITH_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

#define STACK_BYTES (128U * 1024U)
#define TEST_FIBER  MAX_TASKS /* the test's own stack */

struct fiber {
    ucontext_t context;
    void (*entry)(void *);
    void *argument;
    const void *stack;
    size_t stack_bytes;
    void *fake_stack; /* the sanitizer's, while suspended */
    bool suspended;   /* can be switched to */
    volatile bool back;
};

static _Alignas(16) unsigned char stacks[MAX_TASKS][STACK_BYTES];
static struct fiber fibers[MAX_TASKS + 1];
static unsigned running = TEST_FIBER;
static unsigned previous;

static bool active;
static enum run_end ended;
static jmp_buf run_returns;

/* Say that `from`, which ends if `for_good`, is about to go on in `to`. */
static void leave(struct fiber *from, const struct fiber *to, bool for_good)
{
#ifdef FIBERS_WITH_ASAN
    if (from == &fibers[TEST_FIBER]) {
        /* An assertion that fails in a task jumps over the frames of the test: no marks there. */
        __asan_handle_no_return();
    }
    __sanitizer_start_switch_fiber(for_good ? NULL : &from->fake_stack, to->stack, to->stack_bytes);
#else
    (void)to;
#endif
    from->suspended = !for_good;
}

/* Say that `self` runs, and learn where the stack lies that was left for it. */
static void arrive(struct fiber *self)
{
#ifdef FIBERS_WITH_ASAN
    struct fiber *from = &fibers[previous];

    __sanitizer_finish_switch_fiber(self->fake_stack, &from->stack, &from->stack_bytes);
    self->fake_stack = NULL;
#endif
    self->suspended = false;
}

/*
 * swapcontext(3) in two steps: the sanitizer's own version of it takes the marks off both stacks,
 * which are right as they are.
 */
static void swap(struct fiber *from, const struct fiber *to)
{
    from->back = false;
    if (getcontext(&from->context) == 0 && !from->back) {
        from->back = true;
        (void)setcontext(&to->context);
        abort();
    }
}

static void switch_to(unsigned index, bool for_good)
{
    struct fiber *from = &fibers[running];
    struct fiber *to = &fibers[index];

    assert(to->suspended);
    previous = running;
    running = index;
    leave(from, to, for_good);
    swap(from, to);
    arrive(from);
}

static void first_steps(void)
{
    struct fiber *self = &fibers[running];

    arrive(self);
    self->entry(self->argument);
    assert(false && "a task's entry returned");
    abort();
}

void hal_context_init(struct hal_context *context, void (*entry)(void *), void *argument,
                      unsigned index)
{
    struct fiber *fiber = &fibers[index];

    assert(index < MAX_TASKS && index != running);
    *fiber = (struct fiber){
        .entry = entry,
        .argument = argument,
        .stack = stacks[index],
        .stack_bytes = STACK_BYTES,
        .suspended = true,
    };
#ifdef FIBERS_WITH_ASAN
    ASAN_UNPOISON_MEMORY_REGION(stacks[index], STACK_BYTES);
#endif
    if (getcontext(&fiber->context) != 0) {
        abort();
    }
    fiber->context.uc_stack.ss_sp = stacks[index];
    fiber->context.uc_stack.ss_size = STACK_BYTES;
    fiber->context.uc_link = NULL;
    makecontext(&fiber->context, first_steps, 0);
    context->index = index;
}

void hal_context_switch(struct hal_context *from, const struct hal_context *to)
{
    assert(from->index == running);
    switch_to(to->index, false);
}

_Noreturn void hal_context_start(const struct hal_context *to)
{
    bool boot = running == TEST_FIBER;

    assert(active);
    switch_to(to->index, !boot);
    /* Only the test's own stack is ever gone back to: the run has ended. */
    assert(boot);
    longjmp(run_returns, 1);
}

enum run_end fake_run(void (*enter)(void *), void *argument)
{
    assert(!active);
    active = true;
    if (setjmp(run_returns) == 0) {
        enter(argument);
        assert(false && "what starts a run does not return");
    }
    active = false;
    return ended;
}

_Noreturn void fake_run_end(enum run_end end)
{
    assert(active);
    ended = end;
    if (running != TEST_FIBER) {
        switch_to(TEST_FIBER, true);
        abort();
    }
    longjmp(run_returns, 1);
}

void fake_run_reset(void)
{
    if (running == TEST_FIBER) {
        return;
    }
    previous = running;
    running = TEST_FIBER;
    leave(&fibers[previous], &fibers[TEST_FIBER], true);
    arrive(&fibers[TEST_FIBER]);
    active = false;
}

bool fake_run_active(void)
{
    return active;
}
