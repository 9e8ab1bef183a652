/*
 * A well-behaved program, twice: the first asks, the second answers, through endpoints that no
 * fuzzer has a capability for. A capability travels with the question and back. Any difference ends
 * the task, which the kernel side takes for the failure that it is.
 */
#include "protocol.h"

#include <user/program.h>
#include <user/syscall.h>

#define ROUNDS_BETWEEN_REPORTS 64U

/* SVCs so far, the one under way included: the first word of .data, where the kernel side reads it.
 */
static volatile uint64_t syscalls __attribute__((section(".data")));

/* `holds`, or the end. */
static void require(bool holds)
{
    if (!holds) {
        __asm__ volatile("udf #0xbad");
        __builtin_unreachable();
    }
}

static void send(uint64_t endpoint, const struct user_message *message)
{
    uint64_t outcome = UINT64_MAX;

    syscalls++;
    require(user_send(endpoint, message, &outcome) == ABI_OK);
    require(outcome == SYSCALL_SEND_DELIVERED || outcome == SYSCALL_SEND_ENQUEUED);
}

static uint64_t receive(struct user_message *message)
{
    syscalls++;
    return user_recv(FUZZ_HANDLE_IN, message);
}

static void answer_to(const struct user_message *question, struct user_message *answer)
{
    answer->label = ~question->label;
    answer->cap = question->cap;
    for (unsigned i = 0; i < USER_MESSAGE_WORDS; i++) {
        answer->words[i] = fuzz_mix(question->words[i] ^ question->label);
    }
}

/* Answer `question`, and whatever comes after it. */
static _Noreturn void serve(struct user_message *question)
{
    struct user_message answer;

    for (;;) {
        require(question->cap >> 48 == 0);
        answer_to(question, &answer);
        send(FUZZ_HANDLE_OUT, &answer);
        require(receive(question) == ABI_OK);
    }
}

static _Noreturn void ask(uint64_t seed)
{
    struct fuzz_random random = {seed};
    uint64_t token = FUZZ_HANDLE_TOKEN;

    for (uint64_t round = 1;; round++) {
        struct user_message question = {.label = fuzz_next(&random), .cap = token};
        struct user_message expected;
        struct user_message answer;

        for (unsigned i = 0; i < USER_MESSAGE_WORDS; i++) {
            question.words[i] = fuzz_next(&random);
        }
        send(FUZZ_HANDLE_OUT, &question);
        require(receive(&answer) == ABI_OK);
        answer_to(&question, &expected);
        require(answer.label == expected.label && answer.words[0] == expected.words[0] &&
                answer.words[1] == expected.words[1] && answer.words[2] == expected.words[2]);
        /* The token came back into a free slot: not the handle that was sent away. */
        require(answer.cap >> 48 == 0 && answer.cap != token);
        token = answer.cap;
        if (round % ROUNDS_BETWEEN_REPORTS == 0) {
            struct user_message report = {FUZZ_LABEL_REPORT, {round, 0, 0}, USER_NULL_HANDLE};
            uint64_t outcome;
            uint64_t status;

            syscalls++;
            status = user_send(token, &report, &outcome);
            require(status == ABI_OK || status == ABI_QUEUE_FULL);
        }
    }
}

uint64_t user_main(void)
{
    struct user_message first;

    require(receive(&first) == ABI_OK);
    if (first.label == FUZZ_LABEL_START) {
        ask(first.words[0]);
    }
    serve(&first);
}
