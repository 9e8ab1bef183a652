/*
 * Random syscalls of several user tasks against a reference: what is in flight and who waits is
 * kept here; what a handle names is looked up slot by slot.
 */
#ifndef TESTS_STORM_H
#define TESTS_STORM_H

#include "syscalls.h"

#include "seeded.h"

/* One endpoint, by index. */
struct flight {
    bool there;  /* a message waits to be fetched */
    bool parked; /* with a capability that nobody has revoked yet */
    struct message message;
    struct capability cap;
    unsigned waiter; /* task that waits, or was woken and has not fetched yet; or TASK_NONE */
};

/* A user task that lives, by index. */
struct storm_user {
    bool alive;
    struct object_ref task;
    uint32_t frames;  /* that it holds, its root included */
    uint64_t hole_va; /* a page of its window that is not mapped, beside the guard; 0: none */
};

struct storm {
    struct seeded run; /* a step is a dispatch */
    struct flight flights[MAX_ENDPOINTS];
    struct storm_user users[MAX_TASKS];
};

extern struct storm storm;

enum how {
    RETURNS, /* with the registers predicted */
    BLOCKS,
    ENDS, /* never returns */
};

struct prediction {
    enum how how;
    struct answer answer;
    unsigned endpoint; /* of a send or recv that succeeds or blocks */
};

/* The capability that `handle` names in `table`, or null. */
const struct capability *storm_named(unsigned table, uint64_t handle);

/* What comes of the syscall `x` of task `self`. */
struct prediction storm_predict(unsigned self, const uint64_t *x);

/* The same for a recv that was blocked at `endpoint` and has returned with `answer`. */
void storm_judge_woken(unsigned self, const uint64_t *x, unsigned endpoint, struct answer answer);

/* Task `index` ends: nobody waits there any more. */
void storm_forget(unsigned index);

/* Flights whose capability was revoked carry none any more. */
void storm_notice_revoked(void);

/* Random and crafted registers for task `self`; `number` in x[8]. */
void storm_pick(unsigned self, uint64_t *x);

/* `x` as the current task, with the outcome compared with the prediction. */
void storm_ask(const uint64_t *x);

#endif
