#include "cmocka_includes.h"
#include "fake_console.h"

#include <tyrne/print.h>

#define assert_prints(expected, ...)                                                               \
    do {                                                                                           \
        fake_console_clear();                                                                      \
        kprintf(__VA_ARGS__);                                                                      \
        assert_string_equal(fake_console_text(), expected);                                        \
    } while (0)

static void prints_plain_text(void **state)
{
    (void)state;
    assert_prints("tyrne: mmu activated\n", "tyrne: mmu activated\n");
    assert_prints("100 % of it", "100 %% of it");
    assert_prints("task A \xe2\x80\x94 done", "task A \xe2\x80\x94 done");
}

static void prints_strings_and_characters(void **state)
{
    (void)state;
    assert_prints("[abc][][x]", "[%s][%s][%c]", "abc", "", 'x');
}

static void prints_numbers_at_their_limits(void **state)
{
    (void)state;
    assert_prints("0 4294967295", "%u %u", 0U, UINT32_MAX);
    assert_prints("0 18446744073709551615", "%lu %lu", (uint64_t)0, UINT64_MAX);
    assert_prints("deadbeef ffffffffffffffff", "%x %lx", 0xdeadbeefU, UINT64_MAX);
    assert_prints("0xffffffff40080000", "%p", (void *)0xffffffff40080000ULL);
}

static void pads_with_zeros(void **state)
{
    (void)state;
    assert_prints("0000002a 02a 12345", "%08x %03x %02u", 0x2aU, 0x2aU, 12345U);
    assert_prints("0000000000000001", "%016lx", (uint64_t)1);
    assert_prints("000000007", "%9u", 7U);
    /* No number is longer than 20 digits, and no width makes it so. */
    assert_prints("00000000000000000007", "%25u", 7U);
    assert_prints("%", "%%");
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat"
#pragma GCC diagnostic ignored "-Wformat-extra-args"
#pragma GCC diagnostic ignored "-Wformat-security"
static void shows_what_it_does_not_know(void **state)
{
    char lone_percent[] = "50%";

    (void)state;
    assert_prints("a %q b", "a %q b");
    assert_prints("50%", lone_percent);
    assert_prints("%1000u", "%1000u", 7U); /* a width has three digits at most */
}

/* What stands above the 32 bits of an argument is nobody's. */
static void a_number_without_l_has_32_bits(void **state)
{
    (void)state;
    assert_prints("7 7", "%u %x", 0xffffffff00000007ULL, 0xffffffff00000007ULL);
}
#pragma GCC diagnostic pop

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prints_plain_text),
        cmocka_unit_test(prints_strings_and_characters),
        cmocka_unit_test(prints_numbers_at_their_limits),
        cmocka_unit_test(pads_with_zeros),
        cmocka_unit_test(shows_what_it_does_not_know),
        cmocka_unit_test(a_number_without_l_has_32_bits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
