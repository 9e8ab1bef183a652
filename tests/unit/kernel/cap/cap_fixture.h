/*
 * A fresh capability space for each test, and what the tests say about it again and again. The
 * space is compared bytewise: a refused operation writes nothing at all.
 */
#ifndef TESTS_CAP_FIXTURE_H
#define TESTS_CAP_FIXTURE_H

#include "cmocka_includes.h"

#include <string.h>
#include <tyrne/capability.h>

/* What an out-parameter holds before the call, and still after an error. */
#define UNTOUCHED ((cap_handle_t){0x1234567890ULL})

extern struct cap_space space;

/* A setup and a teardown of cmocka; the teardown checks the invariants. */
int space_setup(void **state);
int space_teardown(void **state);

#define space_test(test) cmocka_unit_test_setup_teardown(test, space_setup, space_teardown)

void space_snapshot(void);
/* The space is as it was at the last space_snapshot(). */
void assert_space_untouched(void);

#define assert_refused(call, status)                                                               \
    do {                                                                                           \
        space_snapshot();                                                                          \
        assert_int_equal(call, status);                                                            \
        assert_space_untouched();                                                                  \
    } while (0)

/* `call` panics and has changed nothing. */
#define assert_panics(call)                                                                        \
    do {                                                                                           \
        space_snapshot();                                                                          \
        expect_assert_failure(call);                                                               \
        assert_space_untouched();                                                                  \
    } while (0)

/* For a call that panics before it has a status. */
static inline void no_status(status_t status)
{
    (void)status;
}

/* An endpoint capability with `rights`. */
struct capability some_cap(uint8_t rights);

/* Each of these must succeed. */
cap_handle_t root_in(unsigned table, uint8_t rights);
cap_handle_t child_of(unsigned table, cap_handle_t handle, unsigned to);
cap_handle_t copy_of(unsigned table, cap_handle_t handle, unsigned to);
void revoke(unsigned table, cap_handle_t handle);
void drop(unsigned table, cap_handle_t handle);
void park(unsigned table, cap_handle_t handle, unsigned endpoint);
cap_handle_t unpark(unsigned endpoint, unsigned table);

/* A child of `handle`, derived into `table`, now parked at `endpoint`. */
void park_child_of(unsigned table, cap_handle_t handle, unsigned endpoint);

/* Roots into every free slot of `table`; the number of them. */
unsigned fill_table(unsigned table);

/* True if `handle` names something in `table`. */
bool names(unsigned table, cap_handle_t handle);

/* The rights and the slot of what `handle` names. */
uint8_t rights_of(unsigned table, cap_handle_t handle);
struct cap_slot *slot_of(unsigned table, cap_handle_t handle);
struct cap_slot *parked_slot(unsigned endpoint);

/* The number of used slots, parked ones included. */
unsigned used_slots(void);

#endif
