#include "syscalls.h"

#define AROUND 4U

struct answer ask_with(uint64_t number, const uint64_t *arguments, unsigned count)
{
    struct {
        uint64_t below[AROUND];
        uint64_t x[SYSCALL_REGISTERS];
        uint64_t above[AROUND];
    } frame;
    struct answer answer;

    for (unsigned i = 0; i < AROUND; i++) {
        frame.below[i] = ~OLD(i);
        frame.above[i] = ~OLD(AROUND + i);
    }
    for (unsigned i = 0; i < SYSCALL_REGISTERS; i++) {
        frame.x[i] = i < count ? arguments[i] : OLD(i);
    }
    frame.x[8] = number;
    syscall_dispatch(&machine.core, frame.x);
    assert_true(frame.x[8] == number);
    for (unsigned i = 0; i < AROUND; i++) {
        assert_true(frame.below[i] == ~OLD(i));
        assert_true(frame.above[i] == ~OLD(AROUND + i));
    }
    for (unsigned i = 0; i < 8; i++) {
        answer.x[i] = frame.x[i];
    }
    return answer;
}

void assert_answer_is(struct answer answer, uint64_t status, const uint64_t *payload,
                      unsigned count)
{
    assert_int_equal(answer.x[0], status);
    for (unsigned i = 1; i < 8; i++) {
        assert_int_equal(answer.x[i], i <= count ? payload[i - 1U] : 0);
    }
}
