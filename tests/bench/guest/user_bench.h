/* What the program and the kernel's side of the syscall benchmark agree on. */
#ifndef BENCH_USER_BENCH_H
#define BENCH_USER_BENCH_H

#include <tyrne/abi/syscall.h>

#define ITERATIONS 8U

/* First hint of each stretch; the next number ends it. */
#define MARK_NULL      0x40
#define MARK_YIELD     0x42
#define MARK_ONE_WAY   0x44
#define MARK_EXCHANGE  0x46
#define MARK_FAULT     0x48

#define HANDLE_ROLE    ABI_HANDLE_FIRST_GRANTED
#define HANDLE_REQUEST (ABI_HANDLE_FIRST_GRANTED + 1)
#define HANDLE_REPLY   (ABI_HANDLE_FIRST_GRANTED + 2)

#define ROLE_SERVER    0
#define ROLE_CLIENT    1

#endif
