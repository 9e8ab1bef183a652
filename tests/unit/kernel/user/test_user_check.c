/* user_check() and user_bytes(): what of its memory the current task may name. */
#include "machine.h"

#include <string.h>

/* Two pages of code, two of data and bss, the guard, one page of stack. */
#define CODE  0x800000ULL
#define DATA  0x802000ULL
#define GUARD 0x804000ULL
#define STACK 0x805000ULL
#define END   0x806000ULL

static struct object_ref space;

static int setup(void **state)
{
    struct object_ref task;

    (void)machine_setup(state);
    /* Another user task in between, with an image of its own: nothing of it may be used. */
    (void)machine_fresh_user(machine_image(9 * PAGE_SIZE), NULL);
    task = machine_fresh_user(machine_image_with(0x2800, 0x2000, 0x2800, 0x3001), NULL);
    machine.core.sched.current = task.index;
    space = machine.core.sched.tasks[task.index].space;
    return 0;
}

static status_t check(uint64_t va, uint64_t length, enum user_access access)
{
    status_t status;

    snapshot_take();
    status = user_check(&machine.core, va, length, access);
    assert_untouched();
    return status;
}

static void assert_allowed(uint64_t va, uint64_t length, bool writable)
{
    assert_int_equal(check(va, length, USER_ACCESS_READ), STATUS_OK);
    assert_int_equal(check(va, length, USER_ACCESS_WRITE),
                     writable ? STATUS_OK : STATUS_FAULT_ADDRESS);
}

static void assert_faults(uint64_t va, uint64_t length)
{
    assert_int_equal(check(va, length, USER_ACCESS_READ), STATUS_FAULT_ADDRESS);
    assert_int_equal(check(va, length, USER_ACCESS_WRITE), STATUS_FAULT_ADDRESS);
}

static void what_is_mapped_may_be_read(void **state)
{
    (void)state;
    assert_allowed(CODE, 1, false);
    assert_allowed(CODE, 0x2000, false);
    assert_allowed(CODE + 0xFFF, 2, false);
    assert_allowed(CODE, GUARD - CODE, false);
    assert_allowed(STACK, PAGE_SIZE, true);
    assert_allowed(END - 1, 1, true);
}

static void each_page_decides_whether_it_may_be_written(void **state)
{
    (void)state;
    assert_allowed(DATA, 1, true);
    assert_allowed(DATA, 0x2000, true);
    assert_allowed(DATA + 0xFFF, 2, true);
    assert_allowed(GUARD - 1, 1, true);
    assert_allowed(DATA - 1, 1, false);
    assert_allowed(DATA - 1, 2, false);
    assert_allowed(DATA - 1, 0x2001, false);
}

static void the_window_is_the_limit(void **state)
{
    (void)state;
    assert_faults(CODE - 1, 1);
    assert_faults(CODE - 1, 2);
    assert_faults(CODE - PAGE_SIZE, PAGE_SIZE);
    assert_faults(END, 1);
    assert_faults(END - 1, 2);
    assert_faults(STACK, PAGE_SIZE + 1);
    assert_faults(0, 1);
    assert_faults(0, END);
    assert_faults(END + 1, 1);
    assert_faults(USER_VA_END - 1, 1);
    assert_faults(USER_VA_END, 1);
    assert_faults(0xFFFFFFFF40080000, 64);
    assert_faults(UINT64_MAX, 1);
    assert_faults(FAKE_RAM_START_PA, 64);
}

/* The space may hold more than the window: it is not for syscalls. */
static void a_page_outside_the_window_does_not_count(void **state)
{
    const uint64_t outside[] = {CODE - PAGE_SIZE, END};

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct flush_token token;
        paddr_t frame;

        assert_int_equal(pmm_alloc(&machine.pmm, &frame), STATUS_OK);
        assert_int_equal(address_space_map(&machine.spaces, space, (user_va_t){outside[i]}, frame,
                                           USER_READ_WRITE, &token),
                         STATUS_OK);
        flush_va(&token);
        assert_faults(outside[i], 1);
        assert_faults(outside[i] + PAGE_SIZE - 1, 2);
        assert_faults(outside[i] - 1, 2);
    }
}

static void lengths_that_wrap_fault(void **state)
{
    (void)state;
    assert_faults(CODE, UINT64_MAX);
    assert_faults(CODE + 1, UINT64_MAX);
    assert_faults(CODE, 0 - CODE);
    assert_faults(CODE, 0 - CODE + 1);
    assert_faults(STACK, 0 - STACK + CODE);
    assert_faults(END - 1, UINT64_MAX);
    assert_faults(END, UINT64_MAX);
    assert_faults(UINT64_MAX, UINT64_MAX);
    assert_faults(CODE, 1ULL << 63);
    assert_faults(CODE, 1ULL << 48);
}

static void the_guard_and_holes_fault(void **state)
{
    struct flush_token token;
    paddr_t frame;

    (void)state;
    assert_faults(GUARD, 1);
    assert_faults(GUARD - 1, 2);
    assert_faults(STACK - 1, 1);
    assert_faults(STACK - 1, 2);
    assert_faults(CODE, END - CODE);
    assert_int_equal(address_space_unmap(&machine.spaces, space, (user_va_t){DATA}, &frame, &token),
                     STATUS_OK);
    flush_va(&token);
    assert_int_equal(pmm_free(&machine.pmm, frame), STATUS_OK);
    assert_faults(DATA, 1);
    assert_faults(DATA - 1, 2);
    assert_faults(DATA + 0xFFF, 1);
    assert_faults(CODE, GUARD - CODE);
    assert_allowed(DATA + PAGE_SIZE, PAGE_SIZE, true);
    assert_allowed(CODE, DATA - CODE, false);
}

/* Nothing is accessed, so only the window counts. */
static void no_bytes_may_be_anywhere_in_the_window(void **state)
{
    (void)state;
    assert_allowed(CODE, 0, true);
    assert_allowed(DATA - 1, 0, true);
    assert_allowed(GUARD, 0, true);
    assert_allowed(END, 0, true);
    assert_faults(CODE - 1, 0);
    assert_faults(END + 1, 0);
    assert_faults(0, 0);
    assert_faults(UINT64_MAX, 0);
}

static void bytes_end_with_their_page(void **state)
{
    static const struct {
        uint64_t va;
        size_t length, cut;
    } cases[] = {
        {CODE, 1, 1},
        {CODE, PAGE_SIZE, PAGE_SIZE},
        {CODE, PAGE_SIZE + 1, PAGE_SIZE},
        {CODE + 1, PAGE_SIZE - 1, PAGE_SIZE - 1},
        {CODE + 1, PAGE_SIZE, PAGE_SIZE - 1},
        {CODE + PAGE_SIZE - 1, 100, 1},
        {CODE + PAGE_SIZE, 100, 100},
        {DATA + 0x7FF, 3, 3},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t length = cases[i].length;
        const unsigned char *bytes = user_bytes(&machine.core, cases[i].va, &length);
        uint64_t offset = cases[i].va - CODE;

        assert_int_equal(length, cases[i].cut);
        for (size_t k = 0; k < length && offset + k < 0x2800; k++) {
            if (offset + k >= 32) { /* behind the header */
                assert_int_equal(bytes[k], image_byte(offset + k));
            }
        }
    }
}

/* Bytes that nobody checked are a bug of the kernel. */
static void bytes_that_are_not_there_panic(void **state)
{
    size_t length = 1;

    (void)state;
    expect_assert_failure((void)user_bytes(&machine.core, GUARD, &length));
    expect_assert_failure((void)user_bytes(&machine.core, UINT64_MAX, &length));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, machine_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_mapped_may_be_read),
        TEST(each_page_decides_whether_it_may_be_written),
        TEST(the_window_is_the_limit),
        TEST(a_page_outside_the_window_does_not_count),
        TEST(lengths_that_wrap_fault),
        TEST(the_guard_and_holes_fault),
        TEST(no_bytes_may_be_anywhere_in_the_window),
        TEST(bytes_end_with_their_page),
        TEST(bytes_that_are_not_there_panic),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
