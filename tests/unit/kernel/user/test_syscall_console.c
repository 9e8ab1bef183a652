/* console_write: what is written, and that nothing is if anything is wrong. A debug kernel. */
#include "syscalls.h"

#include <string.h>

/* Two pages of code, two of data and bss, the guard, one page of stack. */
#define CODE       0x800000ULL
#define DATA       0x802000ULL
#define DATA_END   0x2800ULL /* of the image's bytes */
#define GUARD      0x804000ULL
#define STACK      0x805000ULL
#define END        0x806000ULL
#define AFTER_HEAD 32U /* the first byte behind the header */

static struct object_ref user;

static void run(void (*script)(void))
{
    user = machine_user(machine_image_with(DATA_END, 0x2000, DATA_END, 0x3001), script);
    machine_run_to_idle();
}

/* What the task's memory holds at `va`, which is mapped. */
static char byte_at(uint64_t va)
{
    uint64_t offset = va - CODE;

    return (char)(va < GUARD && offset < DATA_END ? image_byte(offset) : 0);
}

static void assert_written(uint64_t va, uint64_t length)
{
    const char *said;

    fake_console_clear();
    snapshot_take();
    assert_answer(ASK(SYSCALL_CONSOLE_WRITE, ABI_HANDLE_CONSOLE, va, length), length);
    assert_untouched();
    assert_int_equal(fake_console_length(), length);
    said = fake_console_text();
    for (uint64_t i = 0; i < length; i++) {
        assert_int_equal(said[i], byte_at(va + i));
    }
}

static void writes_everywhere(void)
{
    assert_written(CODE + AFTER_HEAD, 1);
    assert_written(CODE + AFTER_HEAD, 100);
    assert_written(CODE + AFTER_HEAD, PAGE_SIZE - AFTER_HEAD);
    assert_written(CODE + AFTER_HEAD, PAGE_SIZE - AFTER_HEAD + 1);
    assert_written(CODE + PAGE_SIZE - 1, 1);
    assert_written(CODE + PAGE_SIZE - 1, 2);
    assert_written(CODE + PAGE_SIZE, PAGE_SIZE);
    assert_written(CODE + PAGE_SIZE - 3, PAGE_SIZE + 7);
    assert_written(DATA - 5, 10);
    assert_written(DATA + 0x7FF, 2); /* the end of data, the start of bss */
    assert_written(CODE + AFTER_HEAD, GUARD - CODE - AFTER_HEAD);
    assert_written(GUARD - 1, 1);
    assert_written(STACK, PAGE_SIZE);
    assert_written(END - 1, 1);
}

static void whatever_is_mapped_can_be_written(void **state)
{
    (void)state;
    run(writes_everywhere);
}

static void writes_nothing(void)
{
    assert_written(CODE, 0);
    assert_written(GUARD, 0);
    assert_written(END, 0);
}

static void no_bytes_are_written_well(void **state)
{
    (void)state;
    run(writes_nothing);
}

static void assert_fault(uint64_t va, uint64_t length)
{
    assert_refuses(ASK(SYSCALL_CONSOLE_WRITE, ABI_HANDLE_CONSOLE, va, length), 3);
}

static void writes_what_it_has_not(void)
{
    static const uint64_t nowhere[] = {
        0,
        1,
        CODE - 1,
        GUARD,
        STACK - 1,
        END,
        USER_VA_END - 1,
        USER_VA_END,
        0xFFFF000000000000,
        0xFFFFFFFF00000000 + FAKE_RAM_START_PA,
        0xFFFFFFFF40080000,
        UINT64_MAX,
    };

    for (size_t i = 0; i < sizeof(nowhere) / sizeof(nowhere[0]); i++) {
        assert_fault(nowhere[i], 1);
        assert_fault(nowhere[i], 0 - nowhere[i]); /* up to the end of all addresses */
        assert_fault(nowhere[i], UINT64_MAX);
        assert_fault(nowhere[i], 1ULL << 63);
    }
    /* The kernel's own memory, at its physical and direct-mapped addresses. */
    assert_fault(FAKE_RAM_START_PA, 8);
    assert_fault((uintptr_t)&machine, 8);
    /* Good bytes first, and not one of them is written. */
    assert_fault(GUARD - 1, 2);
    assert_fault(CODE, GUARD - CODE + 1);
    assert_fault(CODE, END - CODE);
    assert_fault(END - 1, 2);
    assert_fault(CODE - 1, 2);
    assert_fault(CODE, UINT64_MAX);
    assert_fault(CODE, 0 - CODE);
    assert_fault(CODE + 1, 0 - CODE);
    assert_fault(STACK, 0 - STACK + CODE + 8);
    /* Without bytes the window still counts. */
    assert_fault(CODE - 1, 0);
    assert_fault(END + 1, 0);
    assert_fault(0, 0);
}

static void a_bad_address_writes_nothing(void **state)
{
    (void)state;
    run(writes_what_it_has_not);
}

static void makes_a_hole(void)
{
    struct flush_token token;
    paddr_t frame;

    assert_int_equal(address_space_unmap(&machine.spaces,
                                         machine.core.sched.tasks[user.index].space,
                                         (user_va_t){CODE + PAGE_SIZE}, &frame, &token),
                     STATUS_OK);
    flush_va(&token);
    assert_int_equal(pmm_free(&machine.pmm, frame), STATUS_OK);
    assert_fault(CODE + PAGE_SIZE, 1);
    assert_fault(CODE + PAGE_SIZE - 1, 2);
    assert_fault(CODE, GUARD - CODE);
    assert_fault(DATA - 1, 2);
    assert_written(CODE + AFTER_HEAD, PAGE_SIZE - AFTER_HEAD);
    assert_written(DATA, 10);
}

static void a_hole_writes_nothing(void **state)
{
    (void)state;
    run(makes_a_hole);
}

static void assert_handle(uint64_t handle, uint64_t status)
{
    assert_refuses(ASK(SYSCALL_CONSOLE_WRITE, handle, CODE, 8), status);
    /* The capability is judged first. */
    assert_refuses(ASK(SYSCALL_CONSOLE_WRITE, handle, 0, 8), status);
}

static void tries_handles(void)
{
    unsigned self = machine.core.sched.current;
    struct object_ref object = {0, 0};

    assert_handle(ABI_NULL_HANDLE, 0x102);
    assert_handle(1, 0x102);
    assert_handle(63, 0x102);
    assert_handle(64, 0x102);
    assert_handle(0x10000, 0x102); /* another generation */
    assert_handle(1ULL << 48 | ABI_HANDLE_CONSOLE, 0x102);
    assert_handle(1ULL << 63 | ABI_HANDLE_CONSOLE, 0x102);
    for (unsigned kind = 1; kind < CAP_KIND_COUNT; kind++) {
        uint64_t all = machine_grant(self, (enum cap_kind)kind, object, CAP_RIGHTS_ALL).raw;
        uint64_t others =
            machine_grant(self, (enum cap_kind)kind, object, CAP_RIGHTS_ALL & ~0x80U).raw;

        if (kind == CAP_KIND_DEBUG_CONSOLE) {
            assert_answer(ASK(SYSCALL_CONSOLE_WRITE, all, CODE, 8), 8);
            assert_handle(others, 0x104);
        } else {
            assert_handle(all, 0x107);
            assert_handle(others, 0x107);
        }
    }
    /* The console of another task has the same name there, and none here. */
    assert_int_equal(cap_drop(&machine.core.caps, self, (cap_handle_t){ABI_HANDLE_CONSOLE}),
                     STATUS_OK);
    assert_handle(ABI_HANDLE_CONSOLE, 0x102);
}

static void without_the_right_to_a_console_nothing_is_written(void **state)
{
    (void)state;
    (void)machine_fresh_user(machine_image(64), NULL);
    run(tries_handles);
}

/* Two tasks, two memories at the same addresses. */
static void writes_its_own(void)
{
    fake_console_clear();
    assert_answer(ASK(SYSCALL_CONSOLE_WRITE, ABI_HANDLE_CONSOLE, CODE + AFTER_HEAD, 4), 4);
    assert_int_equal(memcmp(fake_console_text(), "mine", 4) == 0,
                     machine.core.sched.current != user.index);
}

static void each_task_writes_its_own_memory(void **state)
{
    struct user_image other = machine_image(100);

    (void)state;
    memcpy((unsigned char *)(uintptr_t)other.bytes + AFTER_HEAD, "mine", 4);
    (void)machine_user(other, writes_its_own);
    run(writes_its_own);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        machine_test(whatever_is_mapped_can_be_written),
        machine_test(no_bytes_are_written_well),
        machine_test(a_bad_address_writes_nothing),
        machine_test(a_hole_writes_nothing),
        machine_test(without_the_right_to_a_console_nothing_is_written),
        machine_test(each_task_writes_its_own_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
