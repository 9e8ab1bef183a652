#include "model_sched.h"

#include <assert.h>

void model_sched_init(struct model_sched *model)
{
    *model = (struct model_sched){.current = TASK_NONE, .idle = TASK_NONE};
}

static bool alive(const struct model_sched *model, struct object_ref ref)
{
    return ref.index < MAX_TASKS && model->tasks[ref.index].alive &&
           model->tasks[ref.index].generation == ref.generation;
}

static void line_up(struct model_sched *model, unsigned index)
{
    model->line[model->waiting] = index;
    model->waiting++;
    model->tasks[index].state = TASK_READY;
}

/* Take place `at` out of the line; those behind it move up. */
static void leave_line(struct model_sched *model, unsigned at)
{
    for (unsigned i = at; i + 1 < model->waiting; i++) {
        model->line[i] = model->line[i + 1];
    }
    model->waiting--;
}

static unsigned run_next(struct model_sched *model)
{
    unsigned next = model->idle;

    if (model->waiting != 0) {
        next = model->line[0];
        leave_line(model, 0);
    }
    assert(next != TASK_NONE);
    model->current = next;
    model->tasks[next].state = TASK_RUNNING;
    return next;
}

status_t model_sched_create(struct model_sched *model, struct object_ref *ref)
{
    for (uint32_t i = 0; i < MAX_TASKS; i++) {
        struct model_task *task = &model->tasks[i];

        if (!task->alive) {
            task->alive = true;
            task->state = TASK_FRESH;
            task->waits_on = SCHED_NOTHING;
            *ref = (struct object_ref){i, task->generation};
            return STATUS_OK;
        }
    }
    return STATUS_OBJECTS_EXHAUSTED;
}

status_t model_sched_start(struct model_sched *model, struct object_ref ref)
{
    if (!alive(model, ref)) {
        return STATUS_STALE_OBJECT;
    }
    if (model->tasks[ref.index].state != TASK_FRESH) {
        return STATUS_IN_USE;
    }
    line_up(model, ref.index);
    return STATUS_OK;
}

status_t model_sched_set_idle(struct model_sched *model, struct object_ref ref)
{
    if (!alive(model, ref)) {
        return STATUS_STALE_OBJECT;
    }
    if (model->tasks[ref.index].state != TASK_FRESH || model->idle != TASK_NONE) {
        return STATUS_IN_USE;
    }
    model->idle = ref.index;
    model->tasks[ref.index].state = TASK_IDLE;
    return STATUS_OK;
}

static void die(struct model_sched *model, unsigned index)
{
    model->tasks[index].alive = false;
    model->tasks[index].generation++;
    model->tasks[index].state = TASK_FREE;
}

status_t model_sched_remove(struct model_sched *model, struct object_ref ref)
{
    if (!alive(model, ref)) {
        return STATUS_STALE_OBJECT;
    }
    if (ref.index == model->current || ref.index == model->idle) {
        return STATUS_IN_USE;
    }
    for (unsigned i = 0; i < model->waiting; i++) {
        if (model->line[i] == ref.index) {
            leave_line(model, i);
        }
    }
    die(model, ref.index);
    return STATUS_OK;
}

bool model_sched_can_block(const struct model_sched *model)
{
    return model->current != model->idle && (model->waiting != 0 || model->idle != TASK_NONE);
}

unsigned model_sched_count(const struct model_sched *model)
{
    unsigned count = 0;

    for (unsigned i = 0; i < MAX_TASKS; i++) {
        count += model->tasks[i].alive && i != model->idle;
    }
    return count;
}

unsigned model_sched_run(struct model_sched *model)
{
    return run_next(model);
}

unsigned model_sched_yield(struct model_sched *model)
{
    if (model->waiting == 0) {
        return model->current;
    }
    if (model->current == model->idle) {
        model->tasks[model->idle].state = TASK_IDLE;
    } else {
        line_up(model, model->current);
    }
    return run_next(model);
}

unsigned model_sched_block(struct model_sched *model, unsigned waits_on)
{
    model->tasks[model->current].state = TASK_BLOCKED;
    model->tasks[model->current].waits_on = waits_on;
    return run_next(model);
}

unsigned model_sched_exit(struct model_sched *model)
{
    die(model, model->current);
    return run_next(model);
}

void model_sched_wake(struct model_sched *model, unsigned index)
{
    model->tasks[index].waits_on = SCHED_NOTHING;
    line_up(model, index);
}
