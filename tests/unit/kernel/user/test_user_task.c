/* user_task_create(): what a new user task has, and what an attempt that fails leaves behind. */
#include "machine.h"

#include <string.h>

static status_t create(cap_handle_t space, struct user_image image, size_t stack,
                       struct object_ref *task)
{
    return user_task_create(&machine.core, KERNEL_TABLE, space, image, stack, task);
}

static void it_starts_with_its_image_its_stack_and_a_console(void **state)
{
    struct user_image image = machine_image_with(5000, 4096, 5000, 9000);
    cap_handle_t handle;
    struct object_ref space = machine_space(&handle);
    struct object_ref task;
    struct capability console;

    (void)state;
    assert_int_equal(create(handle, image, 3 * PAGE_SIZE, &task), STATUS_OK);
    assert_int_equal(machine.core.sched.tasks[task.index].state, TASK_FRESH);
    assert_int_equal(machine.core.sched.tasks[task.index].space.index, space.index);
    assert_int_equal(machine.core.sched.tasks[task.index].space.generation, space.generation);
    assert_int_equal(fake_user_start(task.index).entry.value, 0x800000);
    assert_int_equal(fake_user_start(task.index).sp.value, 0x800000 + 7 * PAGE_SIZE);
    assert_int_equal(machine.core.windows[task.index].image_va.value, 0x800000);
    assert_int_equal(machine.core.windows[task.index].data_va.value, 0x801000);
    assert_int_equal(machine.core.windows[task.index].data_end_va.value, 0x803000);
    assert_int_equal(machine.core.windows[task.index].stack_va.value, 0x804000);
    assert_int_equal(machine.core.windows[task.index].stack_end_va.value, 0x807000);

    assert_int_equal(machine_held(task.index), 1);
    assert_int_equal(
        cap_lookup(&machine.core.caps, task.index, (cap_handle_t){ABI_HANDLE_CONSOLE}, &console),
        STATUS_OK);
    assert_int_equal(console.kind, CAP_KIND_DEBUG_CONSOLE);
    assert_int_equal(console.rights, CAP_RIGHT_CONSOLE_WRITE);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(
            machine_grant(task.index, CAP_KIND_ENDPOINT, (struct object_ref){0, 0}, 0).raw,
            ABI_HANDLE_FIRST_GRANTED + i);
    }
    /* The name that it was loaded by stays with the loader. */
    assert_int_equal(machine_held(KERNEL_TABLE), 1);
}

static void without_a_task_left_nothing_is_loaded(void **state)
{
    struct user_image image = machine_image(64);
    struct object_ref task = {99, 99};
    struct object_ref other;
    cap_handle_t handle;

    (void)state;
    (void)machine_space(&handle);
    for (unsigned i = 1; i < MAX_TASKS; i++) {
        assert_int_equal(sched_create(&machine.core.sched, NULL, NULL, &other), STATUS_OK);
    }
    assert_int_equal(sched_task_room(&machine.core.sched), 0);
    assert_refused(create(handle, image, PAGE_SIZE, &task), STATUS_OBJECTS_EXHAUSTED);
    assert_int_equal(task.index, 99);
    assert_int_equal(task_destroy(&machine.core, other), STATUS_OK);
    assert_int_equal(create(handle, image, PAGE_SIZE, &task), STATUS_OK);
    assert_int_equal(task.index, other.index);
}

/* An index whose generations are used up is no room, though no task lives there. */
static void retired_indexes_are_no_room(void **state)
{
    struct object_ref task = {99, 99};
    cap_handle_t handle;

    (void)state;
    (void)machine_space(&handle);
    for (unsigned i = 1; i < MAX_TASKS; i++) {
        machine.core.sched.arena.generation[i] = UINT32_MAX - 1U;
        assert_int_equal(sched_create(&machine.core.sched, NULL, NULL, &task), STATUS_OK);
        assert_int_equal(task.index, i);
        assert_int_equal(task_destroy(&machine.core, task), STATUS_OK);
    }
    assert_int_equal(sched_task_count(&machine.core.sched), 0);
    assert_refused(create(handle, machine_image(64), PAGE_SIZE, &task), STATUS_OBJECTS_EXHAUSTED);
}

static void what_the_loader_refuses_makes_no_task(void **state)
{
    struct user_image image = machine_image(64);
    struct object_ref task = {99, 99};
    cap_handle_t handle;
    struct object_ref space = machine_space(&handle);
    cap_handle_t other = machine_grant(KERNEL_TABLE, CAP_KIND_TASK, space, 0);

    (void)state;
    assert_refused(create(NULL_CAP_HANDLE, image, PAGE_SIZE, &task), STATUS_INVALID_HANDLE);
    assert_refused(create(other, image, PAGE_SIZE, &task), STATUS_WRONG_KIND);
    assert_refused(create(handle, image, 0, &task), STATUS_BAD_ARGUMENT);
    assert_refused(create(handle, image, 100, &task), STATUS_BAD_ALIGNMENT);
    assert_refused(create(handle, image, 1ULL << 48, &task), STATUS_OUT_OF_RANGE);
    assert_refused(create(handle, image, MACHINE_FREE * (size_t)PAGE_SIZE, &task),
                   STATUS_OUT_OF_FRAMES);
    assert_int_equal(task.index, 99);
    assert_int_equal(create(handle, image, PAGE_SIZE, &task), STATUS_OK);
    assert_refused(create(handle, image, PAGE_SIZE, &task), STATUS_IN_USE);
    assert_int_equal(task_destroy(&machine.core, task), STATUS_OK);
    assert_refused(create(handle, image, PAGE_SIZE, &task), STATUS_STALE_OBJECT);
}

static void there_are_as_many_as_spaces_and_the_next_waits_for_an_end(void **state)
{
    struct object_ref tasks[MAX_ADDRESS_SPACES];
    struct object_ref space;
    uint32_t frames = pmm_free_frames(&machine.pmm);

    (void)state;
    for (unsigned i = 0; i < MAX_ADDRESS_SPACES; i++) {
        tasks[i] = machine_fresh_user(machine_image(64), NULL);
    }
    /* Six frames each: root, three tables, image, stack. */
    assert_int_equal(pmm_free_frames(&machine.pmm), frames - MAX_ADDRESS_SPACES * 6);
    assert_refused(address_space_create(&machine.spaces, &space), STATUS_OBJECTS_EXHAUSTED);
    assert_int_equal(task_destroy(&machine.core, tasks[3]), STATUS_OK);
    tasks[3] = machine_fresh_user(machine_image(64), NULL);
    assert_refused(address_space_create(&machine.spaces, &space), STATUS_OBJECTS_EXHAUSTED);
    for (unsigned i = 0; i < MAX_ADDRESS_SPACES; i++) {
        assert_int_equal(task_destroy(&machine.core, tasks[i]), STATUS_OK);
    }
    assert_int_equal(pmm_free_frames(&machine.pmm), frames);
}

/* Every task finds its capabilities at the same handles, whatever went on at its index before. */
static void handles_start_at_0_for_every_owner_of_a_table(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct object_ref task = machine_fresh_user(machine_image(64), NULL);
        cap_handle_t granted =
            machine_grant(task.index, CAP_KIND_ENDPOINT, (struct object_ref){0, 0}, CAP_RIGHTS_ALL);

        assert_int_equal(task.index, 1);
        assert_int_equal(granted.raw, ABI_HANDLE_FIRST_GRANTED);
        for (unsigned n = 0; n < 5; n++) {
            assert_int_equal(cap_drop(&machine.core.caps, 1, granted), STATUS_OK);
            granted =
                machine_grant(1, CAP_KIND_ENDPOINT, (struct object_ref){0, 0}, CAP_RIGHTS_ALL);
        }
        assert_true(granted.raw != ABI_HANDLE_FIRST_GRANTED);
        assert_int_equal(task_destroy(&machine.core, task), STATUS_OK);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        machine_test(it_starts_with_its_image_its_stack_and_a_console),
        machine_test(without_a_task_left_nothing_is_loaded),
        machine_test(retired_indexes_are_no_room),
        machine_test(what_the_loader_refuses_makes_no_task),
        machine_test(there_are_as_many_as_spaces_and_the_next_waits_for_an_end),
        machine_test(handles_start_at_0_for_every_owner_of_a_table),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
