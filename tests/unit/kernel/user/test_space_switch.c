/* The scheduler and the CPU's user half: a task's space is walked while the task runs, no other. */
#include "machine.h"

#include <string.h>
#include <tyrne/hal/power.h>

static struct object_ref users[2];
static char seen[256];

/* Note who runs, and assert that the CPU walks its space. */
static void look(void)
{
    const struct task *task = &machine.core.sched.tasks[machine.core.sched.current];
    bool user = task->space.index != ADDRESS_SPACE_NONE;
    uint64_t root = user ? machine.spaces.spaces[task->space.index].root_pa.value : 0;
    const char name[] = {(char)('0' + machine.core.sched.current), '\0'};

    assert_int_equal(fake_mmu_root(), root);
    assert_int_equal(machine.spaces.active, user ? task->space.index : ADDRESS_SPACE_NONE);
    strcat(seen, name); /* NOLINT(clang-analyzer-security.insecureAPI.strcpy): fits by far */
}

static void look_and_yield(void)
{
    for (unsigned i = 0; i < 3; i++) {
        look();
        sched_yield(&machine.core.sched);
    }
    look();
}

static int setup(void **state)
{
    (void)machine_setup(state);
    seen[0] = '\0';
    return 0;
}

static unsigned installs(void)
{
    return fake_mmu_count(FAKE_MMU_INSTALL);
}

static unsigned closes(void)
{
    return fake_mmu_count(FAKE_MMU_CLOSE);
}

static void each_user_task_runs_in_its_own_space(void **state)
{
    (void)state;
    users[0] = machine_user(machine_image(64), look_and_yield);
    users[1] = machine_user(machine_image(64), look_and_yield);
    fake_mmu_forget_events();
    machine_run_to_idle();
    assert_string_equal(seen, "12121212");
    assert_int_equal(installs(), 8);
    assert_int_equal(fake_mmu_root(), 0); /* idle's */
}

static void a_kernel_task_has_no_user_half(void **state)
{
    (void)state;
    users[0] = machine_user(machine_image(64), look_and_yield);
    (void)machine_kernel_task(look_and_yield);
    fake_mmu_forget_events();
    machine_run_to_idle();
    assert_string_equal(seen, "12121212");
    assert_int_equal(installs(), 4);
    assert_int_equal(closes(), 4); /* three switches, and the user task's end */
}

/* The space of the last task is closed before its frames are given back, not at the next switch. */
static void an_end_closes_the_space_first(void **state)
{
    (void)state;
    users[0] = machine_user(machine_image(64), look);
    fake_mmu_forget_events();
    machine_run_to_idle();
    assert_int_equal(installs(), 1);
    assert_int_equal(closes(), 1);
}

static void a_task_that_goes_on_keeps_its_space(void **state)
{
    (void)state;
    users[0] = machine_user(machine_image(64), look_and_yield); /* nobody to yield to */
    fake_mmu_forget_events();
    machine_run_to_idle();
    assert_string_equal(seen, "1111");
    assert_int_equal(installs(), 1);
}

static void yields_and_ends_the_run(void)
{
    look_and_yield();
    power_off();
}

static void two_tasks_of_one_space_do_not_install_it_again(void **state)
{
    struct object_ref space;

    (void)state;
    users[0] = machine_user(machine_image(64), yields_and_ends_the_run);
    space = machine.core.sched.tasks[users[0].index].space;
    assert_int_equal(sched_create_user(&machine.core.sched, space, (user_va_t){ABI_IMAGE_BASE},
                                       (user_va_t){ABI_IMAGE_BASE}, &users[1]),
                     STATUS_OK);
    machine_script(users[1], look_and_yield);
    assert_int_equal(sched_start(&machine.core.sched, users[1]), STATUS_OK);
    fake_mmu_forget_events();
    machine_run_to_idle();
    assert_string_equal(seen, "1212121");
    assert_int_equal(installs(), 1);
    assert_int_equal(closes(), 0);
}

static void blocks_in_its_space(void)
{
    look();
    sched_block(&machine.core.sched, 0);
    look();
}

static void wakes_the_first(void)
{
    look();
    sched_wake(&machine.core.sched, users[0].index);
    look();
}

static void a_task_that_waited_finds_its_space_again(void **state)
{
    (void)state;
    users[0] = machine_user(machine_image(64), blocks_in_its_space);
    users[1] = machine_user(machine_image(64), wakes_the_first);
    fake_mmu_forget_events();
    machine_run_to_idle();
    assert_string_equal(seen, "1221");
    assert_int_equal(installs(), 3);
}

static void a_task_without_its_space_is_a_bug(void **state)
{
    (void)state;
    users[0] = machine_user(machine_image(64), look);
    assert_int_equal(
        address_space_reclaim(&machine.spaces, machine.core.sched.tasks[users[0].index].space),
        STATUS_OK);
    assert_int_equal(machine_run(), RUN_PANICKED);
    assert_non_null(strstr(fake_panic_text(), "address_space_activate"));
}

static void user_tasks_are_counted_like_others(void **state)
{
    struct object_ref task = {99, 99};

    (void)state;
    for (unsigned i = 1; i < MAX_TASKS; i++) {
        assert_int_equal(sched_task_room(&machine.core.sched), MAX_TASKS - i);
        assert_int_equal(sched_create_user(&machine.core.sched, (struct object_ref){0, 0},
                                           (user_va_t){1}, (user_va_t){2}, &task),
                         STATUS_OK);
        assert_int_equal(task.index, i);
        assert_int_equal(sched_task_count(&machine.core.sched), i);
        assert_int_equal(machine.core.sched.tasks[i].waits_on, SCHED_NOTHING);
    }
    assert_int_equal(fake_user_start(3).entry.value, 1);
    assert_int_equal(fake_user_start(3).sp.value, 2);
    assert_refused(sched_create_user(&machine.core.sched, (struct object_ref){0, 0}, (user_va_t){3},
                                     (user_va_t){4}, &task),
                   STATUS_OBJECTS_EXHAUSTED);
    assert_int_equal(task.index, MAX_TASKS - 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, machine_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_user_task_runs_in_its_own_space),
        TEST(a_kernel_task_has_no_user_half),
        TEST(an_end_closes_the_space_first),
        TEST(a_task_that_goes_on_keeps_its_space),
        TEST(two_tasks_of_one_space_do_not_install_it_again),
        TEST(a_task_that_waited_finds_its_space_again),
        TEST(a_task_without_its_space_is_a_bug),
        TEST(user_tasks_are_counted_like_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
