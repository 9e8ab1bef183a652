#include <tyrne/syscall.h>

#include <tyrne/hal/console.h>
#include <tyrne/print.h>
#include <tyrne/user.h>

/* x1 to x7 of a syscall that succeeds, at the same indices; all zero to begin with. */
#define RESULTS (SYSCALL_REGISTERS - 1U)

static status_t send(struct core *core, const uint64_t *x, uint64_t *result)
{
    struct message message = {.label = x[1], .words = {x[2], x[3], x[4]}};
    enum send_outcome outcome;
    status_t status =
        task_send(core, (cap_handle_t){x[0]}, &message, (cap_handle_t){x[5]}, &outcome);

    if (status == STATUS_OK) {
        result[1] = outcome == SEND_DELIVERED ? SYSCALL_SEND_DELIVERED : SYSCALL_SEND_ENQUEUED;
    }
    return status;
}

static status_t recv(struct core *core, const uint64_t *x, uint64_t *result)
{
    struct received received;
    status_t status = task_recv(core, (cap_handle_t){x[0]}, &received);

    if (status == STATUS_OK) {
        result[1] = SYSCALL_RECV_RECEIVED;
        result[2] = received.message.label;
        for (unsigned i = 0; i < MESSAGE_WORDS; i++) {
            result[3U + i] = received.message.words[i];
        }
        result[6] = received.cap.raw;
    }
    return status;
}

#ifdef TYRNE_DEBUG
static status_t write_console(struct core *core, const uint64_t *x, uint64_t *result)
{
    struct capability console;
    status_t status = cap_lookup(&core->caps, core->sched.current, (cap_handle_t){x[0]}, &console);
    uint64_t written = 0;

    if (status != STATUS_OK) {
        return status;
    }
    if (console.kind != CAP_KIND_DEBUG_CONSOLE) {
        return STATUS_WRONG_KIND;
    }
    if ((console.rights & CAP_RIGHT_CONSOLE_WRITE) == 0) {
        return STATUS_INSUFFICIENT_RIGHTS;
    }
    status = user_check(core, x[1], x[2], USER_ACCESS_READ);
    while (status == STATUS_OK && written < x[2]) {
        size_t length = x[2] - written;
        const unsigned char *bytes = user_bytes(core, x[1] + written, &length);

        console_write((const char *)bytes, length);
        written += length;
    }
    result[1] = written;
    return status;
}
#endif

/* The exit code has nobody to go to yet. */
static _Noreturn void end_current(struct core *core)
{
    kprintf("tyrne: userspace task exited\n");
    task_exit(core);
}

void syscall_dispatch(struct core *core, uint64_t x[SYSCALL_REGISTERS])
{
    uint64_t result[RESULTS] = {0};
    status_t status = STATUS_OK;

    switch (x[8]) {
    case SYSCALL_SEND:
        status = send(core, x, result);
        break;
    case SYSCALL_RECV:
        status = recv(core, x, result);
        break;
    case SYSCALL_TASK_YIELD:
        sched_yield(&core->sched);
        break;
    case SYSCALL_TASK_EXIT:
        end_current(core);
#ifdef TYRNE_DEBUG
    case SYSCALL_CONSOLE_WRITE:
        status = write_console(core, x, result);
        break;
#endif
    default:
        status = STATUS_BAD_SYSCALL_NUMBER;
        break;
    }
    x[0] = status;
    for (unsigned i = 1; i < RESULTS; i++) {
        x[i] = result[i];
    }
}
