/* The idle task, and the demonstration's tasks when something that they need is missing. */
#include "fake_console.h"
#include "fake_irq.h"
#include "running.h"

#include <string.h>
#include <tyrne/bringup.h>
#include <tyrne/irq.h>

/* What the kernel says when the last task is gone, with a counter that stands still. */
#define END "tyrne: all tasks complete\ntyrne: boot-to-end elapsed = 0 ns\n"

static struct object_ref idle;

/* Stands for the user program. */
static struct object_ref program;

static int setup(void **state)
{
    (void)running_setup(state);
    fake_console_clear();
    fake_irq_reset(1000);
    idle = running_create(idle_run, &world);
    assert_status(sched_set_idle(&world.sched, idle), STATUS_OK);
    program = (struct object_ref){MAX_TASKS, 0};
    return 0;
}

static void idle_without_tasks_powers_off(void **state)
{
    (void)state;
    assert_int_equal(running_go(), RUN_POWERED_OFF);
    assert_string_equal(fake_console_text(), END);
    assert_int_equal(fake_irq_windows(), 1);
    assert_int_equal(fake_irq_sleeps(), 0);
}

static void idle_follows_the_last_task(void **state)
{
    (void)state;
    (void)running_start(running_note_and_exit, "a");
    (void)running_start(running_note_and_exit, "b");
    assert_int_equal(running_go(), RUN_POWERED_OFF);
    assert_string_equal(notes(), "a b ");
    assert_string_equal(fake_console_text(), END);
}

static void blocks(void *text)
{
    note(text);
    sched_block(&world.sched, 0);
    note("woken");
    task_exit(&world);
}

static void idle_sleeps_while_tasks_wait(void **state)
{
    (void)state;
    (void)running_start(blocks, "a");
    assert_int_equal(running_go(), RUN_STUCK);
    assert_string_equal(notes(), "a ");
    assert_string_equal(fake_console_text(), "");
    assert_int_equal(fake_irq_sleeps(), 1);
}

static void wake_task(void *ref)
{
    note("interrupt");
    assert_int_equal(world.sched.current, idle.index);
    sched_wake(&world.sched, ((const struct object_ref *)ref)->index);
}

static void an_interrupt_arrives_in_the_window_of_idle(void **state)
{
    static struct object_ref sleeper;

    (void)state;
    assert_status(irq_register(40, wake_task, &sleeper), STATUS_OK);
    fake_irq_raise(40);
    fake_irq_raise(41); /* nobody's */
    fake_irq_raise(41);
    sleeper = running_start(blocks, "a");
    assert_int_equal(running_go(), RUN_POWERED_OFF);
    assert_string_equal(notes(), "a interrupt woken ");
    assert_string_equal(fake_console_text(),
                        "tyrne: unexpected interrupt 41 (reported once)\n" END);
    assert_int_equal(fake_irq_sleeps(), 0);
}

static void the_demonstration_ends_with_nothing_left(void **state)
{
    (void)state;
    program = running_create(running_note_and_exit, "program");
    demo_create(&world, idle, program);
    assert_int_equal(sched_task_count(&world.sched), 3);
    assert_int_equal(running_go(), RUN_POWERED_OFF);
    assert_string_equal(notes(), "program ");
    assert_int_equal(sched_task_count(&world.sched), 0);
    assert_true(cap_check_invariants(&world.caps));
    for (unsigned i = 0; i < MAX_TASKS; i++) {
        assert_int_equal(world_held(i), 0);
    }
}

static void it_needs_endpoints(void **state)
{
    (void)state;
    for (unsigned i = 0; i < MAX_ENDPOINTS - 1; i++) {
        (void)world_endpoint();
    }
    expect_assert_failure(demo_create(&world, idle, program));
}

static void it_needs_tasks(void **state)
{
    (void)state;
    for (unsigned i = 0; i < MAX_TASKS - 2; i++) {
        (void)running_create(running_note_and_exit, NULL);
    }
    expect_assert_failure(demo_create(&world, idle, program));
}

static void it_needs_room_for_capabilities(void **state)
{
    (void)state;
    world_fill_table(idle.index + 2, 1);
    expect_assert_failure(demo_create(&world, idle, program));
}

/* Without the endpoint `index` the demonstration panics, and says at what. */
static void assert_stops_without(unsigned index, const char *what)
{
    demo_create(&world, idle, program);
    assert_status(task_destroy_endpoint(&world, object_at(&world.ipc.endpoint_arena, index)),
                  STATUS_OK);
    assert_int_equal(running_go(), RUN_PANICKED);
    assert_non_null(strstr(fake_panic_text(), what));
}

static void it_needs_a_program(void **state)
{
    (void)state;
    demo_create(&world, idle, program);
    assert_int_equal(running_go(), RUN_PANICKED);
    assert_non_null(strstr(fake_panic_text(), "sched_start"));
}

static void it_needs_the_endpoint_of_the_request(void **state)
{
    (void)state;
    assert_stops_without(0, "task_recv");
}

static void it_needs_the_endpoint_of_the_reply(void **state)
{
    (void)state;
    assert_stops_without(1, "task_");
}

static void it_needs_room_for_the_request(void **state)
{
    struct object_ref b;
    cap_handle_t handle;

    (void)state;
    demo_create(&world, idle, program);
    b = object_at(&world.sched.arena, idle.index + 1);
    assert_status(task_destroy(&world, b), STATUS_OK);
    handle = world_grant(idle.index, CAP_KIND_ENDPOINT, object_at(&world.ipc.endpoint_arena, 0),
                         CAP_RIGHT_SEND);
    world_send(idle.index, handle, 1, NULL_CAP_HANDLE, SEND_ENQUEUED);
    assert_int_equal(running_go(), RUN_PANICKED);
    assert_non_null(strstr(fake_panic_text(), "task_send"));
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(idle_without_tasks_powers_off),
        TEST(idle_follows_the_last_task),
        TEST(idle_sleeps_while_tasks_wait),
        TEST(an_interrupt_arrives_in_the_window_of_idle),
        TEST(the_demonstration_ends_with_nothing_left),
        TEST(it_needs_endpoints),
        TEST(it_needs_tasks),
        TEST(it_needs_room_for_capabilities),
        TEST(it_needs_a_program),
        TEST(it_needs_the_endpoint_of_the_request),
        TEST(it_needs_the_endpoint_of_the_reply),
        TEST(it_needs_room_for_the_request),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
