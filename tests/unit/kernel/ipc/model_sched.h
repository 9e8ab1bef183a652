/*
 * The scheduler as a list: who waits for the CPU, in order, and what every task does. An operation
 * says what the kernel must answer and which task runs afterwards.
 */
#ifndef TESTS_MODEL_SCHED_H
#define TESTS_MODEL_SCHED_H

#include <stdbool.h>
#include <tyrne/sched.h>

struct model_task {
    bool alive;
    uint32_t generation;
    enum task_state state;
    unsigned waits_on;
};

struct model_sched {
    struct model_task tasks[MAX_TASKS];
    unsigned line[MAX_TASKS]; /* line[0] runs next */
    unsigned waiting;         /* tasks in it */
    unsigned current;
    unsigned idle;
};

void model_sched_init(struct model_sched *model);

status_t model_sched_create(struct model_sched *model, struct object_ref *ref);
status_t model_sched_start(struct model_sched *model, struct object_ref ref);
status_t model_sched_set_idle(struct model_sched *model, struct object_ref ref);
status_t model_sched_remove(struct model_sched *model, struct object_ref ref);

bool model_sched_can_block(const struct model_sched *model);
unsigned model_sched_count(const struct model_sched *model);

/* The task that runs afterwards. Of yield, the same one again means that nothing was switched. */
unsigned model_sched_run(struct model_sched *model);
unsigned model_sched_yield(struct model_sched *model);
unsigned model_sched_block(struct model_sched *model, unsigned waits_on);
unsigned model_sched_exit(struct model_sched *model);

void model_sched_wake(struct model_sched *model, unsigned index);

#endif
