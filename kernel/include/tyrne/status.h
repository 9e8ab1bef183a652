/*
 * What an operation of the kernel answers. The values are the syscall ABI's status numbers
 * (SYSTEM.md section 8) wherever a user can see them, so no translation table exists: 0x100 |
 * capability error, 0x200 | IPC error. A status is a caller's mistake or a lack of room; a bug of
 * the kernel panics instead.
 */
#ifndef TYRNE_STATUS_H
#define TYRNE_STATUS_H

#include <tyrne/abi/syscall.h>

typedef enum {
    STATUS_OK = ABI_OK,

    /* Syscall errors. */
    STATUS_BAD_SYSCALL_NUMBER = ABI_BAD_SYSCALL_NUMBER,
    STATUS_BAD_ARGUMENT = ABI_BAD_ARGUMENT,
    STATUS_FAULT_ADDRESS = ABI_FAULT_ADDRESS,

    /* Capability errors. */
    STATUS_CAPS_EXHAUSTED = ABI_CAPS_EXHAUSTED,
    STATUS_INVALID_HANDLE = ABI_INVALID_HANDLE,
    STATUS_WIDENED_RIGHTS = ABI_WIDENED_RIGHTS,
    STATUS_INSUFFICIENT_RIGHTS = ABI_INSUFFICIENT_RIGHTS,
    STATUS_DERIVATION_TOO_DEEP = ABI_DERIVATION_TOO_DEEP,
    STATUS_HAS_CHILDREN = ABI_HAS_CHILDREN,
    STATUS_WRONG_KIND = ABI_WRONG_KIND,

    /* IPC errors. */
    STATUS_STALE_HANDLE = ABI_STALE_HANDLE,
    STATUS_WRONG_OBJECT_KIND = ABI_WRONG_OBJECT_KIND,
    STATUS_MISSING_RIGHT = ABI_MISSING_RIGHT,
    STATUS_QUEUE_FULL = ABI_QUEUE_FULL,
    STATUS_INVALID_TRANSFER_CAP = ABI_INVALID_TRANSFER_CAP,
    STATUS_RECEIVER_TABLE_FULL = ABI_RECEIVER_TABLE_FULL,
    STATUS_PENDING_AFTER_RESUME = ABI_PENDING_AFTER_RESUME,
    STATUS_DEADLOCK = ABI_DEADLOCK,

    /* Memory and object errors; no syscall returns them today. */
    STATUS_OUT_OF_FRAMES = 0x301,
    STATUS_BAD_ALIGNMENT = 0x302,
    STATUS_OUT_OF_RANGE = 0x303,
    STATUS_RESERVED_FRAME = 0x304,
    STATUS_NOT_ALLOCATED = 0x305,
    STATUS_ALREADY_MAPPED = 0x306,
    STATUS_NOT_MAPPED = 0x307,
    STATUS_BLOCK_MAPPED = 0x308,
    STATUS_BAD_RIGHTS = 0x309,
    STATUS_TOO_MANY_RANGES = 0x30A,
    STATUS_OBJECTS_EXHAUSTED = 0x30B,
    STATUS_STALE_OBJECT = 0x30C,
    STATUS_IN_USE = 0x30D,
} status_t;

/* The result of the function must be looked at. */
#define MUST_CHECK __attribute__((warn_unused_result))

#endif
