/*
 * One instance of the portable kernel with user tasks: frames, address spaces, capabilities, tasks.
 * User tasks run functions of the test in place of their images' instructions.
 */
#ifndef TESTS_MACHINE_H
#define TESTS_MACHINE_H

#include "cmocka_includes.h"

#include <stdbool.h>
#include <tyrne/syscall.h>
#include <tyrne/user.h>

#include "fake_console.h"
#include "fake_context.h"
#include "fake_mmu.h"
#include "fake_ram.h"
#include "fake_stop.h"
#include "fake_user.h"

struct machine {
    struct pmm pmm;
    struct address_space_arena spaces;
    struct core core;
};

extern struct machine machine;

/* Idle's index: the kernel's own table, in which address spaces are named. */
#define KERNEL_TABLE 0U

/* Reserved frames at the start of the RAM, where images lie, and free ones behind them. */
#define IMAGE_FRAMES  1024U
#define MACHINE_FREE  64U
#define FREE_FRAME(i) fake_ram_frame(IMAGE_FRAMES + (i))

/* A fresh machine with `frames` free, poisoned frames, and an idle task that ends the run. */
void machine_start(uint32_t frames);

/* cmocka's: with MACHINE_FREE frames. The end asserts that no rule of the CPU was broken. */
int machine_setup(void **state);
int machine_teardown(void **state);

#define machine_test(test) cmocka_unit_test_setup_teardown(test, machine_setup, machine_teardown)

/* What byte `offset` of an image is where no header stands: never 0, other on each page. */
unsigned char image_byte(uint64_t offset);

/* An image of `size` bytes at the RAM's start, without a header; the rest of its page is poison. */
struct user_image machine_image(size_t size);

/* The same with a header (at least 32 bytes). */
struct user_image machine_image_with(size_t size, uint32_t code_end, uint32_t data_end,
                                     uint32_t bss_end);

/* A new, empty space, and its name in KERNEL_TABLE. */
struct object_ref machine_space(cap_handle_t *handle);

cap_handle_t machine_grant(unsigned table, enum cap_kind kind, struct object_ref object,
                           unsigned rights);

/* Capabilities in `table`. */
unsigned machine_held(unsigned table);

/* user_load() into a new space with the window `*layout`; it must succeed. */
struct object_ref machine_load(struct user_image image, size_t stack_bytes,
                               struct user_layout *layout);

/*
 * A user task of `image` that runs `script`, or ends at once if it is null; started and not. It
 * ends by task_exit when the script returns.
 */
struct object_ref machine_user(struct user_image image, void (*script)(void));
struct object_ref machine_fresh_user(struct user_image image, void (*script)(void));

/* What the user task `task` runs. */
void machine_script(struct object_ref task, void (*script)(void));

/* A queued kernel task that runs `script`, and then ends. */
struct object_ref machine_kernel_task(void (*script)(void));

/* From the first ready task to the end of the run. */
enum run_end machine_run(void);

/* The run ends in idle. */
void machine_run_to_idle(void);

/*
 * Remember the machine and what every frame in use holds; later assert that both are the same, byte
 * by byte, that no frame was cleared and nothing asked of the MMU but to read. For machines with at
 * most MACHINE_FREE frames.
 */
void snapshot_take(void);
void assert_untouched(void);

#define assert_refused(call, status)                                                               \
    do {                                                                                           \
        snapshot_take();                                                                           \
        assert_int_equal(call, status);                                                            \
        assert_untouched();                                                                        \
    } while (0)

/* `va` of `space` is the byte at `pa` with `rights`; it is not mapped. */
void assert_page(struct object_ref space, uint64_t va, enum user_rights rights);
void assert_no_page(struct object_ref space, uint64_t va);

/* For a call that panics before it has a status. */
static inline void no_status(status_t status)
{
    (void)status;
}

#endif
