#include <tyrne/panic.h>

#include <tyrne/hal/debug.h>
#include <tyrne/hal/power.h>
#include <tyrne/print.h>

_Noreturn void kernel_panic(const char *what, const char *file, int line)
{
    /* A panic inside a panic (a broken console, say) must not come back here for ever. */
    static unsigned depth;

    depth++;
    if (depth == 1) {
        kprintf("tyrne: panic: %s (%s:%u)\n", what, file, (unsigned)line);
        hal_backtrace();
    }
    power_off();
}
