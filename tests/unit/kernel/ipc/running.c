#include "running.h"

#include <string.h>
#include <tyrne/hal/power.h>

static char text_noted[512];

int running_setup(void **state)
{
    fake_run_reset();
    text_noted[0] = '\0';
    return world_setup(state);
}

struct object_ref running_create(task_entry entry, void *argument)
{
    struct object_ref ref;

    assert_status(sched_create(&world.sched, entry, argument, &ref), STATUS_OK);
    return ref;
}

struct object_ref running_start(task_entry entry, void *argument)
{
    struct object_ref ref = running_create(entry, argument);

    assert_status(sched_start(&world.sched, ref), STATUS_OK);
    return ref;
}

static void end_the_run(void *argument)
{
    (void)argument;
    note("idle");
    power_off();
}

struct object_ref running_idle(void)
{
    struct object_ref ref = running_create(end_the_run, NULL);

    assert_status(sched_set_idle(&world.sched, ref), STATUS_OK);
    return ref;
}

static void enter_scheduler(void *sched)
{
    sched_run(sched);
}

enum run_end running_go(void)
{
    return fake_run(enter_scheduler, &world.sched);
}

void note(const char *text)
{
    size_t used = strlen(text_noted);
    size_t length = strlen(text);

    assert_true(used + length + 2 <= sizeof(text_noted));
    memcpy(&text_noted[used], text, length);
    text_noted[used + length] = ' ';
    text_noted[used + length + 1] = '\0';
}

const char *notes(void)
{
    return text_noted;
}

void running_note_and_exit(void *text)
{
    note(text);
    task_exit(&world);
}
