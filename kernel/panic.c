#include <tyrne/panic.h>

#include <tyrne/hal/debug.h>
#include <tyrne/hal/power.h>
#include <tyrne/print.h>

static _Noreturn void stop(const char *kind, const char *what, const char *file, int line)
{
    /* A panic inside a panic (a broken console, say) must not come back here for ever. */
    static unsigned depth;

    depth++;
    if (depth == 1) {
        kprintf("tyrne: panic: %s%s (%s:%u)\n", kind, what, file, (unsigned)line);
        hal_backtrace();
    }
    power_off();
}

_Noreturn void kernel_panic(const char *what, const char *file, int line)
{
    stop("", what, file, line);
}

/* The words stand here once, not in every assertion's text. */
_Noreturn void kernel_assert_failed(const char *expression, const char *file, int line)
{
    stop("assertion failed: ", expression, file, line);
}
