/* What the tests of tasks have in common: one endpoint, and a handle for each task. */
#ifndef TESTS_EXCHANGE_H
#define TESTS_EXCHANGE_H

#include "running.h"

extern struct object_ref endpoint;

/* By task index; a task gets its own by exchange_grant(). */
extern cap_handle_t handles[MAX_TASKS];

/* running_setup(), and the endpoint, whose index is not 0. */
int exchange_setup(void **state);

/* Give `task` a capability for the endpoint. */
void exchange_grant(struct object_ref task, unsigned rights);

/* As the current task, with its handle. */
status_t exchange_send(uint64_t label, cap_handle_t transfer, enum send_outcome *outcome);
status_t exchange_recv(struct received *received);

/* Receive as the current task; the message labelled `label` must come. Returns the capability. */
cap_handle_t exchange_expect(uint64_t label);

/* exchange_recv() must give `expected`, and leave its output alone. */
void exchange_expect_error(status_t expected);

/* The endpoint's state, and the task that it names. */
void exchange_assert_state(enum endpoint_state state, unsigned receiver);

#endif
