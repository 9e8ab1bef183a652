/* What a call must have left in the registers. */
#include "fuzz.h"

#include <tyrne/abi/syscall.h>

#define TAKES_NO_TABLE(handle) ((handle) >> 48 != 0 || HANDLE_INDEX(handle) >= HANDLE_SLOTS)

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

/* The statuses that an operation on an endpoint can have for this handle, in a few words. */
static bool endpoint_status_possible(uint64_t handle, uint64_t status)
{
    if (TAKES_NO_TABLE(handle)) {
        return status == ABI_STALE_HANDLE;
    }
    if (handle == ABI_HANDLE_CONSOLE) {
        return status == ABI_WRONG_OBJECT_KIND;
    }
    return status == ABI_OK || status == ABI_STALE_HANDLE || status == ABI_WRONG_OBJECT_KIND ||
           status == ABI_MISSING_RIGHT || status == ABI_QUEUE_FULL;
}

/* Nobody else sends to or receives from home, so what it answers is known. */
static bool home_send_possible(const struct fuzzer *fuzzer, uint64_t transfer, uint64_t status)
{
    if (fuzzer->home.full) {
        return status == ABI_QUEUE_FULL;
    }
    if (transfer == ABI_NULL_HANDLE) {
        return status == ABI_OK;
    }
    if (TAKES_NO_TABLE(transfer) || transfer == ABI_HANDLE_CONSOLE ||
        transfer == FUZZ_HANDLE_HOME) {
        return status == ABI_INVALID_TRANSFER_CAP;
    }
    return status == ABI_OK || status == ABI_INVALID_TRANSFER_CAP;
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
    bool possible =
        at_home ? home_send_possible(fuzzer, asked[5], x[0])
                : endpoint_status_possible(asked[0], x[0]) ||
                      (asked[5] != ABI_NULL_HANDLE && !TAKES_NO_TABLE(asked[0]) &&
                       asked[0] != ABI_HANDLE_CONSOLE &&
                       (x[0] == ABI_INVALID_TRANSFER_CAP || x[0] == ABI_RECEIVER_TABLE_FULL));

    if (!possible) {
        violate(fuzzer, VIOLATION_STATUS, 0, asked[5], x[0]);
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
        if (TAKES_NO_TABLE(asked[5]) || asked[5] == ABI_HANDLE_CONSOLE ||
            asked[5] == FUZZ_HANDLE_HOME) {
            violate(fuzzer, VIOLATION_STATUS, 5, asked[5], x[0]);
        }
        fuzzer->held[HANDLE_INDEX(asked[5])] = false;
    }
    if (at_home) {
        fuzzer->home = (struct home){.full = true,
                                     .with_cap = asked[5] != ABI_NULL_HANDLE,
                                     .label = asked[1],
                                     .words = {asked[2], asked[3], asked[4]}};
    }
}

/* A handle that came: well-formed, and of a slot that was free, so newer than all seen of it. */
static void judge_handle(struct fuzzer *fuzzer, uint64_t handle)
{
    unsigned index = HANDLE_INDEX(handle);

    if (TAKES_NO_TABLE(handle) || (fuzzer->handle[index] != 0 && handle <= fuzzer->handle[index]) ||
        handle == ABI_HANDLE_CONSOLE || handle == FUZZ_HANDLE_HOME) {
        violate(fuzzer, VIOLATION_HANDLE, 6, fuzzer->handle[index % HANDLE_SLOTS], handle);
    }
    fuzzer->held[index] = true;
    fuzzer->handle[index] = handle;
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
    bool possible = at_home ? x[0] == ABI_OK : endpoint_status_possible(asked, x[0]);

    if (x[0] == ABI_RECEIVER_TABLE_FULL && !TAKES_NO_TABLE(asked) && asked != ABI_HANDLE_CONSOLE) {
        possible = !at_home || fuzzer->home.with_cap;
    }
    if (!possible) {
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
        judge_handle(fuzzer, x[6]);
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
    const uint64_t *asked = fuzz_before.x;
    bool readable = memory_readable(&fuzzer->memory, asked[1], asked[2]);
    uint64_t status = readable ? ABI_OK : ABI_FAULT_ADDRESS;

    if (TAKES_NO_TABLE(asked[0])) {
        status = ABI_INVALID_HANDLE;
    } else if (asked[0] == FUZZ_HANDLE_HOME) {
        status = ABI_WRONG_KIND;
    } else if (asked[0] != ABI_HANDLE_CONSOLE &&
               (x[0] == ABI_INVALID_HANDLE || x[0] == ABI_WRONG_KIND ||
                x[0] == ABI_INSUFFICIENT_RIGHTS)) {
        status = x[0];
    }
    expect(fuzzer, VIOLATION_STATUS, 0, status, x[0]);
    if (status != ABI_OK) {
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
