/* The kernel side of the fuzz run: tasks.c, pump.c, check.c. */
#ifndef FUZZ_RUN_H
#define FUZZ_RUN_H

#include "protocol.h"
#include <stdbool.h>
#include <stdint.h>
#include <tyrne/task.h>

/* All user spaces but the bootstrap one: five fuzzers and two victims. */
#define FUZZERS 5U
#define VICTIMS 2U
/* Endpoints that fuzzers share; with a home for each fuzzer and the victims' three it fits. */
#define SHARED 6U
/* Roots of capabilities that wander, beside those of the shared endpoints. */
enum other_root { ROOT_NOTIFICATION, ROOT_TASK, ROOT_MEMORY, ROOT_CONSOLE, ROOT_SPACE, OTHERS };
/* Roots whose object is gone, but not their children. */
#define STALE 8U

struct life {
    bool alive;
    struct object_ref task;
    struct object_ref home;
    cap_handle_t home_root; /* this and all others: in the pump's table */
    cap_handle_t space;
    uint64_t calls; /* that it was told to make */
};

struct totals {
    uint64_t calls;
    uint64_t others; /* syscalls beside those, of fuzzers and victims */
    uint64_t written;
    uint64_t seen; /* enum fuzz_seen */
    uint64_t lives;
    uint64_t killed;               /* by the pump */
    uint64_t ends[FUZZ_END_COUNT]; /* lives that ended by themselves */
    uint64_t rounds;               /* of the victims */
    uint64_t checks;
};

struct run {
    struct core *core;
    unsigned self; /* the pump's task index and table */
    struct fuzz_random random;
    uint64_t seed;
    uint64_t calls;      /* of the whole run */
    uint64_t unassigned; /* of these, not given to a life yet */
    struct life lives[FUZZERS];
    struct object_ref victims[VICTIMS];
    cap_handle_t report;
    struct object_ref shared[SHARED];
    cap_handle_t shared_root[SHARED];
    struct object_ref notification;
    cap_handle_t other_root[OTHERS];
    cap_handle_t stale[STALE];
    unsigned next_stale;
    uint64_t sum; /* of the kernel's code and constants, at the start */
    struct totals totals;
};

/* Begin a life, if there are calls left to make. */
void life_start(struct run *run, struct life *life);

/* Take over what a life that ended by itself reported; panics if it had no reason to end. */
void life_collect(struct run *run, struct life *life);

/* End the task of a life from outside, wherever it is. */
void life_kill(struct run *run, struct life *life);

/* End victim `which`. */
void victim_end(struct run *run, unsigned which);

/* A root capability with all rights in the pump's table. */
cap_handle_t root_insert(struct run *run, enum cap_kind kind, struct object_ref object);

/* A root whose object is gone: it stays for a while, so that its children are stale. */
void root_retire(struct run *run, cap_handle_t root);

/* The pump's task: serves, disturbs, checks, counts, and ends the run. */
void pump(void *argument);

/* A checksum of the kernel's code and constants. */
uint64_t checksum(void);

/* Panics if an invariant of the kernel does not hold. `deep` walks all page tables, too. */
void check_everything(const struct run *run, bool deep);

#endif
