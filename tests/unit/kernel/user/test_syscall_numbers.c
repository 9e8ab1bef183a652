/*
 * Which numbers are syscalls, yield and exit. Built with TYRNE_DEBUG and without: a release kernel
 * has no console for programs.
 */
#include "syscalls.h"

#include <string.h>
#include <tyrne/hal/power.h>

static char order[64];

static int setup(void **state)
{
    (void)machine_setup(state);
    order[0] = '\0';
    return 0;
}

static void asks_for_what_there_is_not(void)
{
    static const uint64_t numbers[] = {
        0,
#ifndef TYRNE_DEBUG
        5,
        SYSCALL_CONSOLE_WRITE,
#endif
        6,
        7,
        8,
        255,
        256 + 1,
        0x10000 + 1,
        INT32_MAX,
        0x80000001,
        UINT32_MAX,
        0x100000000 + 0,
        0x100000000 + 1,
        0x100000000 + 3,
        0x100000000 + 4,
        0x100000000 + 5,
        0x8000000000000001,
        0x8000000000000004,
        UINT64_MAX - 1,
        UINT64_MAX,
    };

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        assert_refuses(ASK(numbers[i], OLD(0)), 1);
        assert_refuses(ASK(numbers[i], 0, ABI_IMAGE_BASE, 8), 1);
        assert_refuses(ASK(numbers[i], 0, 0, 0, 0, 0, 0, 0, 0), 1);
    }
    assert_string_equal(fake_console_text(), "");
}

static void other_numbers_are_bad(void **state)
{
    (void)state;
    (void)machine_user(machine_image(64), asks_for_what_there_is_not);
    machine_run_to_idle();
    assert_string_equal(fake_console_text(), "tyrne: userspace task exited\n");
}

static void yields(void)
{
    const char name[] = {(char)('0' + machine.core.sched.current), '\0'};

    for (unsigned i = 0; i < 3; i++) {
        strcat(order, name); /* NOLINT(clang-analyzer-security.insecureAPI.strcpy): fits by far */
        assert_answer(ASK(SYSCALL_TASK_YIELD, OLD(0)), 0);
    }
}

static void yield_lets_the_others_run(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        (void)machine_user(machine_image(64), yields);
    }
    machine_run_to_idle();
    assert_string_equal(order, "123123123");
}

static void yields_alone(void)
{
    snapshot_take();
    assert_answer(ASK(SYSCALL_TASK_YIELD, OLD(0)), 0);
    assert_untouched();
}

static void yield_returns_when_nobody_else_is_there(void **state)
{
    (void)state;
    (void)machine_user(machine_image(64), yields_alone);
    machine_run_to_idle();
}

static void exits(void)
{
    (void)ASK(SYSCALL_TASK_EXIT, OLD(0));
    fail_msg("task_exit returned");
}

static void exit_does_not_return(void **state)
{
    uint32_t frames = pmm_free_frames(&machine.pmm);

    (void)state;
    (void)machine_user(machine_image(64), exits);
    (void)machine_user(machine_image(64), exits);
    machine_run_to_idle();
    assert_int_equal(sched_task_count(&machine.core.sched), 0);
    assert_int_equal(pmm_free_frames(&machine.pmm), frames);
    assert_string_equal(fake_console_text(),
                        "tyrne: userspace task exited\ntyrne: userspace task exited\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, machine_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(other_numbers_are_bad),
        TEST(yield_lets_the_others_run),
        TEST(yield_returns_when_nobody_else_is_there),
        TEST(exit_does_not_return),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
