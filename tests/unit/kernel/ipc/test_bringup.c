/*
 * The kernel from its first C code to power off, as the CPU port calls it: the whole portable core
 * runs on the host, with a user program's two syscalls. Built without TYRNE_DEBUG too, and with the
 * demonstration's timer (TYRNE_DEMO_TIMER), whose interrupt source the kernel can register once:
 * there the whole run comes after those that stop.
 */
#include "cmocka_includes.h"
#include "fake_board.h"
#include "fake_console.h"
#include "fake_context.h"
#include "fake_irq.h"
#include "fake_mmu.h"
#include "fake_ram.h"
#include "fake_stop.h"
#include "fake_user.h"

#include <string.h>
#include <tyrne/abi/syscall.h>
#include <tyrne/hal/timer.h>
#include <tyrne/kernel.h>
#include <tyrne/task.h>

#define HZ 62500000U

/* The debugger's names (bringup.c). */
extern struct core kernel_core;
extern struct pmm kernel_pmm;
extern struct address_space_arena kernel_spaces;

/* The program: 8 bytes for its instructions, then its read-only data. */
#define CODE_BYTES 8U

static const char program_image[] = "\x01\x02\x03\x04\x05\x06\x07\x08hello from userspace\n";

#define GREETING_BYTES (sizeof(program_image) - 1U - CODE_BYTES)

static unsigned syscalls;

/* As userland/hello: a greeting, whatever the answer, then the end. */
static void hello(const struct fake_user *start)
{
    uint64_t x[9] = {[0] = ABI_HANDLE_CONSOLE, [8] = SYSCALL_CONSOLE_WRITE};

    assert_int_equal(start->entry.value, ABI_IMAGE_BASE);
    assert_int_equal(start->sp.value, ABI_IMAGE_BASE + 3 * PAGE_SIZE);
    x[1] = start->entry.value + CODE_BYTES;
    x[2] = GREETING_BYTES;
    syscalls++;
    kernel_syscall(x);
#ifdef TYRNE_DEBUG
    assert_int_equal(x[0], 0);
    assert_int_equal(x[1], GREETING_BYTES);
#else
    assert_int_equal(x[0], 1);
    assert_int_equal(x[1], 0);
#endif
    fake_timer_pass(3);
    x[0] = 0;
    x[8] = SYSCALL_TASK_EXIT;
    syscalls++;
    kernel_syscall(x);
    fail_msg("task_exit returned");
}

static int setup(void **state)
{
    (void)state;
    fake_run_reset();
    syscalls = 0;
    fake_console_clear();
    fake_ram_open();
    fake_mmu_reset(&kernel_pmm);
    fake_board_reset();
    fake_board_program(program_image, sizeof(program_image) - 1U);
    fake_user_program(hello);
    fake_irq_reset(HZ);
    hal_timer_arm(1);         /* what firmware left behind */
    fake_timer_pass(1000000); /* what passed before the first C code does not count */
    return 0;
}

static void boot(void *unused)
{
    (void)unused;
    kernel_main();
    kernel_mmu_active();
    kernel_high_half();
}

/* Each of `markers` is a line's beginning, in this order. */
static void assert_markers(const char *const *markers, size_t count)
{
    const char *at = fake_console_text();

    for (size_t i = 0; i < count; i++) {
        const char *found = strstr(at, markers[i]);

        if (found == NULL || (found != fake_console_text() && found[-1] != '\n')) {
            fail_msg("no line '%s' where it belongs in:\n%s", markers[i], fake_console_text());
            return;
        }
        at = found + strlen(markers[i]);
    }
}

static unsigned times_said(const char *text)
{
    unsigned times = 0;

    for (const char *at = fake_console_text(); (at = strstr(at, text)) != NULL; at++) {
        times++;
    }
    return times;
}

static const char image_loaded[] =
    "tyrne: image loaded (entry = 0x800000; sp = 0x803000; image bytes 29; stack bytes 4096; AS "
    "cap = idx 1)\n";

static const char *const markers[] = {
    "tyrne: hello from kernel_main\n",
    "tyrne: mmu activated\n",
    "tyrne: high-half active\n",
    /* 128 MiB without the first MiB. */
    "tyrne: pmm initialized (32512 frames available; 256 reserved)\n",
    "tyrne: address-space-arena ready (1 / 8 slots used; bootstrap AS root = 0x40100000)\n",
    image_loaded,
    "tyrne: timer ready (62500000 Hz, resolution 16 ns)\n",
    "tyrne: starting cooperative scheduler\n",
#ifdef TYRNE_DEMO_TIMER
    "tyrne: task S \xe2\x80\x94 waiting for the timer\n",
#endif
    "tyrne: task B \xe2\x80\x94 waiting for IPC\n",
    "tyrne: task A -- sending IPC\n",
    "tyrne: task B \xe2\x80\x94 received IPC (label=0xaaaa); replying\n",
    "tyrne: task A \xe2\x80\x94 received reply (label=0xbbbb); done\n",
#ifdef TYRNE_DEBUG
    "hello from userspace\n",
#endif
    "tyrne: userspace task exited\n",
#ifdef TYRNE_DEMO_TIMER
    "tyrne: task S \xe2\x80\x94 deadline reached (label=0xcccc)\n",
#endif
    "tyrne: all tasks complete\n",
#ifdef TYRNE_DEBUG
    "tyrne: 32511 frames available at the end\n",
#endif
#ifdef TYRNE_DEMO_TIMER
    "tyrne: boot-to-end elapsed = 1000000 ns\n",
#else
    "tyrne: boot-to-end elapsed = 48 ns\n",
#endif
};

/* Idle holds, without any right, the bootstrap space and the program's, in this order. */
static void assert_idle_holds_spaces(void)
{
    for (unsigned i = 0; i < 2; i++) {
        struct capability cap;

        assert_int_equal(cap_lookup(&kernel_core.caps, kernel_core.sched.idle,
                                    cap_handle_make(0, (uint16_t)i), &cap),
                         STATUS_OK);
        assert_int_equal(cap.kind, CAP_KIND_ADDRESS_SPACE);
        assert_int_equal(cap.rights, 0);
        assert_int_equal(cap.object.index, i);
        assert_int_equal(cap.object.generation, 0);
    }
}

static void the_machine_runs_from_hello_to_power_off(void **state)
{
    (void)state;
    fake_irq_raise(99); /* nobody's, twice: taken when idle first opens its window */
    fake_irq_raise(99);
    assert_int_equal(fake_run(boot, NULL), RUN_POWERED_OFF);
    assert_markers(markers, sizeof(markers) / sizeof(markers[0]));
    assert_null(strstr(fake_console_text(), "panic"));
    assert_int_equal(syscalls, 2);
#ifndef TYRNE_DEBUG
    assert_null(strstr(fake_console_text(), "hello from userspace"));
#endif
    assert_int_equal(times_said("unexpected interrupt"), 1);
    assert_int_equal(times_said("tyrne: unexpected interrupt 99 (reported once)\n"), 1);

    /* What was made is gone, and the memory that was used is accounted for. */
    assert_int_equal(sched_task_count(&kernel_core.sched), 0);
    assert_true(cap_check_invariants(&kernel_core.caps));
    for (unsigned i = 0; i < MAX_ENDPOINTS; i++) {
        assert_int_equal(kernel_core.ipc.endpoints[i].state, ENDPOINT_IDLE);
    }
    assert_int_equal(pmm_free_frames(&kernel_pmm), 32511);
    assert_int_equal(object_count(&kernel_spaces.arena), 1);
    assert_true(object_live(&kernel_spaces.arena, (struct object_ref){0, 0})); /* bootstrap */
    assert_idle_holds_spaces();
    assert_int_equal(fake_mmu_root(), 0);
    assert_null(fake_mmu_violation());
    assert_int_equal(fake_irq_inits(), 1);
    assert_int_equal(fake_timer_deadline(), FAKE_TIMER_NEVER);
#ifdef TYRNE_DEMO_TIMER
    assert_true(fake_irq_enabled(FAKE_TIMER_INTID));
    assert_int_equal(fake_irq_sleeps(), 1); /* until the deadline */
    assert_int_equal(fake_irq_windows(), 2);
#else
    assert_false(fake_irq_enabled(FAKE_TIMER_INTID));
    assert_int_equal(fake_irq_sleeps(), 0);
    assert_int_equal(fake_irq_windows(), 1);
#endif
}

/* The boot panics at `what`, and `missing` was not said any more. */
static void assert_stops_at(const char *what, const char *missing)
{
    assert_int_equal(fake_run(boot, NULL), RUN_PANICKED);
    assert_non_null(strstr(fake_panic_text(), what));
    assert_non_null(strstr(fake_console_text(), "tyrne: high-half active\n"));
    assert_null(strstr(fake_console_text(), missing));
}

static void a_board_that_contradicts_itself_stops_the_boot(void **state)
{
    (void)state;
    fake_board_reserve((struct pa_range){{0}, {PAGE_SIZE}});
    assert_stops_at("pmm_init", "tyrne: pmm initialized");
}

static void memory_without_a_free_frame_stops_the_boot(void **state)
{
    (void)state;
    fake_board_reserve((struct pa_range){{FAKE_RAM_START_PA}, {FAKE_RAM_END_PA}});
    assert_stops_at("address_space_create", "tyrne: address-space-arena ready");
}

static void a_timer_without_a_rate_stops_the_boot(void **state)
{
    const uint64_t rates[] = {0, 1000000001, UINT64_MAX};

    for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        (void)setup(state);
        fake_irq_reset(rates[i]);
        assert_stops_at("hz", "tyrne: timer ready");
    }
}

static void a_program_that_does_not_fit_stops_the_boot(void **state)
{
    (void)state;
    fake_board_reset();
    fake_board_program(program_image, 0);
    assert_stops_at("user_task_create", "tyrne: image loaded");
}

#ifdef TYRNE_DEMO_TIMER
static void a_timer_interrupt_that_is_taken_stops_the_boot(void **state)
{
    (void)state;
    assert_stops_at("irq_register", "tyrne: starting cooperative scheduler");
}
#else
static void faults(const struct fake_user *start)
{
    (void)start;
    assert_int_equal(kernel_current_task(), kernel_core.sched.current);
    assert_int_equal(kernel_current_task(), 1); /* idle is 0 */
    kernel_user_fault();
}

static void a_fault_of_the_program_ends_it_alone(void **state)
{
    (void)state;
    fake_user_program(faults);
    assert_int_equal(fake_run(boot, NULL), RUN_POWERED_OFF);
    assert_non_null(strstr(fake_console_text(), "tyrne: all tasks complete\n"));
    assert_null(strstr(fake_console_text(), "userspace task exited"));
    assert_int_equal(pmm_free_frames(&kernel_pmm), 32511);
}

static void takes_years(const struct fake_user *start)
{
    fake_timer_pass(HZ * 200000000ULL); /* 6 years: times 10^9 it is more than 64 bits */
    hello(start);
}

static void a_long_run_is_told_in_nanoseconds(void **state)
{
    (void)state;
    fake_user_program(takes_years);
    assert_int_equal(fake_run(boot, NULL), RUN_POWERED_OFF);
    assert_non_null(
        strstr(fake_console_text(), "tyrne: boot-to-end elapsed = 200000000000000048 ns\n"));
}

static void the_fastest_timer_has_a_resolution(void **state)
{
    (void)state;
    fake_irq_reset(1000000000);
    assert_int_equal(fake_run(boot, NULL), RUN_POWERED_OFF);
    assert_non_null(
        strstr(fake_console_text(), "tyrne: timer ready (1000000000 Hz, resolution 1 ns)\n"));
}
#endif

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_board_that_contradicts_itself_stops_the_boot),
        TEST(memory_without_a_free_frame_stops_the_boot),
        TEST(a_timer_without_a_rate_stops_the_boot),
        TEST(a_program_that_does_not_fit_stops_the_boot),
        TEST(the_machine_runs_from_hello_to_power_off),
#ifdef TYRNE_DEMO_TIMER
        TEST(a_timer_interrupt_that_is_taken_stops_the_boot),
#else
        TEST(a_fault_of_the_program_ends_it_alone),
        TEST(a_long_run_is_told_in_nanoseconds),
        TEST(the_fastest_timer_has_a_resolution),
#endif
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
