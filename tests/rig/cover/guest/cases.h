/* What the guest's files know of each other. Addresses and counts are plain 64-bit numbers. */
#ifndef COVER_CASES_H
#define COVER_CASES_H

#include <stdint.h>

#define NOINLINE __attribute__((noipa))

void run_cases(void);

uint64_t asm_branches(void);
uint64_t asm_fault(void);
uint64_t asm_retry(void);
uint64_t asm_literal(void);
uint64_t asm_middle(void);
uint64_t asm_never(uint64_t value);

/* Call a function that may fault; 1 when it did, 0 when it returned. */
uint64_t call_guarded(uint64_t (*function)(void));

int odd_rows(int x);
int optimised(int steps);
int unused_entry(int value);
int run_algorithm(void);

#endif
