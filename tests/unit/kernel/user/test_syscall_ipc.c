/* send and recv as syscalls: registers in, registers out, on success and on every error. */
#include "syscalls.h"

#include <string.h>
#include <tyrne/hal/power.h>

static struct object_ref endpoint;
static struct object_ref receiver;
static struct object_ref sender;
static unsigned done; /* scripts that came to their end */

/* Handles of the sender's and the receiver's, in the order in which setup() grants them. */
#define OUT     1 /* sender: the endpoint, with every right */
#define IN      1 /* receiver: the same */
#define IN_ONLY 2 /* sender: without SEND; receiver: without RECV */
#define TOKEN   3 /* sender: a notification, with every right */
#define FIXED   4 /* sender: the same without TRANSFER */

static int setup(void **state)
{
    struct object_ref thing = {3, 0};

    (void)machine_setup(state);
    done = 0;
    assert_int_equal(ipc_endpoint_create(&machine.core.ipc, &endpoint), STATUS_OK);
    receiver = machine_fresh_user(machine_image(64), NULL);
    sender = machine_fresh_user(machine_image(64), NULL);
    for (unsigned i = 0; i < 2; i++) {
        unsigned table = i == 0 ? receiver.index : sender.index;
        unsigned right = i == 0 ? CAP_RIGHT_RECV : CAP_RIGHT_SEND;

        (void)machine_grant(table, CAP_KIND_ENDPOINT, endpoint, CAP_RIGHTS_ALL);
        (void)machine_grant(table, CAP_KIND_ENDPOINT, endpoint, CAP_RIGHTS_ALL & ~right);
        (void)machine_grant(table, CAP_KIND_NOTIFICATION, thing, CAP_RIGHTS_ALL);
        (void)machine_grant(table, CAP_KIND_NOTIFICATION, thing,
                            CAP_RIGHTS_ALL & ~(unsigned)CAP_RIGHT_TRANSFER);
    }
    return 0;
}

/* Queue both, the receiver first; null: that one does not run. */
static void run(void (*receives)(void), void (*sends)(void))
{
    unsigned count = 0;

    if (receives != NULL) {
        machine_script(receiver, receives);
        assert_int_equal(sched_start(&machine.core.sched, receiver), STATUS_OK);
        count++;
    }
    if (sends != NULL) {
        machine_script(sender, sends);
        assert_int_equal(sched_start(&machine.core.sched, sender), STATUS_OK);
        count++;
    }
    machine_run_to_idle();
    assert_int_equal(done, count);
}

static struct answer send_with(uint64_t transfer)
{
    return ASK(SYSCALL_SEND, OUT, 0x1111222233334444, 5, UINT64_MAX, 7, transfer);
}

static void assert_received(uint64_t handle)
{
    assert_answer(ASK(SYSCALL_RECV, IN), 0, 0x1111222233334444, 5, UINT64_MAX, 7, handle);
}

static void receives(void)
{
    assert_received(ABI_NULL_HANDLE);
    done++;
}

static void delivers(void)
{
    assert_answer(send_with(ABI_NULL_HANDLE), 0);
    done++;
}

static void a_receiver_blocks_until_the_message_comes(void **state)
{
    (void)state;
    run(receives, delivers);
}

static void enqueues(void)
{
    assert_answer(send_with(ABI_NULL_HANDLE), 1);
    assert_refuses(send_with(ABI_NULL_HANDLE), 0x204);
    assert_refuses(send_with(TOKEN), 0x204);
    assert_answer(ASK(SYSCALL_RECV, OUT), 0, 0x1111222233334444, 5, UINT64_MAX, 7, ABI_NULL_HANDLE);
    assert_answer(send_with(ABI_NULL_HANDLE), 1);
    done++;
}

static void a_message_waits_for_its_receiver(void **state)
{
    (void)state;
    run(NULL, enqueues);
}

static void receives_the_token(void)
{
    struct capability found;
    const uint64_t handle = 5; /* the first free slot */

    assert_received(handle);
    assert_int_equal(cap_lookup(&machine.core.caps, receiver.index, (cap_handle_t){handle}, &found),
                     STATUS_OK);
    assert_int_equal(found.kind, CAP_KIND_NOTIFICATION);
    assert_int_equal(found.rights, CAP_RIGHTS_ALL);
    assert_int_equal(found.object.index, 3);
    assert_int_equal(machine_held(receiver.index), 6);
    done++;
}

static void hands_the_token_over(void)
{
    assert_answer(send_with(TOKEN), 0);
    assert_int_equal(machine_held(sender.index), 4);
    assert_refuses(send_with(TOKEN), 0x204);
    (void)ASK(SYSCALL_TASK_YIELD, 0);
    assert_refuses(send_with(TOKEN), 0x205); /* it is gone */
    done++;
}

static void a_capability_moves_with_the_message(void **state)
{
    (void)state;
    run(receives_the_token, hands_the_token_over);
}

static void parks_the_token(void)
{
    assert_answer(send_with(TOKEN), 1);
    done++;
}

static void yields_and_receives_the_token(void)
{
    (void)ASK(SYSCALL_TASK_YIELD, 0);
    receives_the_token();
}

static void a_capability_waits_with_the_message(void **state)
{
    (void)state;
    run(yields_and_receives_the_token, parks_the_token);
}

static void receives_without_the_token(void)
{
    (void)ASK(SYSCALL_TASK_YIELD, 0);
    cap_discard_parked(&machine.core.caps, endpoint.index); /* as a revoke would */
    assert_received(ABI_NULL_HANDLE);
    done++;
}

static void a_capability_that_was_revoked_on_its_way_is_null(void **state)
{
    (void)state;
    run(receives_without_the_token, parks_the_token);
}

static void sends_badly(void)
{
    assert_refuses(ASK(SYSCALL_SEND, ABI_NULL_HANDLE, 1, 2, 3, 4, ABI_NULL_HANDLE), 0x201);
    assert_refuses(ASK(SYSCALL_SEND, 64, 1, 2, 3, 4, ABI_NULL_HANDLE), 0x201);
    assert_refuses(ASK(SYSCALL_SEND, 5, 1, 2, 3, 4, ABI_NULL_HANDLE), 0x201);
    assert_refuses(ASK(SYSCALL_SEND, 1ULL << 48 | OUT, 1, 2, 3, 4, ABI_NULL_HANDLE), 0x201);
    assert_refuses(ASK(SYSCALL_SEND, 1ULL << 16 | OUT, 1, 2, 3, 4, ABI_NULL_HANDLE), 0x201);
    assert_refuses(ASK(SYSCALL_SEND, ABI_HANDLE_CONSOLE, 1, 2, 3, 4, ABI_NULL_HANDLE), 0x202);
    assert_refuses(ASK(SYSCALL_SEND, TOKEN, 1, 2, 3, 4, ABI_NULL_HANDLE), 0x202);
    assert_refuses(ASK(SYSCALL_SEND, IN_ONLY, 1, 2, 3, 4, ABI_NULL_HANDLE), 0x203);
    assert_refuses(send_with(FIXED), 0x205);
    assert_refuses(send_with(63), 0x205);
    assert_refuses(send_with(ABI_HANDLE_CONSOLE), 0x205);
    assert_refuses(send_with(ABI_NULL_HANDLE - 1), 0x205);
    assert_refuses(send_with(1ULL << 32 | TOKEN), 0x205);
    assert_int_equal(task_destroy_endpoint(&machine.core, endpoint), STATUS_OK);
    assert_refuses(send_with(ABI_NULL_HANDLE), 0x201);
    done++;
}

static void each_error_of_send(void **state)
{
    (void)state;
    run(NULL, sends_badly);
}

static void receives_badly(void)
{
    assert_refuses(ASK(SYSCALL_RECV, ABI_NULL_HANDLE), 0x201);
    assert_refuses(ASK(SYSCALL_RECV, 64), 0x201);
    assert_refuses(ASK(SYSCALL_RECV, 5), 0x201);
    assert_refuses(ASK(SYSCALL_RECV, 1ULL << 16 | IN), 0x201);
    assert_refuses(ASK(SYSCALL_RECV, 1ULL << 63 | IN), 0x201);
    assert_refuses(ASK(SYSCALL_RECV, ABI_HANDLE_CONSOLE), 0x202);
    assert_refuses(ASK(SYSCALL_RECV, TOKEN), 0x202);
    assert_refuses(ASK(SYSCALL_RECV, IN_ONLY), 0x203);
    assert_int_equal(task_destroy_endpoint(&machine.core, endpoint), STATUS_OK);
    assert_refuses(ASK(SYSCALL_RECV, IN), 0x201);
    done++;
}

static void each_error_of_recv(void **state)
{
    (void)state;
    run(receives_badly, NULL);
}

static void receives_where_another_waits(void)
{
    assert_refuses(ASK(SYSCALL_RECV, OUT), 0x204);
    delivers();
}

static void one_task_waits_at_a_time(void **state)
{
    (void)state;
    run(receives, receives_where_another_waits);
}

static void fill(unsigned table)
{
    while (machine_held(table) < CAP_TABLE_SLOTS) {
        (void)machine_grant(table, CAP_KIND_MEMORY_REGION, (struct object_ref){0, 0}, 0);
    }
}

static void sends_to_a_full_table(void)
{
    fill(receiver.index);
    assert_refuses(send_with(TOKEN), 0x206);
    delivers(); /* without a capability there is room */
}

static void a_waiting_receiver_needs_room_for_the_capability(void **state)
{
    (void)state;
    run(receives, sends_to_a_full_table);
}

static void has_no_room(void)
{
    (void)ASK(SYSCALL_TASK_YIELD, 0);
    fill(receiver.index);
    assert_refuses(ASK(SYSCALL_RECV, IN), 0x206);
    assert_int_equal(cap_drop(&machine.core.caps, receiver.index, (cap_handle_t){5}), STATUS_OK);
    assert_received(1U << 16 | 5U);
    done++;
}

static void a_receiver_needs_room_for_the_capability(void **state)
{
    (void)state;
    run(has_no_room, parks_the_token);
}

static void is_woken_for_nothing(void)
{
    assert_error(ASK(SYSCALL_RECV, IN), 0x207);
    assert_int_equal(machine.core.ipc.endpoints[endpoint.index].state, ENDPOINT_IDLE);
    done++;
}

static void wakes(void)
{
    sched_wake(&machine.core.sched, receiver.index);
    done++;
}

static void a_wake_without_a_message_is_told(void **state)
{
    (void)state;
    run(is_woken_for_nothing, wakes);
}

static void waits_in_vain(void)
{
    assert_error(ASK(SYSCALL_RECV, IN), 0x201);
    done++;
}

static void destroys(void)
{
    assert_int_equal(task_destroy_endpoint(&machine.core, endpoint), STATUS_OK);
    done++;
}

static void an_endpoint_that_goes_away_ends_the_wait(void **state)
{
    (void)state;
    run(waits_in_vain, destroys);
}

static void waits_alone(void)
{
    machine.core.sched.idle = TASK_NONE;
    assert_refuses(ASK(SYSCALL_RECV, IN), 0x208);
    done++;
    power_off();
}

static void a_wait_that_nothing_could_end_is_refused(void **state)
{
    (void)state;
    run(waits_alone, NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, machine_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_receiver_blocks_until_the_message_comes),
        TEST(a_message_waits_for_its_receiver),
        TEST(a_capability_moves_with_the_message),
        TEST(a_capability_waits_with_the_message),
        TEST(a_capability_that_was_revoked_on_its_way_is_null),
        TEST(each_error_of_send),
        TEST(each_error_of_recv),
        TEST(one_task_waits_at_a_time),
        TEST(a_waiting_receiver_needs_room_for_the_capability),
        TEST(a_receiver_needs_room_for_the_capability),
        TEST(a_wake_without_a_message_is_told),
        TEST(an_endpoint_that_goes_away_ends_the_wait),
        TEST(a_wait_that_nothing_could_end_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
