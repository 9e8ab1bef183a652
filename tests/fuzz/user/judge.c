/* What a call must have left in the registers. */
#include "fuzz.h"

#include <tyrne/abi/syscall.h>
#include <tyrne/capability.h>

/* One register: `is` must be `must`. */
static void expect(const struct fuzzer *fuzzer, enum violation what, unsigned number, uint64_t must,
                   uint64_t is)
{
    if (is != must) {
        violate(fuzzer, what, number, must, is);
    }
}

static void see(struct fuzzer *fuzzer, enum fuzz_seen what)
{
    fuzzer->progress->seen |= 1ULL << what;
}

/* Note `status`, if it is one of the table; the bits of the others follow the first. */
static void see_status(struct fuzzer *fuzzer, uint64_t status, enum fuzz_seen first,
                       const uint16_t *statuses, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (status == statuses[i]) {
            see(fuzzer, (enum fuzz_seen)(first + i));
        }
    }
}

static void expect_zero(const struct fuzzer *fuzzer, const uint64_t *x, unsigned first)
{
    for (unsigned i = first; i < 8; i++) {
        expect(fuzzer, VIOLATION_NOT_ZERO, i, 0, x[i]);
    }
}

/* Everything but x0 to x7. */
static void judge_rest(const struct fuzzer *fuzzer, const uint64_t *x)
{
    for (unsigned i = 8; i <= 18; i++) {
        if (x[i] != 0) {
            expect(fuzzer, VIOLATION_LEAK, i, fuzz_before.x[i], x[i]);
        }
    }
    for (unsigned i = 19; i < 31; i++) {
        expect(fuzzer, VIOLATION_NOT_KEPT, i, fuzz_before.x[i], x[i]);
    }
    expect(fuzzer, VIOLATION_NOT_KEPT, REGISTER_SP, fuzz_before.sp, fuzz_after.sp);
    expect(fuzzer, VIOLATION_NOT_KEPT, REGISTER_NZCV, fuzz_before.nzcv, fuzz_after.nzcv);
    expect(fuzzer, VIOLATION_NOT_KEPT, REGISTER_TPIDR, fuzz_before.tpidr, fuzz_after.tpidr);
}

/* How a handle can be answered: what there is to say against it, in the order of the checks. */
struct answers {
    uint64_t stale;
    uint64_t wrong_kind;
    uint64_t no_right;
};

static const struct answers endpoint_answers = {ABI_STALE_HANDLE, ABI_WRONG_OBJECT_KIND,
                                                ABI_MISSING_RIGHT};

/*
 * True if `status` can be about a handle that was asked to be of `kind` with `right`. If it cannot
 * be refused, or need not, `*may_go_on` is set: then other statuses are possible.
 */
static bool refused(const struct fuzzer *fuzzer, uint64_t handle, uint8_t kind, uint8_t right,
                    const struct answers *answers, uint64_t status, bool *may_go_on)
{
    struct guess guess = handle_guess(fuzzer, handle);
    bool stale = status == answers->stale;

    *may_go_on = false;
    switch (guess.state) {
    case HANDLE_NOTHING:
        return stale;
    case HANDLE_UNKNOWN:
        *may_go_on = true;
        return stale || status == answers->wrong_kind || status == answers->no_right;
    default:
        break;
    }
    stale = stale && guess.state == HANDLE_REVOCABLE;
    if (guess.kind != kind) {
        return stale || status == answers->wrong_kind;
    }
    if ((guess.rights & right) == 0) {
        return stale || status == answers->no_right;
    }
    *may_go_on = true;
    return stale;
}

/* Nobody else sends to or receives from home, so what it answers is known. */
static bool home_send_possible(const struct fuzzer *fuzzer, uint64_t status)
{
    return fuzzer->home.full ? status == ABI_QUEUE_FULL
                             : status == ABI_OK || status == ABI_INVALID_TRANSFER_CAP;
}

/* What can be said against a capability to transfer; the endpoint was good. */
static bool transfer_possible(const struct fuzzer *fuzzer, uint64_t transfer, uint64_t status)
{
    struct guess guess = handle_guess(fuzzer, transfer);

    if (status != ABI_OK && status != ABI_INVALID_TRANSFER_CAP &&
        status != ABI_RECEIVER_TABLE_FULL) {
        return status == ABI_QUEUE_FULL;
    }
    if (transfer == ABI_NULL_HANDLE) {
        return status == ABI_OK;
    }
    if (guess.state == HANDLE_NOTHING ||
        (guess.state != HANDLE_UNKNOWN && (guess.rights & CAP_RIGHT_TRANSFER) == 0)) {
        return status == ABI_INVALID_TRANSFER_CAP;
    }
    return true;
}

static bool send_possible(const struct fuzzer *fuzzer, const uint64_t *asked, uint64_t status)
{
    bool may_go_on;

    if (refused(fuzzer, asked[0], CAP_KIND_ENDPOINT, CAP_RIGHT_SEND, &endpoint_answers, status,
                &may_go_on)) {
        return true;
    }
    return may_go_on && transfer_possible(fuzzer, asked[5], status) &&
           (asked[0] != FUZZ_HANDLE_HOME || home_send_possible(fuzzer, status));
}

static bool recv_possible(const struct fuzzer *fuzzer, uint64_t handle, uint64_t status)
{
    bool may_go_on;

    if (refused(fuzzer, handle, CAP_KIND_ENDPOINT, CAP_RIGHT_RECV, &endpoint_answers, status,
                &may_go_on)) {
        return true;
    }
    if (handle == FUZZ_HANDLE_HOME) {
        return status == ABI_OK || (status == ABI_RECEIVER_TABLE_FULL && fuzzer->home.with_cap);
    }
    return may_go_on &&
           (status == ABI_OK || status == ABI_QUEUE_FULL || status == ABI_RECEIVER_TABLE_FULL);
}

static void see_send(struct fuzzer *fuzzer, const uint64_t *x)
{
    static const uint16_t statuses[] = {
        ABI_STALE_HANDLE, ABI_WRONG_OBJECT_KIND,    ABI_MISSING_RIGHT,
        ABI_QUEUE_FULL,   ABI_INVALID_TRANSFER_CAP, ABI_RECEIVER_TABLE_FULL,
    };

    see_status(fuzzer, x[0], FUZZ_SEEN_SEND_STALE, statuses, 6);
    if (x[0] == ABI_OK) {
        see(fuzzer,
            x[1] == SYSCALL_SEND_DELIVERED ? FUZZ_SEEN_SEND_DELIVERED : FUZZ_SEEN_SEND_ENQUEUED);
        if (fuzz_before.x[5] != ABI_NULL_HANDLE) {
            see(fuzzer, FUZZ_SEEN_SEND_WITH_CAP);
        }
    }
}

static void judge_send(struct fuzzer *fuzzer, const uint64_t *x)
{
    const uint64_t *asked = fuzz_before.x;
    bool at_home = asked[0] == FUZZ_HANDLE_HOME;

    if (!send_possible(fuzzer, asked, x[0])) {
        violate(fuzzer, VIOLATION_STATUS, 0, asked[0], x[0]);
    }
    if (x[0] != ABI_OK) {
        expect_zero(fuzzer, x, 1);
        return;
    }
    if (x[1] > SYSCALL_SEND_ENQUEUED || (at_home && x[1] != SYSCALL_SEND_ENQUEUED)) {
        violate(fuzzer, VIOLATION_RESULT, 1, SYSCALL_SEND_ENQUEUED, x[1]);
    }
    expect_zero(fuzzer, x, 2);
    if (asked[5] != ABI_NULL_HANDLE) {
        handle_went(fuzzer, asked[5]);
    }
    if (at_home) {
        fuzzer->home = (struct home){.full = true,
                                     .with_cap = asked[5] != ABI_NULL_HANDLE,
                                     .label = asked[1],
                                     .words = {asked[2], asked[3], asked[4]}};
    }
}

static void see_recv(struct fuzzer *fuzzer, const uint64_t *x)
{
    static const uint16_t statuses[] = {
        ABI_STALE_HANDLE, ABI_WRONG_OBJECT_KIND,   ABI_MISSING_RIGHT,
        ABI_QUEUE_FULL,   ABI_RECEIVER_TABLE_FULL,
    };
    bool at_home = fuzz_before.x[0] == FUZZ_HANDLE_HOME;

    see_status(fuzzer, x[0], FUZZ_SEEN_RECV_STALE, statuses, 5);
    if (x[0] == ABI_OK && !at_home) {
        see(fuzzer, FUZZ_SEEN_RECV_FROM_OTHERS);
    }
    if (x[0] == ABI_OK && x[6] != ABI_NULL_HANDLE) {
        see(fuzzer, FUZZ_SEEN_RECV_WITH_CAP);
    }
    if (x[0] == ABI_OK && at_home && fuzzer->home.with_cap && x[6] == ABI_NULL_HANDLE) {
        see(fuzzer, FUZZ_SEEN_RECV_CAP_REVOKED);
    }
}

static void judge_recv(struct fuzzer *fuzzer, const uint64_t *x)
{
    uint64_t asked = fuzz_before.x[0];
    bool at_home = asked == FUZZ_HANDLE_HOME;

    if (!recv_possible(fuzzer, asked, x[0])) {
        violate(fuzzer, VIOLATION_STATUS, 0, asked, x[0]);
    }
    if (x[0] != ABI_OK) {
        expect_zero(fuzzer, x, 1);
        return;
    }
    expect(fuzzer, VIOLATION_RESULT, 1, SYSCALL_RECV_RECEIVED, x[1]);
    expect(fuzzer, VIOLATION_NOT_ZERO, 7, 0, x[7]);
    if (at_home) {
        expect(fuzzer, VIOLATION_MESSAGE, 2, fuzzer->home.label, x[2]);
        for (unsigned i = 0; i < 3; i++) {
            expect(fuzzer, VIOLATION_MESSAGE, 3U + i, fuzzer->home.words[i], x[3U + i]);
        }
        if (!fuzzer->home.with_cap) {
            expect(fuzzer, VIOLATION_HANDLE, 6, ABI_NULL_HANDLE, x[6]);
        }
        fuzzer->home.full = false;
    } else if (!fuzz_message_holds(x[2], &x[3])) {
        violate(fuzzer, VIOLATION_MESSAGE, 2, x[3], x[2]);
    }
    if (x[6] != ABI_NULL_HANDLE) {
        handle_came(fuzzer, x[6], x[2]);
    }
}

#ifdef TYRNE_DEBUG
static void see_console_write(struct fuzzer *fuzzer, const uint64_t *x)
{
    static const uint16_t statuses[] = {
        ABI_FAULT_ADDRESS,
        ABI_INVALID_HANDLE,
        ABI_WRONG_KIND,
        ABI_INSUFFICIENT_RIGHTS,
    };
    const uint64_t *asked = fuzz_before.x;

    see_status(fuzzer, x[0], FUZZ_SEEN_WRITE_FAULT, statuses, 4);
    if (x[0] == ABI_OK) {
        see(fuzzer, FUZZ_SEEN_WRITE);
        if (asked[1] >> 12 != (asked[1] + asked[2]) >> 12) {
            see(fuzzer, FUZZ_SEEN_WRITE_ACROSS_PAGES);
        }
        if (asked[0] != ABI_HANDLE_CONSOLE) {
            see(fuzzer, FUZZ_SEEN_WRITE_OTHER_CONSOLE);
        }
    }
}

static void judge_console_write(struct fuzzer *fuzzer, const uint64_t *x)
{
    static const struct answers answers = {ABI_INVALID_HANDLE, ABI_WRONG_KIND,
                                           ABI_INSUFFICIENT_RIGHTS};
    const uint64_t *asked = fuzz_before.x;
    bool readable = memory_readable(&fuzzer->memory, asked[1], asked[2]);
    bool may_go_on;
    bool no = refused(fuzzer, asked[0], CAP_KIND_DEBUG_CONSOLE, CAP_RIGHT_CONSOLE_WRITE, &answers,
                      x[0], &may_go_on);

    if (!no && !(may_go_on && x[0] == (readable ? ABI_OK : ABI_FAULT_ADDRESS))) {
        violate(fuzzer, VIOLATION_STATUS, 0, asked[0], x[0]);
    }
    if (x[0] != ABI_OK) {
        expect_zero(fuzzer, x, 1);
        return;
    }
    expect(fuzzer, VIOLATION_RESULT, 1, asked[2], x[1]);
    expect_zero(fuzzer, x, 2);
    fuzzer->progress->written += x[1];
}
#endif

void judge(struct fuzzer *fuzzer, const uint64_t after[31])
{
    judge_rest(fuzzer, after);
    switch (fuzz_before.x[8]) {
    case SYSCALL_SEND:
        see_send(fuzzer, after);
        judge_send(fuzzer, after);
        break;
    case SYSCALL_RECV:
        see_recv(fuzzer, after);
        judge_recv(fuzzer, after);
        break;
    case SYSCALL_TASK_YIELD:
        see(fuzzer, FUZZ_SEEN_YIELD);
        expect(fuzzer, VIOLATION_STATUS, 0, ABI_OK, after[0]);
        expect_zero(fuzzer, after, 1);
        break;
#ifdef TYRNE_DEBUG
    case SYSCALL_CONSOLE_WRITE:
        see_console_write(fuzzer, after);
        judge_console_write(fuzzer, after);
        break;
#endif
    default:
        see(fuzzer, FUZZ_SEEN_BAD_NUMBER);
        expect(fuzzer, VIOLATION_STATUS, 0, ABI_BAD_SYSCALL_NUMBER, after[0]);
        expect_zero(fuzzer, after, 1);
        break;
    }
}
