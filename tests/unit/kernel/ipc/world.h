/* One instance of the portable state, with what the tests of IPC and tasks put into it. */
#ifndef TESTS_WORLD_H
#define TESTS_WORLD_H

#include "cmocka_includes.h"

#include <tyrne/task.h>

#define ALL CAP_RIGHTS_ALL

extern struct core world;

/* What `world` shall be: a copy that world_save() takes and a test may edit. */
extern struct core wanted;

/* Everything empty again; as cmocka's setup. */
int world_setup(void **state);

struct object_ref world_endpoint(void);
struct object_ref world_notification(void);

/* A root capability in the table of `task`. */
cap_handle_t world_grant(unsigned task, enum cap_kind kind, struct object_ref object,
                         unsigned rights);

/* Of a console, which no operation of IPC accepts: something to transfer. */
cap_handle_t world_token(unsigned task, unsigned rights);

/* Fill the table of `task` but for `left` slots. */
void world_fill_table(unsigned task, unsigned left);

/* Capabilities in the table of `task`. */
unsigned world_held(unsigned task);

/* What `handle` of `task` names; it must resolve. */
struct capability world_cap(unsigned task, cap_handle_t handle);

bool world_resolves(unsigned task, cap_handle_t handle);

struct message world_message(uint64_t label);

/* Register task `receiver` at `endpoint` without blocking. */
void world_register(unsigned receiver, cap_handle_t endpoint);

/* Send as `sender`; the outcome must be `outcome`. */
void world_send(unsigned sender, cap_handle_t endpoint, uint64_t label, cap_handle_t transfer,
                enum send_outcome outcome);

/* Receive as `receiver`: the message labelled `label` must be there. Returns the capability. */
cap_handle_t world_fetch(unsigned receiver, cap_handle_t endpoint, uint64_t label);

void world_save(void);

/* `world` is, byte for byte, as `wanted` says: as saved, unless the test edited it. */
void world_assert_as_wanted(void);

#define assert_status(expression, expected) assert_int_equal((expression), (expected))

#endif
