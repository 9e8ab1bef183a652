/* What cap_print() shows of a capability, and what it never shows. */
#include "cmocka_includes.h"
#include "fake_console.h"

#include <stdlib.h>
#include <string.h>
#include <tyrne/capability.h>
#include <tyrne/print.h>

static const char *printed(struct capability cap)
{
    fake_console_clear();
    cap_print(cap);
    return fake_console_text();
}

static void shows_each_kind_by_name(void **state)
{
    static const char *const names[] = {"none[]",         "task[]",          "endpoint[]",
                                        "notification[]", "memory-region[]", "address-space[]",
                                        "debug-console[]"};

    (void)state;
    assert_int_equal(sizeof(names) / sizeof(names[0]), CAP_KIND_COUNT);
    for (unsigned kind = 0; kind < CAP_KIND_COUNT; kind++) {
        assert_string_equal(printed((struct capability){.kind = (uint8_t)kind}), names[kind]);
    }
}

static void shows_an_unknown_kind_as_unknown(void **state)
{
    (void)state;
    assert_string_equal(printed((struct capability){.kind = CAP_KIND_COUNT}), "unknown[]");
    assert_string_equal(printed((struct capability){.kind = UINT8_MAX, .rights = CAP_RIGHT_SEND}),
                        "unknown[send]");
}

static void shows_each_right_by_name(void **state)
{
    static const char *const names[] = {"task[duplicate]", "task[derive]",       "task[revoke]",
                                        "task[transfer]",  "task[send]",         "task[recv]",
                                        "task[notify]",    "task[console-write]"};

    (void)state;
    for (unsigned bit = 0; bit < 8; bit++) {
        struct capability cap = {.kind = CAP_KIND_TASK, .rights = (uint8_t)(1U << bit)};

        assert_string_equal(printed(cap), names[bit]);
    }
}

static void separates_rights_with_one_space(void **state)
{
    struct capability cap = {.kind = CAP_KIND_DEBUG_CONSOLE,
                             .rights = CAP_RIGHT_DERIVE | CAP_RIGHT_CONSOLE_WRITE};

    (void)state;
    assert_string_equal(printed(cap), "debug-console[derive console-write]");
    cap.rights = CAP_RIGHTS_ALL;
    assert_string_equal(
        printed(cap),
        "debug-console[duplicate derive revoke transfer send recv notify console-write]");
}

static void never_shows_the_object(void **state)
{
    static const struct object_ref objects[] = {
        {0, 0}, {1, 2}, {0x12345678, 0x9ABCDEF0}, {UINT32_MAX, UINT32_MAX}};

    (void)state;
    for (unsigned kind = 0; kind <= CAP_KIND_COUNT; kind++) {
        struct capability cap = {.kind = (uint8_t)kind, .rights = CAP_RIGHTS_ALL};
        char *expected = strdup(printed(cap));

        assert_non_null(expected);
        for (size_t i = 0; i < sizeof(objects) / sizeof(objects[0]); i++) {
            cap.object = objects[i];
            assert_string_equal(printed(cap), expected);
        }
        assert_null(strpbrk(expected, "0123456789"));
        free(expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shows_each_kind_by_name),
        cmocka_unit_test(shows_an_unknown_kind_as_unknown),
        cmocka_unit_test(shows_each_right_by_name),
        cmocka_unit_test(separates_rights_with_one_space),
        cmocka_unit_test(never_shows_the_object),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
