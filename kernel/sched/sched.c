#include <tyrne/sched.h>

#include <stddef.h>
#include <tyrne/panic.h>

_Static_assert(offsetof(struct sched, current) == 0, "read by debuggers and rule packs");
_Static_assert(offsetof(struct sched, idle) == 4, "read by debuggers and rule packs");
_Static_assert(offsetof(struct sched, ready) == 12, "read by debuggers and rule packs");

void sched_init(struct sched *sched, struct address_space_arena *spaces)
{
    *sched = (struct sched){.current = TASK_NONE, .idle = TASK_NONE, .spaces = spaces};
    object_arena_init(&sched->arena, MAX_TASKS);
}

static void enqueue(struct sched *sched, unsigned index)
{
    /* Every task is in the queue at most once, so it has room. */
    sched->queue[(sched->head + sched->ready) % MAX_TASKS] = (uint8_t)index;
    sched->ready++;
    sched->tasks[index].state = TASK_READY;
}

/* The CPU walks the space of `task`, or none: a kernel task has no low half. */
static void enter_space(struct sched *sched, const struct task *task)
{
    if (task->space.index != ADDRESS_SPACE_NONE) {
        KASSERT(address_space_activate(sched->spaces, task->space) == STATUS_OK);
    } else if (sched->spaces != NULL) {
        address_space_deactivate(sched->spaces);
    }
}

/* Make the first ready task, or idle, the current one. */
static struct task *take_next(struct sched *sched)
{
    unsigned next = sched->idle;

    if (sched->ready != 0) {
        next = sched->queue[sched->head];
        sched->head = (sched->head + 1U) % MAX_TASKS;
        sched->ready--;
    }
    KASSERT(next != TASK_NONE);
    sched->current = next;
    sched->tasks[next].state = TASK_RUNNING;
    enter_space(sched, &sched->tasks[next]);
    return &sched->tasks[next];
}

static struct task *current_task(struct sched *sched)
{
    KASSERT(sched->current < MAX_TASKS);
    return &sched->tasks[sched->current];
}

/* A fresh task whose context is still to be made. */
static status_t new_task(struct sched *sched, struct object_ref space, struct object_ref *ref)
{
    status_t status = object_alloc(&sched->arena, ref);

    if (status == STATUS_OK) {
        struct task *task = &sched->tasks[ref->index];

        task->state = TASK_FRESH;
        task->waits_on = SCHED_NOTHING;
        task->space = space;
    }
    return status;
}

status_t sched_create(struct sched *sched, task_entry entry, void *argument, struct object_ref *ref)
{
    status_t status = new_task(sched, (struct object_ref){ADDRESS_SPACE_NONE, 0}, ref);

    if (status == STATUS_OK) {
        hal_context_init(&sched->tasks[ref->index].context, entry, argument, ref->index);
    }
    return status;
}

status_t sched_create_user(struct sched *sched, struct object_ref space, user_va_t entry,
                           user_va_t sp, struct object_ref *ref)
{
    status_t status = new_task(sched, space, ref);

    if (status == STATUS_OK) {
        hal_context_init_user(&sched->tasks[ref->index].context, entry, sp, ref->index);
    }
    return status;
}

/* OK if `ref` is a task that was created and not used yet. */
static status_t check_fresh(const struct sched *sched, struct object_ref ref)
{
    if (!object_live(&sched->arena, ref)) {
        return STATUS_STALE_OBJECT;
    }
    return sched->tasks[ref.index].state == TASK_FRESH ? STATUS_OK : STATUS_IN_USE;
}

status_t sched_start(struct sched *sched, struct object_ref ref)
{
    status_t status = check_fresh(sched, ref);

    if (status == STATUS_OK) {
        enqueue(sched, ref.index);
    }
    return status;
}

status_t sched_set_idle(struct sched *sched, struct object_ref ref)
{
    status_t status = check_fresh(sched, ref);

    if (status == STATUS_OK && sched->idle != TASK_NONE) {
        status = STATUS_IN_USE;
    }
    if (status == STATUS_OK) {
        sched->idle = ref.index;
        sched->tasks[ref.index].state = TASK_IDLE;
    }
    return status;
}

_Noreturn void sched_run(struct sched *sched)
{
    hal_context_start(&take_next(sched)->context);
}

void sched_yield(struct sched *sched)
{
    struct task *task = current_task(sched);

    if (sched->ready == 0) {
        return;
    }
    if (sched->current == sched->idle) {
        task->state = TASK_IDLE;
    } else {
        enqueue(sched, sched->current);
    }
    hal_context_switch(&task->context, &take_next(sched)->context);
}

bool sched_can_block(const struct sched *sched)
{
    return sched->current != sched->idle && (sched->ready != 0 || sched->idle != TASK_NONE);
}

void sched_block(struct sched *sched, unsigned waits_on)
{
    struct task *task = current_task(sched);

    KASSERT(sched_can_block(sched) && waits_on < SCHED_NOTHING);
    task->state = TASK_BLOCKED;
    task->waits_on = (uint8_t)waits_on;
    hal_context_switch(&task->context, &take_next(sched)->context);
}

bool sched_waits_on(const struct sched *sched, unsigned index, unsigned waits_on)
{
    return index < MAX_TASKS && sched->tasks[index].state == TASK_BLOCKED &&
           sched->tasks[index].waits_on == waits_on;
}

void sched_wake(struct sched *sched, unsigned index)
{
    KASSERT(index < MAX_TASKS && sched->tasks[index].state == TASK_BLOCKED);
    sched->tasks[index].waits_on = SCHED_NOTHING;
    enqueue(sched, index);
}

_Noreturn void sched_exit(struct sched *sched)
{
    unsigned index = sched->current;
    struct task *task = current_task(sched);

    KASSERT(sched_can_block(sched));
    /*
     * The index is free although this code still runs on its stack: with interrupts masked nothing
     * can take it before the context below is left for good.
     */
    task->state = TASK_FREE;
    KASSERT(object_free(&sched->arena, object_at(&sched->arena, index)) == STATUS_OK);
    hal_context_start(&take_next(sched)->context);
}

/* Take `index`, which is in the queue, out of it; the others keep their order. */
static void dequeue(struct sched *sched, unsigned index)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < sched->ready; i++) {
        uint8_t queued = sched->queue[(sched->head + i) % MAX_TASKS];

        if (queued != index) {
            sched->queue[(sched->head + kept) % MAX_TASKS] = queued;
            kept++;
        }
    }
    sched->ready = kept;
}

status_t sched_remove(struct sched *sched, struct object_ref ref)
{
    if (!object_live(&sched->arena, ref)) {
        return STATUS_STALE_OBJECT;
    }
    if (ref.index == sched->current || ref.index == sched->idle) {
        return STATUS_IN_USE;
    }
    if (sched->tasks[ref.index].state == TASK_READY) {
        dequeue(sched, ref.index);
    }
    sched->tasks[ref.index].state = TASK_FREE;
    return object_free(&sched->arena, ref);
}

unsigned sched_task_count(const struct sched *sched)
{
    return object_count(&sched->arena) - (sched->idle != TASK_NONE ? 1U : 0U);
}

unsigned sched_task_room(const struct sched *sched)
{
    return object_room(&sched->arena);
}
