/*
 * Property: whatever is created, started, blocked, woken, ended and removed, the scheduler runs who
 * a plain list says. Its contexts only record where they were switched to. Arguments: seed and
 * number of steps; a failure prints the seed.
 */
#include "cmocka_includes.h"
#include "fake_record.h"
#include "model_sched.h"
#include "random.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define STEPS_OF_A_WORLD 2000U /* then everything starts empty again; every fourth without idle */

enum operation {
    CREATE,
    START,
    SET_IDLE,
    REMOVE,
    RUN,
    YIELD,
    YIELD_ALONE,
    BLOCK,
    WAKE,
    EXIT,
    OPERATIONS,
};

static const char *const names[OPERATIONS] = {"create", "start", "set idle",    "remove",
                                              "run",    "yield", "yield alone", "block",
                                              "wake",   "exit"};

enum answer {
    OK,
    STALE,
    IN_USE,
    EXHAUSTED,
    ANSWERS,
};

/* What can be answered; anything else that is seen is a mistake of the model's. */
static const bool possible[OPERATIONS][ANSWERS] = {
    [CREATE] = {[OK] = true, [EXHAUSTED] = true},
    [START] = {[OK] = true, [STALE] = true, [IN_USE] = true},
    [SET_IDLE] = {[OK] = true, [STALE] = true, [IN_USE] = true},
    [REMOVE] = {[OK] = true, [STALE] = true, [IN_USE] = true},
    [RUN] = {[OK] = true},
    [YIELD] = {[OK] = true},
    [YIELD_ALONE] = {[OK] = true},
    [BLOCK] = {[OK] = true},
    [WAKE] = {[OK] = true},
    [EXIT] = {[OK] = true},
};

static uint64_t seed = 1;
static uint64_t steps = 1000000;
static uint64_t step;
static uint64_t state_of_random;
static uint64_t seen[OPERATIONS][ANSWERS];

static struct sched sched;
static struct sched before;
static struct model_sched model;
static struct object_ref gone;
static bool with_idle;

static void check(bool holds, const char *what)
{
    if (!holds) {
        fail_msg("seed %" PRIu64 ", step %" PRIu64 ": %s", seed, step, what);
    }
}

/* Padding counts, too: nobody has written to it in between. */
static bool same_bytes(const void *a, const void *b, size_t length)
{
    return memcmp(a, b, length) == 0;
}

static bool as_before(void)
{
    return same_bytes(&sched, &before, sizeof(before));
}

static unsigned below(unsigned end)
{
    return random_below(&state_of_random, end);
}

static void answered(enum operation operation, status_t expected, status_t status)
{
    enum answer answer = status == STATUS_OK             ? OK
                         : status == STATUS_STALE_OBJECT ? STALE
                         : status == STATUS_IN_USE       ? IN_USE
                                                         : EXHAUSTED;

    if (status != expected) {
        fail_msg("seed %" PRIu64 ", step %" PRIu64 ": %s: status 0x%x instead of 0x%x", seed, step,
                 names[operation], status, expected);
    }
    check(status == STATUS_OK || as_before(),
          "something changed although the operation was refused");
    seen[operation][answer]++;
}

/* Exactly one switch since `last`, from task `from` (or a start) to `to`; or none if they are one.
 */
static void switched(struct fake_switch last, unsigned from, unsigned to)
{
    struct fake_switch now = fake_record_last();

    if (from == to) {
        check(now.count == last.count, "switched for nothing");
    } else {
        check(now.count == last.count + 1 && now.from == from && now.to == to,
              "switched to another task");
    }
}

static void entry(void *argument)
{
    (void)argument;
}

static struct object_ref pick_task(void)
{
    uint32_t index = below(MAX_TASKS);

    if (below(100) < 8) {
        return gone;
    }
    if (below(100) < 3) {
        return (struct object_ref){MAX_TASKS + index, 0};
    }
    return (struct object_ref){index, model.tasks[index].generation};
}

static void create(void)
{
    struct object_ref expected = {77, 77};
    struct object_ref ref = {77, 77};
    status_t status = model_sched_create(&model, &expected);

    answered(CREATE, status, sched_create(&sched, entry, &sched.tasks[below(16)], &ref));
    check(memcmp(&ref, &expected, sizeof(ref)) == 0, "another task was made");
    check(status != STATUS_OK || fake_record_entry(ref.index) == entry, "it runs something else");
}

static void start(void)
{
    struct object_ref ref = pick_task();
    status_t status = model_sched_start(&model, ref);

    answered(START, status, sched_start(&sched, ref));
}

static void set_idle(void)
{
    struct object_ref ref = pick_task();
    status_t status = model_sched_set_idle(&model, ref);

    answered(SET_IDLE, status, sched_set_idle(&sched, ref));
}

static void remove_task(void)
{
    struct object_ref ref = pick_task();
    status_t status = model_sched_remove(&model, ref);

    answered(REMOVE, status, sched_remove(&sched, ref));
    if (status == STATUS_OK) {
        gone = ref;
    }
}

static void call_run(void *argument)
{
    sched_run(argument);
}

static void call_exit(void *argument)
{
    sched_exit(argument);
}

static void run(void)
{
    struct fake_switch last = fake_record_last();

    if (model.current == TASK_NONE && (model.waiting != 0 || model.idle != TASK_NONE)) {
        fake_record_start(call_run, &sched);
        switched(last, RECORD_NONE, model_sched_run(&model));
        answered(RUN, STATUS_OK, STATUS_OK);
    }
}

static void yield(void)
{
    struct fake_switch last = fake_record_last();
    unsigned from = model.current;
    bool alone = model.waiting == 0;

    sched_yield(&sched);
    switched(last, from, model_sched_yield(&model));
    check(!alone || as_before(), "yielding alone does something");
    answered(alone ? YIELD_ALONE : YIELD, STATUS_OK, STATUS_OK);
}

static void block(void)
{
    struct fake_switch last = fake_record_last();
    unsigned from = model.current;
    unsigned waits_on = below(SCHED_NOTHING);

    if (model_sched_can_block(&model)) {
        sched_block(&sched, waits_on);
        switched(last, from, model_sched_block(&model, waits_on));
        answered(BLOCK, STATUS_OK, STATUS_OK);
    }
}

static void wake(void)
{
    unsigned index = below(MAX_TASKS);

    if (model.tasks[index].state == TASK_BLOCKED) {
        sched_wake(&sched, index);
        model_sched_wake(&model, index);
        answered(WAKE, STATUS_OK, STATUS_OK);
    }
}

static void end(void)
{
    struct fake_switch last = fake_record_last();

    if (model_sched_can_block(&model)) {
        gone = object_at(&sched.arena, model.current);
        fake_record_start(call_exit, &sched);
        switched(last, RECORD_NONE, model_sched_exit(&model));
        answered(EXIT, STATUS_OK, STATUS_OK);
    }
}

static void one_step(void)
{
    unsigned choice = below(100);

    memcpy(&before, &sched, sizeof(before));
    if (choice < 16) {
        create();
    } else if (choice < 34) {
        start();
    } else if (choice < 35 && with_idle) {
        set_idle();
    } else if (choice < 42) {
        remove_task();
    } else if (choice < 66) {
        wake();
    } else if (model.current == TASK_NONE) {
        run();
    } else if (choice < 82) {
        yield();
    } else if (choice < 96) {
        block();
    } else {
        end();
    }
}

static void compare(void)
{
    check(sched.current == model.current, "another task is current");
    check(sched.idle == model.idle, "another task is idle");
    check(sched.ready == model.waiting, "more or fewer tasks are ready");
    for (unsigned i = 0; i < model.waiting; i++) {
        check(sched.queue[(sched.head + i) % MAX_TASKS] == model.line[i], "the order is another");
    }
    for (unsigned i = 0; i < MAX_TASKS; i++) {
        const struct model_task *task = &model.tasks[i];
        bool blocked = task->state == TASK_BLOCKED;

        check(sched.tasks[i].state == task->state, "a task's state is another");
        check(sched_waits_on(&sched, i, task->waits_on) == blocked, "it waits for something else");
        check(!sched_waits_on(&sched, i, task->waits_on + 1), "it waits for anything");
    }
    check(sched_task_count(&sched) == model_sched_count(&model), "more or fewer tasks exist");
    check(model.current == TASK_NONE || sched_can_block(&sched) == model_sched_can_block(&model),
          "it can block, or cannot, against the model");
}

static void the_scheduler_does_what_the_list_says(void **state)
{
    (void)state;
    for (step = 0; step < steps; step++) {
        if (step % STEPS_OF_A_WORLD == 0) {
            random_seed(&state_of_random, seed + step);
            with_idle = step / STEPS_OF_A_WORLD % 4 != 3;
            gone = (struct object_ref){0, UINT32_MAX};
            memset(&sched, 0xA5, sizeof(sched));
            sched_init(&sched, NULL);
            model_sched_init(&model);
        }
        one_step();
        compare();
    }
}

static void every_answer_was_given(void **state)
{
    (void)state;
    for (unsigned operation = 0; operation < OPERATIONS; operation++) {
        for (unsigned answer = 0; answer < ANSWERS; answer++) {
            if ((seen[operation][answer] != 0) != possible[operation][answer]) {
                fail_msg("seed %" PRIu64 ": %s, answer %u: seen %" PRIu64 " times", seed,
                         names[operation], answer, seen[operation][answer]);
            }
        }
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_scheduler_does_what_the_list_says),
        cmocka_unit_test(every_answer_was_given),
    };

    seed = argc > 1 ? strtoull(argv[1], NULL, 0) : seed;
    steps = argc > 2 ? strtoull(argv[2], NULL, 0) : steps;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
