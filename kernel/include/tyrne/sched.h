/*
 * Cooperative FIFO scheduler over fixed storage (SYSTEM.md section 6). Idle is a fallback, never
 * queued: it runs when nothing else is ready. Knows nothing of capabilities or messages. A task may
 * own an address space: it is the one that the CPU walks while the task runs, and no other.
 *
 * All of it runs with interrupts masked on one CPU.
 */
#ifndef TYRNE_SCHED_H
#define TYRNE_SCHED_H

#include <stdbool.h>
#include <stdint.h>
#include <tyrne/address_space.h>
#include <tyrne/hal/context.h>
#include <tyrne/limits.h>
#include <tyrne/object.h>
#include <tyrne/status.h>

enum task_state {
    TASK_FREE,
    TASK_FRESH,   /* created, never queued */
    TASK_READY,   /* in the queue */
    TASK_RUNNING, /* the current task */
    TASK_BLOCKED, /* waits for `waits_on` */
    TASK_IDLE,    /* the idle task while another one runs */
};

/* One task; its index is also that of its kernel stack and of its capability table. */
struct task {
    struct hal_context context; /* while it does not run */
    uint8_t state;              /* enum task_state */
    uint8_t waits_on;           /* in TASK_BLOCKED: what the blocker said, else SCHED_NOTHING */
    struct object_ref space;    /* of a user task; else its index is ADDRESS_SPACE_NONE */
};

#define SCHED_NOTHING 0xFFU

/* The layout is part of the debugger's interface (sched.c asserts it). */
struct sched {
    uint32_t current; /* task index, or TASK_NONE before sched_run() */
    uint32_t idle;    /* task index, or TASK_NONE */
    uint32_t head;    /* of the ring `queue` */
    uint32_t ready;   /* tasks in it */
    uint8_t queue[MAX_TASKS];
    struct address_space_arena *spaces; /* of user tasks; null: there are none */
    struct object_arena arena;
    struct task tasks[MAX_TASKS];
};

/* What a task runs; it must not return (it ends by sched_exit()). */
typedef void (*task_entry)(void *argument);

/* No task, no idle. `spaces` holds the spaces of user tasks; null if there will be none. */
void sched_init(struct sched *sched, struct address_space_arena *spaces);

/* A fresh task that will call `entry(argument)` on its own kernel stack. OBJECTS_EXHAUSTED. */
MUST_CHECK status_t sched_create(struct sched *sched, task_entry entry, void *argument,
                                 struct object_ref *ref);

/*
 * A fresh user task: starts at `entry` in EL0 with `sp`, every other register zero, in `space`,
 * which is the task's from now on and reclaimed with it. OBJECTS_EXHAUSTED.
 */
MUST_CHECK status_t sched_create_user(struct sched *sched, struct object_ref space, user_va_t entry,
                                      user_va_t sp, struct object_ref *ref);

/* Queue a fresh task. STALE_OBJECT; IN_USE: it was started before, or is idle. */
MUST_CHECK status_t sched_start(struct sched *sched, struct object_ref ref);

/* Make a fresh task the idle fallback. STALE_OBJECT; IN_USE: there is one, or it was started. */
MUST_CHECK status_t sched_set_idle(struct sched *sched, struct object_ref ref);

/* Leave the boot context for the first ready task, or idle; one must exist. */
_Noreturn void sched_run(struct sched *sched);

/* Go to the queue's end and let the next one run; returns at once if nothing else is ready. */
void sched_yield(struct sched *sched);

/* True if something could run while the current task waits. */
bool sched_can_block(const struct sched *sched);

/*
 * Take the current task off the CPU until sched_wake(). `waits_on` (below SCHED_NOTHING) is for the
 * waker. sched_can_block() must hold, and the current task must not be idle.
 */
void sched_block(struct sched *sched, unsigned waits_on);

/* True if task `index` is blocked on `waits_on`. */
bool sched_waits_on(const struct sched *sched, unsigned index, unsigned waits_on);

/* Queue a blocked task; anything else is a bug and panics. */
void sched_wake(struct sched *sched, unsigned index);

/*
 * End the current task (not idle): its index and stack are free at once. Something else must be
 * able to run, else the kernel panics.
 */
_Noreturn void sched_exit(struct sched *sched);

/* Remove a task that is neither current nor idle. STALE_OBJECT, IN_USE. */
MUST_CHECK status_t sched_remove(struct sched *sched, struct object_ref ref);

/* How many more tasks can be created. */
unsigned sched_task_room(const struct sched *sched);

/* Tasks that exist, idle not counted. */
unsigned sched_task_count(const struct sched *sched);

#endif
