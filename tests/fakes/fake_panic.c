/* A panic that a test can expect with expect_assert_failure(). */
#include "cmocka_includes.h"

#include <stdlib.h>
#include <tyrne/panic.h>

_Noreturn void kernel_panic(const char *what, const char *file, int line)
{
    mock_assert(0, what, file, line);
    abort();
}

_Noreturn void kernel_assert_failed(const char *expression, const char *file, int line)
{
    kernel_panic(expression, file, line);
}
