/* Boot step 8 and what runs after it. */
#ifndef TYRNE_BRINGUP_H
#define TYRNE_BRINGUP_H

#include <tyrne/task.h>

/*
 * Frames, address spaces, interrupt controller, timer, the first tasks, then the scheduler. High
 * half, boot stack, interrupts masked. Does not return.
 */
_Noreturn void bring_up(void);

/* The idle task; `core` is its argument. Ends the machine once no other task exists. */
_Noreturn void idle_run(void *core);

/*
 * Make the tasks of the demonstration, with their endpoints and capabilities, and queue them.
 * `idle` is the idle task: what an interrupt sends, it sends with idle's capabilities.
 */
void demo_create(struct core *core, struct object_ref idle);

#endif
