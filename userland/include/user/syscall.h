/*
 * Syscalls for programs: one function each, nothing hidden. Numbers and statuses are in
 * <tyrne/abi/syscall.h>; a status of ABI_OK (0) means success, and only then are results written.
 */
#ifndef USER_SYSCALL_H
#define USER_SYSCALL_H

#include <stddef.h>
#include <stdint.h>
#include <tyrne/abi/syscall.h>

/* The name of a capability of this task. */
typedef uint64_t user_handle;

#define USER_NULL_HANDLE   ((user_handle)ABI_NULL_HANDLE)

#define USER_MESSAGE_WORDS 3U

struct user_message {
    uint64_t label;
    uint64_t words[USER_MESSAGE_WORDS];
    user_handle cap; /* to send along, or received; USER_NULL_HANDLE: none */
};

/*
 * SVC #0 as the ABI has it: the number and x0 to x5 in, x0 to x7 out in `x`. Returns x0, the
 * status. For those who want to see every register; the functions below are made of it.
 */
static inline uint64_t user_syscall(uint64_t number, uint64_t x[8])
{
    register uint64_t x0 __asm__("x0");
    register uint64_t x1 __asm__("x1");
    register uint64_t x2 __asm__("x2");
    register uint64_t x3 __asm__("x3");
    register uint64_t x4 __asm__("x4");
    register uint64_t x5 __asm__("x5");
    register uint64_t x6 __asm__("x6");
    register uint64_t x7 __asm__("x7");
    register uint64_t x8 __asm__("x8") = number;

    /* No call stands between here and the SVC: nothing can use the registers for itself. */
    x0 = x[0];
    x1 = x[1];
    x2 = x[2];
    x3 = x[3];
    x4 = x[4];
    x5 = x[5];
    __asm__ volatile(
        "svc #0"
        : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3), "+r"(x4), "+r"(x5), "=r"(x6), "=r"(x7)
        : "r"(x8)
        : "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16", "x17", "x18", "cc", "memory");
    x[0] = x0;
    x[1] = x1;
    x[2] = x2;
    x[3] = x3;
    x[4] = x4;
    x[5] = x5;
    x[6] = x6;
    x[7] = x7;
    return x0;
}

/*
 * Send `message` through `endpoint`; never blocks. Its capability, if not null, moves to the
 * receiver.
 * `*outcome` is SYSCALL_SEND_DELIVERED or SYSCALL_SEND_ENQUEUED.
 */
static inline uint64_t user_send(user_handle endpoint, const struct user_message *message,
                                 uint64_t *outcome)
{
    uint64_t x[8] = {endpoint,          message->label,    message->words[0],
                     message->words[1], message->words[2], message->cap};
    uint64_t status = user_syscall(SYSCALL_SEND, x);

    if (status == ABI_OK) {
        *outcome = x[1];
    }
    return status;
}

/* Receive from `endpoint`, waiting until a message comes. */
static inline uint64_t user_recv(user_handle endpoint, struct user_message *message)
{
    uint64_t x[8] = {endpoint};
    uint64_t status = user_syscall(SYSCALL_RECV, x);

    if (status == ABI_OK) {
        *message = (struct user_message){x[2], {x[3], x[4], x[5]}, x[6]};
    }
    return status;
}

/* Let the other ready tasks run first. */
static inline void user_yield(void)
{
    uint64_t x[8] = {0};

    (void)user_syscall(SYSCALL_TASK_YIELD, x);
}

/* End this task. */
static inline _Noreturn void user_exit(uint64_t code)
{
    uint64_t x[8] = {code};

    (void)user_syscall(SYSCALL_TASK_EXIT, x);
    __builtin_unreachable();
}

/*
 * Write `length` bytes to the console that `console` names; `*written` of them were. A release
 * kernel answers ABI_BAD_SYSCALL_NUMBER.
 */
static inline uint64_t user_console_write(user_handle console, const char *bytes, size_t length,
                                          uint64_t *written)
{
    uint64_t x[8] = {console, (uint64_t)(uintptr_t)bytes, length};
    uint64_t status = user_syscall(SYSCALL_CONSOLE_WRITE, x);

    if (status == ABI_OK) {
        *written = x[1];
    }
    return status;
}

#endif
