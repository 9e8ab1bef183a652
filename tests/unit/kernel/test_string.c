/*
 * The memory functions that a freestanding compiler may call on its own. Built under other names,
 * beside the host's.
 */
#include "cmocka_includes.h"

#include <stdbool.h>
#include <stdint.h>

void *kernel_memset(void *destination, int value, size_t length);
void *kernel_memcpy(void *restrict destination, const void *restrict source, size_t length);

#define SIZE  64U
#define GUARD 0x5A

static unsigned char area[SIZE];

static void fill_area(void)
{
    for (unsigned i = 0; i < SIZE; i++) {
        area[i] = GUARD;
    }
}

/* `length` bytes from `start` on are as `expected` says; the rest is untouched. */
static void assert_only_changed(size_t start, size_t length, const unsigned char *expected)
{
    for (size_t i = 0; i < SIZE; i++) {
        bool inside = i >= start && i < start + length;

        assert_int_equal(area[i], inside ? expected[i - start] : GUARD);
    }
}

static void sets_exactly_what_it_should(void **state)
{
    unsigned char expected[SIZE];

    (void)state;
    for (size_t i = 0; i < SIZE; i++) {
        expected[i] = 0xC3;
    }
    for (size_t start = 0; start < 9; start++) {
        for (size_t length = 0; length < 33; length++) {
            fill_area();
            /* Only the value's low byte counts (C11, 7.24.6.1). */
            assert_ptr_equal(kernel_memset(&area[start], 0x7FC3, length), &area[start]);
            assert_only_changed(start, length, expected);
        }
    }
}

static void copies_exactly_what_it_should(void **state)
{
    unsigned char source[SIZE];

    (void)state;
    for (size_t i = 0; i < SIZE; i++) {
        source[i] = (unsigned char)(i + 1);
    }
    for (size_t start = 0; start < 9; start++) {
        for (size_t length = 0; length < 33; length++) {
            fill_area();
            assert_ptr_equal(kernel_memcpy(&area[start], &source[3], length), &area[start]);
            assert_only_changed(start, length, &source[3]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sets_exactly_what_it_should),
        cmocka_unit_test(copies_exactly_what_it_should),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
