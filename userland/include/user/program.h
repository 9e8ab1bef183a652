/* What a program defines. */
#ifndef USER_PROGRAM_H
#define USER_PROGRAM_H

#include <stdint.h>

/*
 * Called by the start code with an empty stack, .data and .bss in place. What it returns is the
 * task's exit code.
 */
uint64_t user_main(void);

#endif
