/*
 * Tasks that run on the host. What they do they note down, and the test reads the notes: the order
 * of the notes is the order in which things happened.
 */
#ifndef TESTS_RUNNING_H
#define TESTS_RUNNING_H

#include "fake_context.h"
#include "fake_stop.h"
#include "world.h"

/* As world_setup(), and no note. */
int running_setup(void **state);

/* A task of `world` that is queued, and one that is not. */
struct object_ref running_start(task_entry entry, void *argument);
struct object_ref running_create(task_entry entry, void *argument);

/* An idle task that ends the run as soon as it runs. */
struct object_ref running_idle(void);

/* From the first ready task to the end of the run. */
enum run_end running_go(void);

/* Add `text` and a blank to the notes. */
void note(const char *text);
const char *notes(void);

/* Task that notes its argument, a string, and exits. */
void running_note_and_exit(void *text);

#endif
