/*
 * What the syscall boundary costs, seen from EL0. One program in two roles, so that a hint's
 * address means one thing: the first message says which role it is. Stretches are delimited as in
 * bench.c; an even hint in one task and the next odd one in the other delimit a stretch across
 * both.
 */
#include <user/program.h>
#include <user/syscall.h>

#include "user_bench.h"

#define MARK(number) __asm__ volatile("hint %0" : : "i"(number) : "memory")

/* The cheapest thing to ask for: there is no syscall 0. */
static void null_syscall(void)
{
    for (unsigned i = 0; i < ITERATIONS; i++) {
        register uint64_t x8 __asm__("x8") = 0;
        register uint64_t x0 __asm__("x0");

        __asm__ volatile("hint %2\n\tsvc #0\n\thint %3"
                         : "=r"(x0)
                         : "r"(x8), "i"(MARK_NULL), "i"(MARK_NULL + 1)
                         : "x1", "x2", "x3", "x4", "x5", "x6", "x7", "memory");
        if (x0 != ABI_BAD_SYSCALL_NUMBER) {
            user_exit(1);
        }
    }
}

/* Both roles: what starts in one ends in the other. */
static void yields(void)
{
    for (unsigned i = 0; i < ITERATIONS; i++) {
        MARK(MARK_YIELD);
        user_yield();
        MARK(MARK_YIELD + 1);
    }
}

static void must(uint64_t status)
{
    if (status != ABI_OK) {
        user_exit(status);
    }
}

static void client(void)
{
    struct user_message message = {.label = 1, .cap = USER_NULL_HANDLE};
    uint64_t outcome;

    for (unsigned i = 0; i < ITERATIONS; i++) {
        MARK(MARK_ONE_WAY);
        must(user_send(HANDLE_REQUEST, &message, &outcome));
        must(user_recv(HANDLE_REPLY, &message));
        message.cap = USER_NULL_HANDLE;
    }
    for (unsigned i = 0; i < ITERATIONS; i++) {
        MARK(MARK_EXCHANGE);
        must(user_send(HANDLE_REQUEST, &message, &outcome));
        must(user_recv(HANDLE_REPLY, &message));
        MARK(MARK_EXCHANGE + 1);
        message.cap = USER_NULL_HANDLE;
    }
}

static void server(void)
{
    struct user_message message;
    uint64_t outcome;

    for (unsigned i = 0; i < 2U * ITERATIONS; i++) {
        must(user_recv(HANDLE_REQUEST, &message));
        MARK(MARK_ONE_WAY + 1);
        must(user_send(HANDLE_REPLY, &message, &outcome));
    }
}

uint64_t user_main(void)
{
    struct user_message role;

    must(user_recv(HANDLE_ROLE, &role));
    if (role.label == ROLE_CLIENT) {
        null_syscall();
    }
    yields();
    if (role.label == ROLE_CLIENT) {
        client();
        MARK(MARK_FAULT);
        __asm__ volatile("udf #0");
    }
    server();
    user_yield(); /* the client ends meanwhile */
    MARK(MARK_FAULT + 1);
    return 0;
}
