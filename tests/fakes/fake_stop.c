#include "fake_stop.h"

#include "cmocka_includes.h"
#include "fake_context.h"

#include <stdlib.h>
#include <tyrne/hal/power.h>
#include <tyrne/panic.h>

static const char *panic_text = "";

const char *fake_panic_text(void)
{
    return panic_text;
}

_Noreturn void power_off(void)
{
    fake_run_end(RUN_POWERED_OFF);
}

_Noreturn void kernel_panic(const char *what, const char *file, int line)
{
    if (fake_run_active() && !global_expecting_assert) {
        panic_text = what;
        fake_run_end(RUN_PANICKED);
    }
    mock_assert(0, what, file, line);
    abort();
}

_Noreturn void kernel_assert_failed(const char *expression, const char *file, int line)
{
    kernel_panic(expression, file, line);
}
