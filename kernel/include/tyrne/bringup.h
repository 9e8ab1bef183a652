/* Boot step 8 and what runs after it. */
#ifndef TYRNE_BRINGUP_H
#define TYRNE_BRINGUP_H

#include <tyrne/task.h>
#include <tyrne/user.h>

/*
 * Frames, address spaces, interrupt controller, timer, the first tasks, then the scheduler. High
 * half, boot stack, interrupts masked. Does not return.
 */
_Noreturn void bring_up(void);

/* The first C code notes the time, for "boot-to-end". */
void bring_up_note_start(void);

/*
 * Load `image` into a task of its own (not queued) and say so on the console. The address space's
 * capability is in the table of `loader`. A program that does not fit stops the boot.
 */
struct object_ref bring_up_program(struct object_ref loader, struct user_image image);

/* Everything has been done: say what there is to say, and power off. */
_Noreturn void bring_up_end(void);

/* The idle task; `core` is its argument. Ends the machine once no other task exists. */
_Noreturn void idle_run(void *core);

/*
 * Make the tasks of the demonstration, with their endpoints and capabilities, and queue them.
 * `idle` is the idle task: what an interrupt sends, it sends with idle's capabilities. `program` is
 * the first of the board's user programs, loaded and not queued yet.
 */
void demo_create(struct core *core, struct object_ref idle, struct object_ref program);

#endif
