#include "fake_user.h"

#include <assert.h>
#include <stddef.h>
#include <tyrne/hal/context.h>
#include <tyrne/limits.h>

static struct fake_user starts[MAX_TASKS];
static void (*runs)(const struct fake_user *start);

void fake_user_program(void (*program)(const struct fake_user *start))
{
    runs = program;
}

struct fake_user fake_user_start(unsigned index)
{
    assert(index < MAX_TASKS);
    return starts[index];
}

static void enter(void *start)
{
    assert(runs != NULL);
    runs(start);
}

void hal_context_init_user(struct hal_context *context, user_va_t entry, user_va_t sp,
                           unsigned index)
{
    assert(index < MAX_TASKS);
    starts[index] = (struct fake_user){entry, sp};
    hal_context_init(context, enter, &starts[index], index);
}
