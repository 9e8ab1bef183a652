/* The registers that a fuzzer sets before a syscall and looks at after it; shared with stub.S. */
#ifndef FUZZ_REGISTERS_H
#define FUZZ_REGISTERS_H

#define REGISTERS_X(number) (8 * (number))
#define REGISTERS_SP        248
#define REGISTERS_NZCV      256
#define REGISTERS_TPIDR     264
#define REGISTERS_SIZE      272

#ifndef __ASSEMBLER__
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct registers {
    uint64_t x[31];
    uint64_t sp;
    uint64_t nzcv;  /* bits 31 to 28 */
    uint64_t tpidr; /* TPIDR_EL0 */
};

_Static_assert(offsetof(struct registers, x[30]) == REGISTERS_X(30), "stub.S");
_Static_assert(offsetof(struct registers, sp) == REGISTERS_SP, "stub.S");
_Static_assert(offsetof(struct registers, nzcv) == REGISTERS_NZCV, "stub.S");
_Static_assert(offsetof(struct registers, tpidr) == REGISTERS_TPIDR, "stub.S");
_Static_assert(sizeof(struct registers) == REGISTERS_SIZE, "stub.S");

/* stub.S; `fuzz_after` gets all but x0 to x30, which go where fuzz_call() says. */
extern struct registers fuzz_before;
extern struct registers fuzz_after;

/*
 * SVC #0 with the registers of `fuzz_before`. Its SP (or, if not `base_is_sp`, its x29) must be the
 * 16-byte aligned address of room for x0 to x30.
 */
void fuzz_call(bool base_is_sp);

/* Read-only bytes of the alphabet, more than a page of them. */
extern const char fuzz_letters[];
extern const char fuzz_letters_end[];

#endif

#endif
