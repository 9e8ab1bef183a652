#include "fake_record.h"

#include <assert.h>
#include <setjmp.h>
#include <stdbool.h>
#include <tyrne/hal/context.h>
#include <tyrne/limits.h>

static struct {
    void (*entry)(void *);
    void *argument;
} prepared[MAX_TASKS];

static struct fake_switch last;
static jmp_buf started;
static bool start_expected;

struct fake_switch fake_record_last(void)
{
    return last;
}

void (*fake_record_entry(unsigned index))(void *)
{
    return prepared[index].entry;
}

void *fake_record_argument(unsigned index)
{
    return prepared[index].argument;
}

void hal_context_init(struct hal_context *context, void (*entry)(void *), void *argument,
                      unsigned index)
{
    assert(index < MAX_TASKS);
    prepared[index].entry = entry;
    prepared[index].argument = argument;
    context->index = index;
}

void hal_context_switch(struct hal_context *from, const struct hal_context *to)
{
    last = (struct fake_switch){last.count + 1, from->index, to->index};
}

_Noreturn void hal_context_start(const struct hal_context *to)
{
    assert(start_expected);
    last = (struct fake_switch){last.count + 1, RECORD_NONE, to->index};
    longjmp(started, 1);
}

void fake_record_start(void (*enter)(void *), void *argument)
{
    start_expected = true;
    if (setjmp(started) == 0) {
        enter(argument);
        assert(false && "hal_context_start() was not reached");
    }
    start_expected = false;
}
