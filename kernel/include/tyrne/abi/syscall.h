/*
 * The syscall ABI (SYSTEM.md section 8), for the kernel, for userland and for assembler. Numbers
 * here are fixed: a test pins each one. docs/architecture/syscalls.md is generated from this file.
 *
 * SVC #0 with the number in x8 and arguments in x0 to x5. Returns the status in x0 (0 is success)
 * and results in x1 to x7, all zero on an error. x9 to x18 may be clobbered; x19 to x30 and SP are
 * kept.
 */
#ifndef TYRNE_ABI_SYSCALL_H
#define TYRNE_ABI_SYSCALL_H

/* Syscall numbers; 0 is reserved and no syscall. */
#define SYSCALL_SEND          1 /* x0 endpoint, x1 label, x2-x4 words, x5 handle or null; x1: outcome */
#define SYSCALL_RECV          2 /* x0 endpoint; x1: outcome, x2 label, x3-x5 words, x6 handle or null */
#define SYSCALL_TASK_YIELD    3 /* lets the other ready tasks run */
#define SYSCALL_TASK_EXIT     4 /* x0 code; does not return */
#define SYSCALL_CONSOLE_WRITE 5 /* x0 console, x1 buffer, x2 length; x1: written; debug builds */

/* The immediate of the SVC. */
#define SYSCALL_SVC_IMMEDIATE 0

/* Outcomes of send and recv. */
#define SYSCALL_SEND_DELIVERED 0 /* to a task that waited */
#define SYSCALL_SEND_ENQUEUED  1 /* until somebody receives */
#define SYSCALL_RECV_RECEIVED  0 /* 1 is reserved */

/* Status: the syscall's own errors. */
#define ABI_OK                 0x000 /* done */
#define ABI_BAD_SYSCALL_NUMBER 0x001 /* no such syscall in this build */
#define ABI_BAD_ARGUMENT       0x002 /* reserved */
#define ABI_FAULT_ADDRESS      0x003 /* memory that is not the task's; nothing was done */

/* Status: 0x100 | capability error. */
#define ABI_CAPS_EXHAUSTED      0x101 /* no free slot in the table */
#define ABI_INVALID_HANDLE      0x102 /* malformed, stale or empty */
#define ABI_WIDENED_RIGHTS      0x103 /* more rights than the source has */
#define ABI_INSUFFICIENT_RIGHTS 0x104 /* the capability lacks the right */
#define ABI_DERIVATION_TOO_DEEP 0x105 /* more than 16 derivations */
#define ABI_HAS_CHILDREN        0x106 /* revoke first */
#define ABI_WRONG_KIND          0x107 /* a capability for another kind of object */

/* Status: 0x200 | IPC error. */
#define ABI_STALE_HANDLE         0x201 /* does not resolve, or its object is gone */
#define ABI_WRONG_OBJECT_KIND    0x202 /* names no endpoint */
#define ABI_MISSING_RIGHT        0x203 /* SEND or RECV is not granted */
#define ABI_QUEUE_FULL           0x204 /* a message or a receiver is there already */
#define ABI_INVALID_TRANSFER_CAP 0x205 /* cannot ride along */
#define ABI_RECEIVER_TABLE_FULL  0x206 /* no room for what rides along */
#define ABI_PENDING_AFTER_RESUME 0x207 /* woken without a message */
#define ABI_DEADLOCK             0x208 /* nothing could ever run again */

/* "No capability", as an argument and in a received message. */
#define ABI_NULL_HANDLE 0xffffffffffffffff /* no capability */

/* What a task finds in its table when it starts, and where its image lies. */
#define ABI_HANDLE_CONSOLE       0 /* DebugConsole with CONSOLE_WRITE */
#define ABI_HANDLE_FIRST_GRANTED 1 /* what it was granted before its start, in that order */
#define ABI_IMAGE_BASE           0x00800000 /* the first instruction */

#endif
