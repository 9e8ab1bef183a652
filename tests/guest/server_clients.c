/* One server, LEDGER_CLIENTS clients (programs/ledger.h), each in an address space of its own. */
#include <tyrne/bringup.h>

#include <tyrne/hal/board.h>
#include <tyrne/panic.h>

#include "check.h"
#include "programs/ledger.h"

static struct object_ref new_endpoint(struct core *core)
{
    struct object_ref ref;

    KASSERT(ipc_endpoint_create(&core->ipc, &ref) == STATUS_OK);
    return ref;
}

/* What the program will find at `handle`. */
static void grant(struct core *core, struct object_ref task, struct object_ref endpoint,
                  unsigned rights, uint64_t handle)
{
    struct capability cap = {
        .object = endpoint, .kind = CAP_KIND_ENDPOINT, .rights = (uint8_t)rights};
    cap_handle_t granted;

    KASSERT(cap_insert_root(&core->caps, task.index, cap, &granted) == STATUS_OK);
    KASSERT(granted.raw == handle);
}

/* The image's first program is the client, its second the server. */
void demo_create(struct core *core, struct object_ref idle, struct object_ref program)
{
    struct object_ref requests = new_endpoint(core);
    struct object_ref client = program;
    struct object_ref server;

    for (unsigned i = 0; i < LEDGER_CLIENTS; i++) {
        struct object_ref replies = new_endpoint(core);

        if (i != 0) {
            client = bring_up_program(idle, hal_board_program(0));
        }
        grant(core, client, requests, CAP_RIGHT_SEND, CLIENT_REQUESTS);
        grant(core, client, replies, CAP_RIGHT_RECV, CLIENT_REPLIES);
        grant(core, client, replies, CAP_RIGHT_SEND | CAP_RIGHT_TRANSFER, CLIENT_REPLY_TO);
        KASSERT(sched_start(&core->sched, client) == STATUS_OK);
    }
    server = bring_up_program(idle, hal_board_program(1));
    grant(core, server, requests, CAP_RIGHT_RECV, SERVER_REQUESTS);
    KASSERT(sched_start(&core->sched, server) == STATUS_OK);
    check_start(core, idle);
}
