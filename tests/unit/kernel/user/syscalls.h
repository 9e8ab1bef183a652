/* Syscalls of a test's user task, with every register seen. */
#ifndef TESTS_SYSCALLS_H
#define TESTS_SYSCALLS_H

#include "machine.h"

/* x0 to x7 as the task finds them afterwards. */
struct answer {
    uint64_t x[8];
};

/* What is in the registers that a test does not set: an answer that holds it has leaked it. */
#define OLD(i) (0xDEADBEEF00000000ULL + (i))

/*
 * Ask as the current task, with x0 to x`count - 1` from `arguments`, and OLD() in the others. x8
 * and what lies around the registers must stay as it is.
 */
struct answer ask_with(uint64_t number, const uint64_t *arguments, unsigned count);

#define ASK(number, ...)                                                                           \
    ask_with(number, (const uint64_t[]){__VA_ARGS__},                                              \
             sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))

/* Status `status`; x1 and up as listed, zero from there to x7. */
void assert_answer_is(struct answer answer, uint64_t status, const uint64_t *payload,
                      unsigned count);

#define assert_answer(answer, ...)                                                                 \
    assert_answer_is(answer, 0, (const uint64_t[]){__VA_ARGS__},                                   \
                     sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))
#define assert_error(answer, status) assert_answer_is(answer, status, NULL, 0)

/* An error, and nothing has changed in the machine: no frame, no table, no queue, no line. */
#define assert_refuses(call, status)                                                               \
    do {                                                                                           \
        size_t said_ = fake_console_length();                                                      \
        struct answer answer_;                                                                     \
                                                                                                   \
        snapshot_take();                                                                           \
        answer_ = (call);                                                                          \
        assert_error(answer_, status);                                                             \
        assert_untouched();                                                                        \
        assert_int_equal(fake_console_length(), said_);                                            \
    } while (0)

#endif
