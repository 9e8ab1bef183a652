/*
 * A million random syscalls of six user tasks, every answer predicted: arguments are the seed and
 * the number of syscalls. A kernel task makes the tasks, kills some, revokes, destroys endpoints
 * and wakes for nothing, and looks at the invariants.
 */
#include "storm.h"

#include <string.h>

#define CALLS     1000000U
#define USERS     6U
#define ENDPOINTS 4U
#define FRAMES    256U

struct storm storm;

static struct object_ref supervisor;
static struct object_ref endpoints[ENDPOINTS];
static cap_handle_t roots[ENDPOINTS]; /* the supervisor's, for what users hold */
static uint32_t frames_at_first;
static uint64_t calls[6];        /* that succeeded, by number */
static uint64_t statuses[0x209]; /* of all */

static bool chance(uint32_t percent)
{
    return seeded_chance(&storm.run, percent);
}

static uint32_t below(uint32_t end)
{
    return seeded_below(&storm.run, end);
}

static void check(bool holds, const char *what)
{
    seeded_check(&storm.run, holds, what);
}

/* What was written is what the task's memory holds. */
static void check_written(uint64_t va, uint64_t length)
{
    const char *said = fake_console_text();

    check(fake_console_length() == length, "other bytes written than said");
    for (uint64_t i = 0; i < length; i++) {
        uint64_t offset = va - ABI_IMAGE_BASE + i;
        /* The image's first page, which starts with its header, is what it was made of. */
        unsigned char byte =
            offset < machine.core.windows[machine.core.sched.current].data_va.value - ABI_IMAGE_BASE
                ? image_byte(offset)
                : 0;

        if (offset >= 32) {
            check((unsigned char)said[i] == byte, "a byte that is not there was written");
        }
    }
}

void storm_ask(const uint64_t *x)
{
    unsigned self = machine.core.sched.current;
    struct prediction prediction = storm_predict(self, x);
    struct answer answer;

    storm.run.step++;
    fake_console_clear();
    if (prediction.how == ENDS) {
        storm.users[self].alive = false;
        storm_forget(self);
        calls[SYSCALL_TASK_EXIT]++;
    }
    answer = ask_with(x[8], x, 8);
    check(prediction.how != ENDS, "task_exit returned");
    if (prediction.how == BLOCKS) {
        storm_judge_woken(self, x, prediction.endpoint, answer);
    } else {
        check(memcmp(&answer, &prediction.answer, sizeof(answer)) == 0, "wrong registers");
        if (x[8] == SYSCALL_CONSOLE_WRITE) {
            check_written(x[1], answer.x[0] == 0 ? x[2] : 0);
        }
    }
    statuses[answer.x[0]]++;
    if (answer.x[0] == 0 && x[8] < 6) {
        calls[x[8]]++;
    }
}

static bool over(void)
{
    return storm.run.step >= storm.run.steps;
}

static void user(void)
{
    while (!over()) {
        uint64_t x[SYSCALL_REGISTERS];

        storm_pick(machine.core.sched.current, x);
        storm_ask(x);
    }
    storm.users[machine.core.sched.current].alive = false;
}

/* Children of the supervisor's capabilities, and some that nobody can revoke. */
static void grant(unsigned table, unsigned count)
{
    for (unsigned i = 0; i < count && machine_held(table) < CAP_TABLE_SLOTS; i++) {
        cap_handle_t handle;

        if (chance(90)) {
            assert_int_equal(cap_derive(&machine.core.caps, supervisor.index,
                                        roots[below(ENDPOINTS)], seeded_next(&storm.run) | 0x38,
                                        table, &handle),
                             STATUS_OK);
        } else {
            (void)machine_grant(table, (enum cap_kind)(1 + below(CAP_KIND_COUNT - 1)),
                                (struct object_ref){below(16), below(3)}, below(256));
        }
    }
}

static void make_hole(struct storm_user *made)
{
    const struct user_layout *window = &machine.core.windows[made->task.index];
    struct object_ref space = machine.core.sched.tasks[made->task.index].space;
    struct flush_token token;
    paddr_t frame;

    made->hole_va = window->data_va.value;
    assert_int_equal(address_space_unmap(&machine.spaces, space, window->data_va, &frame, &token),
                     STATUS_OK);
    flush_va(&token);
    assert_int_equal(pmm_free(&machine.pmm, frame), STATUS_OK);
}

/* One page of code, up to two of bss; the first may be a hole. */
static void spawn(void)
{
    uint32_t pages = below(3);
    uint32_t frames = pmm_free_frames(&machine.pmm);
    struct object_ref task = machine_fresh_user(
        machine_image_with(PAGE_SIZE, PAGE_SIZE, PAGE_SIZE, PAGE_SIZE * (1U + pages)), user);
    struct storm_user *made = &storm.users[task.index];

    *made = (struct storm_user){.alive = true, .task = task};
    if (pages != 0 && chance(30)) {
        make_hole(made);
    }
    made->frames = frames - pmm_free_frames(&machine.pmm);
    grant(task.index, chance(20) ? CAP_TABLE_SLOTS : 2 + below(10));
    assert_int_equal(sched_start(&machine.core.sched, task), STATUS_OK);
}

static void make_endpoint(unsigned i)
{
    assert_int_equal(ipc_endpoint_create(&machine.core.ipc, &endpoints[i]), STATUS_OK);
    roots[i] = machine_grant(supervisor.index, CAP_KIND_ENDPOINT, endpoints[i], CAP_RIGHTS_ALL);
}

static void renew_endpoint(unsigned i)
{
    assert_int_equal(task_destroy_endpoint(&machine.core, endpoints[i]), STATUS_OK);
    storm.flights[endpoints[i].index] = (struct flight){.waiter = TASK_NONE};
    assert_int_equal(cap_revoke(&machine.core.caps, supervisor.index, roots[i]), STATUS_OK);
    assert_int_equal(cap_drop(&machine.core.caps, supervisor.index, roots[i]), STATUS_OK);
    storm_notice_revoked();
    make_endpoint(i);
}

static void kill_user(unsigned index)
{
    if (storm.users[index].alive) {
        storm.users[index].alive = false;
        storm_forget(index);
        assert_int_equal(task_destroy(&machine.core, storm.users[index].task), STATUS_OK);
    }
}

static void wake_for_nothing(unsigned index)
{
    if (machine.core.sched.tasks[index].state == TASK_BLOCKED) {
        sched_wake(&machine.core.sched, index);
    }
}

/* Let tasks that wait go on, and messages that nobody fetches go away. */
static void exchange(unsigned i)
{
    uint64_t x[SYSCALL_REGISTERS] = {roots[i].raw, 1, 2, 3, 4, UINT64_MAX, 6, 7, SYSCALL_SEND};
    const struct flight *flight = &storm.flights[endpoints[i].index];

    if (flight->there && flight->waiter == TASK_NONE) {
        x[8] = SYSCALL_RECV;
    }
    storm_ask(x);
}

/* What others sent to the supervisor; its own table must not fill up. */
static void clean_up(void)
{
    for (unsigned slot = 0; slot < CAP_TABLE_SLOTS; slot++) {
        bool root = false;
        cap_handle_t handle = cap_handle_make(
            machine.core.caps.slots[supervisor.index * CAP_TABLE_SLOTS + slot].generation,
            (uint16_t)slot);

        for (unsigned i = 0; i < ENDPOINTS; i++) {
            root = root || roots[i].raw == handle.raw;
        }
        if (!root && storm_named(supervisor.index, handle.raw) != NULL) {
            assert_int_equal(cap_drop(&machine.core.caps, supervisor.index, handle), STATUS_OK);
        }
    }
    storm_notice_revoked();
}

static void look(void)
{
    uint32_t frames = pmm_free_frames(&machine.pmm);
    uint32_t alive = 0;

    for (unsigned i = 0; i < MAX_TASKS; i++) {
        frames += storm.users[i].alive ? storm.users[i].frames : 0;
        alive += storm.users[i].alive;
    }
    check(frames == frames_at_first, "frames were lost");
    check(object_count(&machine.spaces.arena) == alive, "a space was lost");
    check(sched_task_count(&machine.core.sched) == alive + 1U, "a task was lost");
    check(machine.spaces.unspent == 0, "a flush token was lost");
    check(fake_mmu_root() == 0, "the kernel's task has a user half");
    if (chance(5)) {
        check(cap_check_invariants(&machine.core.caps), "an invariant of the capabilities");
        check(fake_mmu_violation() == NULL, "a rule of the MMU");
    }
}

static void supervise(void)
{
    for (unsigned i = 0; i < ENDPOINTS; i++) {
        make_endpoint(i);
    }
    while (!over()) {
        unsigned alive = 0;

        for (unsigned i = 0; i < MAX_TASKS; i++) {
            alive += storm.users[i].alive;
        }
        if (alive < USERS) {
            spawn();
        }
        for (unsigned i = 0; i < ENDPOINTS; i++) {
            if (chance(40)) {
                exchange(i);
            }
        }
        if (chance(1)) {
            assert_int_equal(
                cap_revoke(&machine.core.caps, supervisor.index, roots[below(ENDPOINTS)]),
                STATUS_OK);
            storm_notice_revoked();
        }
        if (chance(2)) {
            renew_endpoint(below(ENDPOINTS));
        }
        if (chance(1)) {
            kill_user(below(MAX_TASKS));
        }
        if (chance(30)) {
            wake_for_nothing(below(MAX_TASKS));
        }
        for (unsigned i = 0; i < MAX_TASKS; i++) {
            if (storm.users[i].alive && chance(10)) {
                grant(i, chance(30) ? CAP_TABLE_SLOTS : below(6));
            }
        }
        clean_up();
        look();
        sched_yield(&machine.core.sched);
    }
    for (unsigned i = 0; i < MAX_TASKS; i++) {
        kill_user(i);
    }
    look();
}

static void every_answer_is_the_predicted_one(void **state)
{
    /* No wait is refused with DEADLOCK here: the supervisor can always run. */
    static const unsigned expected[] = {0x001, 0x003, 0x102, 0x104, 0x107, 0x201,
                                        0x202, 0x203, 0x204, 0x205, 0x206, 0x207};

    (void)state;
    machine_start(FRAMES);
    for (unsigned i = 0; i < MAX_ENDPOINTS; i++) {
        storm.flights[i].waiter = TASK_NONE;
    }
    frames_at_first = pmm_free_frames(&machine.pmm);
    supervisor = machine_kernel_task(supervise);
    machine_run_to_idle();
    (void)machine_teardown(state);
    assert_int_equal(pmm_free_frames(&machine.pmm), frames_at_first);
    assert_int_equal(object_count(&machine.spaces.arena), 0);
    /* It was a storm: each syscall often did what it is for, and each error came. */
    for (unsigned i = 1; i < 6; i++) {
        print_message("syscall %u succeeded %" PRIu64 " times\n", i, calls[i]);
        assert_true(calls[i] > storm.run.steps / 1000);
    }
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        print_message("status 0x%x %" PRIu64 " times\n", expected[i], statuses[expected[i]]);
        assert_true(storm.run.steps < CALLS || statuses[expected[i]] > 20);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_answer_is_the_predicted_one),
    };

    seeded_start(&storm.run, argc, argv, CALLS);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
