/*
 * What an operation of the kernel answers. The values are the syscall ABI's status numbers
 * (SYSTEM.md section 8) wherever a user can see them, so no translation table exists: 0x100 |
 * capability error, 0x200 | IPC error. A status is a caller's mistake or a lack of room; a bug of
 * the kernel panics instead.
 */
#ifndef TYRNE_STATUS_H
#define TYRNE_STATUS_H

typedef enum {
    STATUS_OK = 0,

    /* Syscall errors. */
    STATUS_BAD_SYSCALL_NUMBER = 1,
    STATUS_BAD_ARGUMENT = 2,
    STATUS_FAULT_ADDRESS = 3,

    /* Capability errors. */
    STATUS_CAPS_EXHAUSTED = 0x101,
    STATUS_INVALID_HANDLE = 0x102,
    STATUS_WIDENED_RIGHTS = 0x103,
    STATUS_INSUFFICIENT_RIGHTS = 0x104,
    STATUS_DERIVATION_TOO_DEEP = 0x105,
    STATUS_HAS_CHILDREN = 0x106,
    STATUS_WRONG_KIND = 0x107,

    /* IPC errors. */
    STATUS_STALE_HANDLE = 0x201,
    STATUS_WRONG_OBJECT_KIND = 0x202,
    STATUS_MISSING_RIGHT = 0x203,
    STATUS_QUEUE_FULL = 0x204,
    STATUS_INVALID_TRANSFER_CAP = 0x205,
    STATUS_RECEIVER_TABLE_FULL = 0x206,
    STATUS_PENDING_AFTER_RESUME = 0x207,
    STATUS_DEADLOCK = 0x208,

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
