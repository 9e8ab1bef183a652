/* The registers of the next call: random, near what is valid, or valid. */
#include "fuzz.h"

#include <tyrne/abi/syscall.h>

#define RECORDS 4U

/* Where registers go after a call; more than one, so that SP and x29 differ from call to call. */
static struct registers records[RECORDS] __attribute__((aligned(16)));

uint64_t value_pick(struct fuzzer *fuzzer)
{
    switch (fuzz_below(&fuzzer->random, 6)) {
    case 0:
        return fuzz_below(&fuzzer->random, 256);
    case 1:
        return FUZZ_KERNEL_VA + (fuzz_next(&fuzzer->random) & 0x7FFFFFFU);
    case 2:
        return ABI_IMAGE_BASE + (fuzz_next(&fuzzer->random) & 0xFFFFU);
    case 3:
        return UINT64_MAX - fuzz_below(&fuzzer->random, 4);
    default:
        return fuzz_next(&fuzzer->random);
    }
}

static uint64_t pick_number(struct fuzzer *fuzzer)
{
    uint64_t dice = fuzz_below(&fuzzer->random, 100);

    if (dice < 38) {
        return SYSCALL_SEND;
    }
    if (dice < 56) {
        return SYSCALL_RECV;
    }
    if (dice < 60) {
        return SYSCALL_TASK_YIELD;
    }
    if (dice < 86) {
        return SYSCALL_CONSOLE_WRITE;
    }
    if (dice < 90) {
        return fuzz_below(&fuzzer->random, 16);
    }
    if (dice < 95) {
        /* A syscall's number, with a bit that must count. */
        return fuzz_below(&fuzzer->random, 6) | 1ULL << (3U + fuzz_below(&fuzzer->random, 61));
    }
    return value_pick(fuzzer);
}

static void craft_message(struct fuzzer *fuzzer, uint64_t *x)
{
    struct guess cap;

    x[5] = fuzz_once_in(&fuzzer->random, 3) ? ABI_NULL_HANDLE : handle_pick(fuzzer);
    cap = handle_guess(fuzzer, x[5]);
    x[1] = fuzz_label(fuzz_next(&fuzzer->random), cap.kind, cap.rights);
    for (unsigned i = 0; i < 3; i++) {
        x[2U + i] = fuzz_word(x[1], i);
    }
}

bool craft(struct fuzzer *fuzzer)
{
    uint64_t *x = fuzz_before.x;
    bool base_is_sp = fuzz_once_in(&fuzzer->random, 2);
    uint64_t record = (uint64_t)(uintptr_t)&records[fuzz_below(&fuzzer->random, RECORDS)];

    for (unsigned i = 0; i < 31; i++) {
        x[i] = value_pick(fuzzer);
    }
    fuzz_before.sp = value_pick(fuzzer);
    fuzz_before.nzcv = fuzz_next(&fuzzer->random) & 0xF0000000U;
    fuzz_before.tpidr = value_pick(fuzzer);
    if (base_is_sp) {
        fuzz_before.sp = record;
    } else {
        x[29] = record;
    }
    do {
        x[8] = pick_number(fuzzer);
    } while (x[8] == SYSCALL_TASK_EXIT);
    x[0] = fuzz_once_in(&fuzzer->random, 8) ? x[0] : handle_pick(fuzzer);
    if (x[8] == SYSCALL_SEND) {
        craft_message(fuzzer, x);
    } else if (x[8] == SYSCALL_CONSOLE_WRITE) {
        x[0] = fuzz_once_in(&fuzzer->random, 3) ? x[0] : ABI_HANDLE_CONSOLE;
        memory_pick(fuzzer, &x[1], &x[2]);
    } else if (x[8] == SYSCALL_RECV && x[0] == FUZZ_HANDLE_HOME && !fuzzer->home.full) {
        x[0] = ABI_HANDLE_CONSOLE; /* nobody would ever send there */
    }
    return base_is_sp;
}
