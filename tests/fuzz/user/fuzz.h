/* A fuzzer's state, and the parts of the program: memory.c, craft.c, judge.c, fuzz.c. */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include "protocol.h"
#include "registers.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HANDLE_SLOTS 64U

/* Where this program's memory is: what the kernel must and must not read for it. */
struct memory {
    uint64_t code_end;
    uint64_t data_end; /* start of the guard page */
    uint64_t bss_end;
    uint64_t stack;
    uint64_t stack_end;
};

/* What the home endpoint must hold: nobody else uses it while the program runs. */
struct home {
    bool full;
    bool with_cap;
    uint64_t label;
    uint64_t words[3];
};

/* The last handle that came for one slot of the program's table. */
struct known {
    uint64_t handle;
    bool held;    /* it was not sent away; the kernel side may have revoked it */
    uint8_t kind; /* enum cap_kind, 0: not known */
    uint8_t rights;
};

/* What can be said about a handle. Generations only grow, so much is certain. */
enum handle_state {
    HANDLE_NOTHING,   /* malformed or stale */
    HANDLE_REVOCABLE, /* what `kind` and `rights` say, or stale */
    HANDLE_CERTAIN,   /* what they say: home, and the console of the start */
    HANDLE_UNKNOWN,   /* guessed: anything */
};

struct guess {
    enum handle_state state;
    uint8_t kind;
    uint8_t rights;
};

struct fuzzer {
    struct fuzz_random random;
    struct memory memory;
    struct fuzz_progress *progress;
    struct home home;
    struct known known[HANDLE_SLOTS];
};

/* What a register held and what was wrong with it after. */
enum violation {
    VIOLATION_STATUS = 1,  /* a status that this call cannot have */
    VIOLATION_NOT_ZERO,    /* x1 to x7 of an error, or a result that must be zero */
    VIOLATION_RESULT,      /* a result that is not what the call promises */
    VIOLATION_MESSAGE,     /* a message that nobody sent */
    VIOLATION_HANDLE,      /* a handle that is malformed, or not newer than the last of its slot */
    VIOLATION_NOT_KEPT,    /* x19 to x30, SP, NZCV or TPIDR_EL0 */
    VIOLATION_LEAK,        /* x8 to x18: neither what it was nor zero */
    VIOLATION_STILL_ALIVE, /* the program did what ends it, and goes on */
    VIOLATION_MEMORY,      /* the alphabet was written over */
    VIOLATION_START,       /* the first message is not the one that the kernel side sends */
};

/* Registers beyond x0 to x30 in reports. */
#define REGISTER_SP    31U
#define REGISTER_NZCV  32U
#define REGISTER_TPIDR 33U

/* Fill what may reach the console with the alphabet. `stack_end` is the initial SP. */
void memory_init(struct memory *memory, uint64_t stack_end);

/* True if nothing of the alphabet was written over. */
bool memory_untouched(const struct memory *memory);

/* True if the kernel must be able to read all of [start, start + length) for this program. */
bool memory_readable(const struct memory *memory, uint64_t start, uint64_t length);

/* True if all of it, which is readable, is of the alphabet: it may show on the console. */
bool memory_is_letters(const struct memory *memory, uint64_t start, uint64_t length);

/* An address and a length for console_write; if they are readable, then of the alphabet. */
void memory_pick(struct fuzzer *fuzzer, uint64_t *start, uint64_t *length);

/* A handle: good, stale, guessed, malformed. */
uint64_t handle_pick(struct fuzzer *fuzzer);

/* What is known about any handle. */
struct guess handle_guess(const struct fuzzer *fuzzer, uint64_t handle);

/* A handle that came with `label`: it must be well-formed, and newer than all before in its slot.
 */
void handle_came(struct fuzzer *fuzzer, uint64_t handle, uint64_t label);

/* A handle that was sent away. */
void handle_went(struct fuzzer *fuzzer, uint64_t handle);

/* A value that a careless kernel might take for something. */
uint64_t value_pick(struct fuzzer *fuzzer);

/* Set `fuzz_before` for the next call; returns whether SP, not x29, is where registers go. */
bool craft(struct fuzzer *fuzzer);

/* Look at every register after the call that craft() made. */
void judge(struct fuzzer *fuzzer, const uint64_t after[31]);

/* A violation: tell the kernel side, and end. */
_Noreturn void violate(const struct fuzzer *self, enum violation what, unsigned number,
                       uint64_t was, uint64_t is);

/* Carry `enum fuzz_end` out. */
_Noreturn void end_life(struct fuzzer *self, uint64_t how);

#endif
