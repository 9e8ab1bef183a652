/*
 * A hostile program: random and crafted syscalls for as long as it was told, every register looked
 * at after each of them, then an end by task_exit or by what no program may do.
 */
#include "fuzz.h"

#include <user/syscall.h>

/* At least once in so many calls the others get the CPU. */
#define CALLS_IN_A_ROW 48U

_Noreturn void fuzz_main(uint64_t stack_end);

static struct fuzzer fuzzer;

/*
 * Tell the kernel side, through home, which is made empty first. A full table of capabilities can
 * stand against that until the kernel side revokes some.
 */
static void tell(uint64_t label, uint64_t a, uint64_t b, uint64_t c)
{
    struct user_message message = {label, {a, b, c}, USER_NULL_HANDLE};
    struct user_message old;
    uint64_t outcome;

    for (;;) {
        fuzzer.progress->others++;
        message.words[2] = c | (label == FUZZ_LABEL_REPORT ? fuzzer.progress->others << 8 : 0);
        if (user_send(FUZZ_HANDLE_HOME, &message, &outcome) != ABI_QUEUE_FULL) {
            return;
        }
        fuzzer.progress->others++;
        if (user_recv(FUZZ_HANDLE_HOME, &old) != ABI_OK) {
            fuzzer.progress->others++;
            user_yield();
        }
    }
}

_Noreturn void violate(const struct fuzzer *self, enum violation what, unsigned number,
                       uint64_t was, uint64_t is)
{
    tell(FUZZ_LABEL_VIOLATION,
         (uint64_t)what << 56 | (uint64_t)number << 48 | (fuzz_before.x[8] & 0xFFFFFFFFU) << 16 |
             self->progress->calls,
         was, is);
    for (;;) {
        __asm__ volatile("udf #0xdead");
    }
}

/* What ends a program at once, if the kernel and the CPU do their part. */
static void do_forbidden(const struct fuzzer *self, uint64_t how)
{
    uint64_t address = FUZZ_KERNEL_VA;

    switch (how) {
    case FUZZ_END_SVC_IMMEDIATE:
        __asm__ volatile("mov x8, #3\n\tsvc #1" : : : "x8", "memory");
        break;
    case FUZZ_END_UNDEFINED:
        __asm__ volatile("udf #1");
        break;
    case FUZZ_END_READ_KERNEL:
        __asm__ volatile("ldr xzr, [%0]" : : "r"(address));
        break;
    case FUZZ_END_WRITE_KERNEL:
        __asm__ volatile("str xzr, [%0]" : : "r"(address) : "memory");
        break;
    case FUZZ_END_CALL_KERNEL:
        __asm__ volatile("blr %0" : : "r"(address) : "x30", "memory");
        break;
    case FUZZ_END_WRITE_CODE:
        address = ABI_IMAGE_BASE;
        __asm__ volatile("str xzr, [%0]" : : "r"(address) : "memory");
        break;
    case FUZZ_END_RUN_DATA:
        address = self->memory.stack;
        __asm__ volatile("blr %0" : : "r"(address) : "x30", "memory");
        break;
    case FUZZ_END_TOUCH_GUARD:
        address = self->memory.data_end;
        __asm__ volatile("ldr xzr, [%0]" : : "r"(address));
        break;
    case FUZZ_END_SYSTEM_REGISTER:
        __asm__ volatile("mrs x9, cntvct_el0" : : : "x9");
        break;
    case FUZZ_END_CALL_EL2:
        __asm__ volatile("hvc #0" : : : "memory");
        break;
    default:
        __asm__ volatile(".inst 0x1e604000"); /* fmov d0, d0 */
        break;
    }
}

_Noreturn void end_life(struct fuzzer *self, uint64_t how)
{
    if (!memory_untouched(&self->memory)) {
        violate(self, VIOLATION_MEMORY, 0, 0, 0);
    }
    tell(FUZZ_LABEL_REPORT, self->progress->calls | self->progress->written << 16,
         self->progress->seen, how);
    if (how == FUZZ_END_EXIT) {
        user_exit(fuzz_next(&self->random));
    }
    do_forbidden(self, how);
    violate(self, VIOLATION_STILL_ALIVE, 0, how, 0);
}

/* The registers after the call, from the record that SP or x29 named. */
static const uint64_t *call(bool base_is_sp)
{
    uint64_t record = base_is_sp ? fuzz_before.sp : fuzz_before.x[29];
    uint64_t *after = (uint64_t *)(uintptr_t)record;

    for (unsigned i = 0; i < 31; i++) {
        after[i] = 0x6E6F742073746F72U; /* what was not stored there is seen */
    }
    fuzz_call(base_is_sp);
    return after;
}

_Noreturn void fuzz_main(uint64_t stack_end)
{
    struct user_message start = {0};
    unsigned in_a_row = 0;

    memory_init(&fuzzer.memory, stack_end);
    fuzzer.progress = (struct fuzz_progress *)(uintptr_t)fuzzer.memory.stack;
    fuzzer.progress->others++;
    if (user_recv(FUZZ_HANDLE_HOME, &start) != ABI_OK || start.label != FUZZ_LABEL_START) {
        violate(&fuzzer, VIOLATION_START, 0, FUZZ_LABEL_START, start.label);
    }
    fuzzer.random.state = start.words[0];
    while (fuzzer.progress->calls < start.words[1]) {
        bool base_is_sp = craft(&fuzzer);

        in_a_row = fuzz_before.x[8] == SYSCALL_TASK_YIELD ? 0 : in_a_row + 1U;
        if (in_a_row == CALLS_IN_A_ROW) {
            fuzz_before.x[8] = SYSCALL_TASK_YIELD;
            in_a_row = 0;
        }
        fuzzer.progress->calls++;
        judge(&fuzzer, call(base_is_sp));
    }
    end_life(&fuzzer, start.words[2]);
}
