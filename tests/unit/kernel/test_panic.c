/* What a panic prints and does, with the real kernel_panic() and a power switch that jumps back. */
#include "cmocka_includes.h"
#include "fake_console.h"

#include <stdlib.h>
#include <string.h>
#include <tyrne/hal/debug.h>
#include <tyrne/hal/power.h>
#include <tyrne/panic.h>

static jmp_buf powered_off;
static unsigned backtraces;

void hal_backtrace(void)
{
    backtraces++;
}

_Noreturn void power_off(void)
{
    longjmp(powered_off, 1);
}

static void panics_once_with_place_and_backtrace(void **state)
{
    (void)state;
    fake_console_clear();
    if (setjmp(powered_off) == 0) {
        kernel_panic("frames used up", "arch/boot_map.c", 42);
    }
    assert_string_equal(fake_console_text(), "tyrne: panic: frames used up (arch/boot_map.c:42)\n");
    assert_int_equal(backtraces, 1);

    /* A second panic (while reporting the first) only powers off. */
    fake_console_clear();
    if (setjmp(powered_off) == 0) {
        KASSERT(1 + 1 == 3);
    }
    assert_string_equal(fake_console_text(), "");
    assert_int_equal(backtraces, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(panics_once_with_place_and_backtrace),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
