#include <tyrne/syscall.h>

#include <tyrne/hal/console.h>
#include <tyrne/print.h>
#include <tyrne/user.h>

/* The answer is `status` and nothing else: no register keeps what it held. */
static void answer(uint64_t *x, status_t status)
{
    x[0] = status;
    x[1] = x[2] = x[3] = x[4] = x[5] = x[6] = x[7] = 0;
}

static void send(struct core *core, uint64_t *x)
{
    struct message message = {.label = x[1], .words = {x[2], x[3], x[4]}};
    enum send_outcome outcome;
    status_t status =
        task_send(core, (cap_handle_t){x[0]}, &message, (cap_handle_t){x[5]}, &outcome);

    answer(x, status);
    if (status == STATUS_OK) {
        x[1] = outcome == SEND_DELIVERED ? SYSCALL_SEND_DELIVERED : SYSCALL_SEND_ENQUEUED;
    }
}

static void recv(struct core *core, uint64_t *x)
{
    struct received received;
    status_t status = task_recv(core, (cap_handle_t){x[0]}, &received);

    answer(x, status);
    if (status == STATUS_OK) {
        x[1] = SYSCALL_RECV_RECEIVED;
        x[2] = received.message.label;
        for (unsigned i = 0; i < MESSAGE_WORDS; i++) {
            x[3U + i] = received.message.words[i];
        }
        x[6] = received.cap.raw;
    }
}

#ifdef TYRNE_DEBUG
static status_t check_console(const struct core *core, cap_handle_t handle)
{
    struct capability console;
    status_t status = cap_lookup(&core->caps, core->sched.current, handle, &console);

    if (status != STATUS_OK) {
        return status;
    }
    if (console.kind != CAP_KIND_DEBUG_CONSOLE) {
        return STATUS_WRONG_KIND;
    }
    return (console.rights & CAP_RIGHT_CONSOLE_WRITE) != 0 ? STATUS_OK : STATUS_INSUFFICIENT_RIGHTS;
}

static void write_console(struct core *core, uint64_t *x)
{
    uint64_t buffer = x[1];
    uint64_t length = x[2];
    uint64_t written = 0;
    status_t status = check_console(core, (cap_handle_t){x[0]});

    if (status == STATUS_OK) {
        status = user_check(core, buffer, length, USER_ACCESS_READ);
    }
    while (status == STATUS_OK && written < length) {
        size_t piece = length - written;
        const unsigned char *bytes = user_bytes(core, buffer + written, &piece);

        console_write((const char *)bytes, piece);
        written += piece;
    }
    answer(x, status);
    x[1] = written;
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
    switch (x[8]) {
    case SYSCALL_SEND:
        send(core, x);
        break;
    case SYSCALL_RECV:
        recv(core, x);
        break;
    case SYSCALL_TASK_YIELD:
        answer(x, STATUS_OK);
        sched_yield(&core->sched);
        break;
    case SYSCALL_TASK_EXIT:
        end_current(core);
#ifdef TYRNE_DEBUG
    case SYSCALL_CONSOLE_WRITE:
        write_console(core, x);
        break;
#endif
    default:
        answer(x, STATUS_BAD_SYSCALL_NUMBER);
        break;
    }
}
