/*
 * The syscall ABI against the numbers of SYSTEM.md sections 5, 6 and 8, written out here once more:
 * a number that changes breaks every program there is.
 */
#include "cmocka_includes.h"

#include <string.h>
#include <tyrne/abi/syscall.h>
#include <tyrne/capability.h>
#include <tyrne/ipc.h>
#include <tyrne/syscall.h>
#include <tyrne/user.h>

static void syscall_numbers_are_fixed(void **state)
{
    (void)state;
    assert_int_equal(SYSCALL_SEND, 1);
    assert_int_equal(SYSCALL_RECV, 2);
    assert_int_equal(SYSCALL_TASK_YIELD, 3);
    assert_int_equal(SYSCALL_TASK_EXIT, 4);
    assert_int_equal(SYSCALL_CONSOLE_WRITE, 5);
    assert_int_equal(SYSCALL_SVC_IMMEDIATE, 0);
    assert_int_equal(SYSCALL_REGISTERS, 9);
}

static void outcomes_are_fixed(void **state)
{
    (void)state;
    assert_int_equal(SYSCALL_SEND_DELIVERED, 0);
    assert_int_equal(SYSCALL_SEND_ENQUEUED, 1);
    assert_int_equal(SYSCALL_RECV_RECEIVED, 0);
    assert_int_equal(SEND_DELIVERED, 0);
    assert_int_equal(SEND_ENQUEUED, 1);
    assert_int_equal(RECV_RECEIVED, 0);
    assert_int_equal(RECV_PENDING, 1);
    assert_int_equal(MESSAGE_WORDS, 3);
}

static void statuses_are_fixed(void **state)
{
    static const struct {
        uint64_t abi;
        status_t status;
        uint64_t number;
    } pins[] = {
        {ABI_OK, STATUS_OK, 0},
        {ABI_BAD_SYSCALL_NUMBER, STATUS_BAD_SYSCALL_NUMBER, 1},
        {ABI_BAD_ARGUMENT, STATUS_BAD_ARGUMENT, 2},
        {ABI_FAULT_ADDRESS, STATUS_FAULT_ADDRESS, 3},
        {ABI_CAPS_EXHAUSTED, STATUS_CAPS_EXHAUSTED, 0x100 | 1},
        {ABI_INVALID_HANDLE, STATUS_INVALID_HANDLE, 0x100 | 2},
        {ABI_WIDENED_RIGHTS, STATUS_WIDENED_RIGHTS, 0x100 | 3},
        {ABI_INSUFFICIENT_RIGHTS, STATUS_INSUFFICIENT_RIGHTS, 0x100 | 4},
        {ABI_DERIVATION_TOO_DEEP, STATUS_DERIVATION_TOO_DEEP, 0x100 | 5},
        {ABI_HAS_CHILDREN, STATUS_HAS_CHILDREN, 0x100 | 6},
        {ABI_WRONG_KIND, STATUS_WRONG_KIND, 0x100 | 7},
        {ABI_STALE_HANDLE, STATUS_STALE_HANDLE, 0x200 | 1},
        {ABI_WRONG_OBJECT_KIND, STATUS_WRONG_OBJECT_KIND, 0x200 | 2},
        {ABI_MISSING_RIGHT, STATUS_MISSING_RIGHT, 0x200 | 3},
        {ABI_QUEUE_FULL, STATUS_QUEUE_FULL, 0x200 | 4},
        {ABI_INVALID_TRANSFER_CAP, STATUS_INVALID_TRANSFER_CAP, 0x200 | 5},
        {ABI_RECEIVER_TABLE_FULL, STATUS_RECEIVER_TABLE_FULL, 0x200 | 6},
        {ABI_PENDING_AFTER_RESUME, STATUS_PENDING_AFTER_RESUME, 0x200 | 7},
        {ABI_DEADLOCK, STATUS_DEADLOCK, 0x200 | 8},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(pins) / sizeof(pins[0]); i++) {
        assert_int_equal(pins[i].abi, pins[i].number);
        assert_int_equal(pins[i].status, pins[i].number);
    }
    /* What no syscall returns lies apart from all of them. */
    assert_int_equal(STATUS_OUT_OF_FRAMES, 0x301);
    assert_int_equal(STATUS_IN_USE, 0x30D);
}

static void rights_are_fixed(void **state)
{
    (void)state;
    assert_int_equal(CAP_RIGHT_DUPLICATE, 1);
    assert_int_equal(CAP_RIGHT_DERIVE, 2);
    assert_int_equal(CAP_RIGHT_REVOKE, 4);
    assert_int_equal(CAP_RIGHT_TRANSFER, 8);
    assert_int_equal(CAP_RIGHT_SEND, 16);
    assert_int_equal(CAP_RIGHT_RECV, 32);
    assert_int_equal(CAP_RIGHT_NOTIFY, 64);
    assert_int_equal(CAP_RIGHT_CONSOLE_WRITE, 128);
}

static void handles_are_fixed(void **state)
{
    (void)state;
    assert_true(ABI_NULL_HANDLE == UINT64_MAX);
    assert_true(NULL_CAP_HANDLE.raw == UINT64_MAX);
    assert_int_equal(cap_handle_make(0x12345678, 0x9ABC).raw, 0x123456789ABC);
    assert_int_equal(ABI_HANDLE_CONSOLE, 0);
    assert_int_equal(ABI_HANDLE_FIRST_GRANTED, 1);
}

static void the_image_is_where_programs_are_linked(void **state)
{
    (void)state;
    assert_int_equal(ABI_IMAGE_BASE, 0x00800000);
    assert_int_equal(PAGE_SIZE, 4096);
    assert_true(USER_VA_END == 0x1000000000000);
}

static void the_images_header_is_fixed(void **state)
{
    uint64_t magic = USER_IMAGE_MAGIC;

    (void)state;
    assert_memory_equal(&magic, "TYRNEIMG", 8);
    assert_int_equal(USER_IMAGE_HEADER_OFFSET, 8);
    assert_int_equal(offsetof(struct user_image_header, magic), 0);
    assert_int_equal(offsetof(struct user_image_header, code_end), 8);
    assert_int_equal(offsetof(struct user_image_header, data_end), 12);
    assert_int_equal(offsetof(struct user_image_header, bss_end), 16);
    assert_int_equal(offsetof(struct user_image_header, reserved), 20);
    assert_int_equal(sizeof(struct user_image_header), 24);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(syscall_numbers_are_fixed),
        cmocka_unit_test(outcomes_are_fixed),
        cmocka_unit_test(statuses_are_fixed),
        cmocka_unit_test(rights_are_fixed),
        cmocka_unit_test(handles_are_fixed),
        cmocka_unit_test(the_image_is_where_programs_are_linked),
        cmocka_unit_test(the_images_header_is_fixed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
