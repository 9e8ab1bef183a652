/* The end of a user task, its own or another's doing: all that it held comes back. */
#include "machine.h"

#include <string.h>

static struct object_ref user;
static struct object_ref endpoint;
static struct machine before; /* the free frames and the rest before the task was made */

static int setup(void **state)
{
    (void)machine_setup(state);
    assert_int_equal(ipc_endpoint_create(&machine.core.ipc, &endpoint), STATUS_OK);
    before = machine;
    return 0;
}

static void make_user(void (*script)(void))
{
    user = machine_user(machine_image_with(6000, 4096, 6000, 9000), script);
    (void)machine_grant(user.index, CAP_KIND_ENDPOINT, endpoint, CAP_RIGHTS_ALL);
}

static void assert_nothing_left(void)
{
    assert_int_equal(pmm_free_frames(&machine.pmm), before.pmm.free);
    assert_memory_equal(machine.pmm.used, before.pmm.used, sizeof(before.pmm.used));
    assert_int_equal(object_count(&machine.spaces.arena), 0);
    assert_int_equal(machine_held(user.index), 0);
    assert_int_equal(machine.core.ipc.endpoints[endpoint.index].receiver, TASK_NONE);
    assert_int_equal(machine.core.sched.tasks[user.index].state, TASK_FREE);
    assert_int_equal(sched_task_count(&machine.core.sched), 0);
    assert_int_equal(sched_task_room(&machine.core.sched), MAX_TASKS - 1);
    assert_null(fake_mmu_violation());
}

static void ask(uint64_t number, uint64_t x0)
{
    uint64_t x[SYSCALL_REGISTERS] = {[0] = x0, [1] = 1, [5] = ABI_NULL_HANDLE, [8] = number};

    syscall_dispatch(&machine.core, x);
}

static void exits(void)
{
    ask(SYSCALL_TASK_EXIT, 7);
    fail_msg("task_exit returned");
}

static void receives(void)
{
    ask(SYSCALL_RECV, ABI_HANDLE_FIRST_GRANTED);
}

static void an_exit_gives_everything_back(void **state)
{
    (void)state;
    make_user(exits);
    machine_run_to_idle();
    assert_nothing_left();
    assert_string_equal(fake_console_text(), "tyrne: userspace task exited\n");
    assert_int_equal(machine.core.ipc.endpoints[endpoint.index].state, ENDPOINT_IDLE);
}

static void faults(void)
{
    task_exit(&machine.core);
}

static void a_fault_gives_everything_back(void **state)
{
    (void)state;
    make_user(faults);
    machine_run_to_idle();
    assert_nothing_left();
}

static void leaves_a_message_and_exits(void)
{
    ask(SYSCALL_SEND, ABI_HANDLE_FIRST_GRANTED);
    exits();
}

static void a_message_outlives_its_sender(void **state)
{
    (void)state;
    make_user(leaves_a_message_and_exits);
    machine_run_to_idle();
    assert_nothing_left();
    assert_int_equal(machine.core.ipc.endpoints[endpoint.index].state, ENDPOINT_SEND_PENDING);
    assert_int_equal(machine.core.ipc.endpoints[endpoint.index].message.label, 1);
}

static void kills(void)
{
    assert_int_equal(task_destroy(&machine.core, user), STATUS_OK);
    assert_int_equal(task_destroy(&machine.core, user), STATUS_STALE_OBJECT);
}

static void a_task_that_is_killed_while_it_waits_gives_everything_back(void **state)
{
    (void)state;
    make_user(receives);
    (void)machine_kernel_task(kills);
    machine_run_to_idle();
    assert_nothing_left();
    assert_int_equal(machine.core.ipc.endpoints[endpoint.index].state, ENDPOINT_IDLE);
    assert_string_equal(fake_console_text(), "");
}

static void sends_and_kills(void)
{
    cap_handle_t out =
        machine_grant(machine.core.sched.current, CAP_KIND_ENDPOINT, endpoint, CAP_RIGHTS_ALL);
    struct message message = {.label = 5};
    enum send_outcome outcome;

    assert_int_equal(task_send(&machine.core, out, &message, NULL_CAP_HANDLE, &outcome), STATUS_OK);
    assert_int_equal(outcome, SEND_DELIVERED);
    kills();
}

static void a_message_outlives_the_receiver_that_is_killed(void **state)
{
    (void)state;
    make_user(receives);
    (void)machine_kernel_task(sends_and_kills);
    machine_run_to_idle();
    assert_nothing_left();
    assert_int_equal(machine.core.ipc.endpoints[endpoint.index].state, ENDPOINT_SEND_PENDING);
}

static void yields_for_ever(void)
{
    for (;;) {
        ask(SYSCALL_TASK_YIELD, 0);
    }
}

static void a_task_that_is_killed_while_it_could_run_gives_everything_back(void **state)
{
    (void)state;
    make_user(yields_for_ever);
    (void)machine_kernel_task(kills);
    machine_run_to_idle();
    assert_nothing_left();
}

static void a_task_that_never_ran_gives_everything_back(void **state)
{
    for (unsigned started = 0; started < 2; started++) {
        (void)setup(state);
        user = machine_fresh_user(machine_image(64), exits);
        if (started != 0) {
            assert_int_equal(sched_start(&machine.core.sched, user), STATUS_OK);
        }
        kills();
        assert_nothing_left();
    }
}

/* One user task kills another: its own space stays the one that the CPU walks. */
static void kills_and_looks(void)
{
    const struct task *self = &machine.core.sched.tasks[machine.core.sched.current];

    kills();
    assert_int_equal(machine.spaces.active, self->space.index);
    assert_int_equal(fake_mmu_root(), machine.spaces.spaces[self->space.index].root_pa.value);
}

static void a_user_task_outlives_another(void **state)
{
    (void)state;
    make_user(receives);
    (void)machine_user(machine_image(64), kills_and_looks);
    machine_run_to_idle();
    assert_nothing_left();
}

static void current_and_idle_are_not_destroyed(void)
{
    struct sched *sched = &machine.core.sched;

    snapshot_take();
    assert_int_equal(task_destroy(&machine.core, object_at(&sched->arena, sched->current)),
                     STATUS_IN_USE);
    assert_int_equal(task_destroy(&machine.core, object_at(&sched->arena, sched->idle)),
                     STATUS_IN_USE);
    assert_int_equal(task_destroy(&machine.core, (struct object_ref){1000, 0}),
                     STATUS_STALE_OBJECT);
    assert_untouched();
}

static void a_user_task_that_runs_is_in_use(void **state)
{
    (void)state;
    make_user(current_and_idle_are_not_destroyed);
    machine_run_to_idle();
    assert_nothing_left();
}

/* Its capabilities leave the tree, and what others derived from them lives on. */
static void what_was_derived_for_others_stays_theirs(void **state)
{
    cap_handle_t top = machine_grant(KERNEL_TABLE, CAP_KIND_ENDPOINT, endpoint, CAP_RIGHTS_ALL);
    cap_handle_t mine;
    cap_handle_t theirs;

    (void)state;
    user = machine_fresh_user(machine_image(64), exits);
    assert_int_equal(
        cap_derive(&machine.core.caps, KERNEL_TABLE, top, CAP_RIGHTS_ALL, user.index, &mine),
        STATUS_OK);
    assert_int_equal(
        cap_derive(&machine.core.caps, user.index, mine, CAP_RIGHT_SEND, KERNEL_TABLE, &theirs),
        STATUS_OK);
    assert_int_equal(sched_start(&machine.core.sched, user), STATUS_OK);
    machine_run_to_idle();
    assert_nothing_left();
    assert_int_equal(machine_held(KERNEL_TABLE), 2);
    assert_int_equal(cap_revoke(&machine.core.caps, KERNEL_TABLE, top), STATUS_OK);
    assert_int_equal(machine_held(KERNEL_TABLE), 1);
}

/* Many generations of tasks, one after the other, at the same places. */
static void restarts(void)
{
    for (unsigned i = 0; i < 200; i++) {
        make_user(i % 2 == 0 ? exits : receives);
        assert_int_equal(user.index, 2);
        sched_yield(&machine.core.sched);
        if (i % 2 != 0) {
            kills();
        }
        assert_int_equal(pmm_free_frames(&machine.pmm), before.pmm.free);
        assert_int_equal(object_count(&machine.spaces.arena), 0);
        assert_int_equal(machine_held(2), 0);
    }
}

static void nothing_leaks_over_many_ends(void **state)
{
    (void)state;
    (void)machine_kernel_task(restarts);
    machine_run_to_idle();
    assert_nothing_left();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, machine_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_exit_gives_everything_back),
        TEST(a_fault_gives_everything_back),
        TEST(a_message_outlives_its_sender),
        TEST(a_task_that_is_killed_while_it_waits_gives_everything_back),
        TEST(a_message_outlives_the_receiver_that_is_killed),
        TEST(a_task_that_is_killed_while_it_could_run_gives_everything_back),
        TEST(a_task_that_never_ran_gives_everything_back),
        TEST(a_user_task_outlives_another),
        TEST(a_user_task_that_runs_is_in_use),
        TEST(what_was_derived_for_others_stays_theirs),
        TEST(nothing_leaks_over_many_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
