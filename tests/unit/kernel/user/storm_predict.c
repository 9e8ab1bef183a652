#include "storm.h"

#include <string.h>

const struct capability *storm_named(unsigned table, uint64_t handle)
{
    for (unsigned i = 0; i < CAP_TABLE_SLOTS; i++) {
        const struct cap_slot *slot = &machine.core.caps.slots[table * CAP_TABLE_SLOTS + i];

        if (slot->cap.kind != CAP_KIND_NONE && ((uint64_t)slot->generation << 16 | i) == handle) {
            return &slot->cap;
        }
    }
    return NULL;
}

static bool full(unsigned table)
{
    return machine_held(table) == CAP_TABLE_SLOTS;
}

static struct prediction error(uint64_t status)
{
    return (struct prediction){.how = RETURNS, .answer = {{status}}};
}

/* The status of naming an endpoint by `handle` for `right`. */
static uint64_t find_endpoint(unsigned self, uint64_t handle, unsigned right, unsigned *index)
{
    const struct capability *cap = storm_named(self, handle);
    const struct object_arena *arena = &machine.core.ipc.endpoint_arena;

    if (cap == NULL) {
        return 0x201;
    }
    if (cap->kind != CAP_KIND_ENDPOINT) {
        return 0x202;
    }
    if ((cap->rights & right) == 0) {
        return 0x203;
    }
    if ((arena->live >> cap->object.index & 1U) == 0 ||
        arena->generation[cap->object.index] != cap->object.generation) {
        return 0x201;
    }
    *index = cap->object.index;
    return 0;
}

static struct prediction predict_send(unsigned self, const uint64_t *x)
{
    struct prediction prediction = {.how = RETURNS};
    uint64_t status = find_endpoint(self, x[0], CAP_RIGHT_SEND, &prediction.endpoint);
    struct flight *flight = &storm.flights[prediction.endpoint];

    if (status != 0) {
        return error(status);
    }
    if (flight->there) {
        return error(0x204);
    }
    if (x[5] != UINT64_MAX) {
        const struct capability *cap = storm_named(self, x[5]);

        if (cap == NULL || (cap->rights & CAP_RIGHT_TRANSFER) == 0) {
            return error(0x205);
        }
        if (flight->waiter != TASK_NONE && full(flight->waiter)) {
            return error(0x206);
        }
        flight->cap = *cap;
    }
    flight->there = true;
    flight->parked = x[5] != UINT64_MAX;
    flight->message = (struct message){x[1], {x[2], x[3], x[4]}};
    prediction.answer.x[1] = flight->waiter == TASK_NONE;
    return prediction;
}

static void take(struct flight *flight, struct answer *answer)
{
    answer->x[2] = flight->message.label;
    memcpy(&answer->x[3], flight->message.words, sizeof(flight->message.words));
    flight->there = false;
    flight->parked = false;
    flight->waiter = TASK_NONE;
}

static struct prediction predict_recv(unsigned self, const uint64_t *x)
{
    struct prediction prediction = {.how = RETURNS};
    uint64_t status = find_endpoint(self, x[0], CAP_RIGHT_RECV, &prediction.endpoint);
    struct flight *flight = &storm.flights[prediction.endpoint];
    cap_ref_t free = machine.core.caps.first_free[self];

    if (status != 0) {
        return error(status);
    }
    if (flight->waiter != TASK_NONE) {
        return error(0x204);
    }
    if (!flight->there) {
        flight->waiter = self;
        prediction.how = BLOCKS;
        return prediction;
    }
    if (flight->parked && full(self)) {
        return error(0x206);
    }
    prediction.answer.x[6] = UINT64_MAX;
    if (flight->parked) {
        prediction.answer.x[6] = (uint64_t)machine.core.caps.slots[free.value].generation << 16 |
                                 free.value % CAP_TABLE_SLOTS;
    }
    take(flight, &prediction.answer);
    return prediction;
}

/* [start, start + length) without wrapping, and [from, to) have a byte in common. */
static bool touches(uint64_t start, uint64_t length, uint64_t from, uint64_t to)
{
    return length != 0 && start < to && start + length > from;
}

static struct prediction predict_console(unsigned self, const uint64_t *x)
{
    const struct capability *cap = storm_named(self, x[0]);
    const struct user_layout *window = &machine.core.windows[self];
    uint64_t hole_va = storm.users[self].hole_va;
    struct prediction prediction = {.how = RETURNS};

    if (cap == NULL) {
        return error(0x102);
    }
    if (cap->kind != CAP_KIND_DEBUG_CONSOLE) {
        return error(0x107);
    }
    if ((cap->rights & CAP_RIGHT_CONSOLE_WRITE) == 0) {
        return error(0x104);
    }
    if (x[1] < window->image_va.value || x[1] > window->stack_end_va.value ||
        x[2] > window->stack_end_va.value - x[1] ||
        touches(x[1], x[2], window->data_end_va.value, window->stack_va.value) ||
        touches(x[1], x[2], hole_va, hole_va == 0 ? 0 : hole_va + PAGE_SIZE)) {
        return error(3);
    }
    prediction.answer.x[1] = x[2];
    return prediction;
}

struct prediction storm_predict(unsigned self, const uint64_t *x)
{
    switch (x[8]) {
    case 1:
        return predict_send(self, x);
    case 2:
        return predict_recv(self, x);
    case 3:
        return error(0);
    case 4:
        return (struct prediction){.how = ENDS};
    case 5:
        return predict_console(self, x);
    default:
        return error(1);
    }
}

static void check(bool holds, const char *what)
{
    seeded_check(&storm.run, holds, what);
}

void storm_judge_woken(unsigned self, const uint64_t *x, unsigned endpoint, struct answer answer)
{
    struct flight *flight = &storm.flights[endpoint];
    struct answer expected = {{0}};
    unsigned found = endpoint;

    expected.x[0] = find_endpoint(self, x[0], CAP_RIGHT_RECV, &found);
    if (expected.x[0] == 0 && !flight->there) {
        expected.x[0] = 0x207;
    }
    if (expected.x[0] == 0 && flight->parked && cap_is_parked(&machine.core.caps, endpoint)) {
        check(full(self), "the capability was left, though there is room");
        expected.x[0] = 0x206;
    }
    if (expected.x[0] == 0) {
        expected.x[6] = UINT64_MAX;
        if (flight->parked) {
            const struct capability *cap = storm_named(self, answer.x[6]);

            check(cap != NULL && cap->object.index == flight->cap.object.index &&
                      cap->object.generation == flight->cap.object.generation &&
                      cap->kind == flight->cap.kind && cap->rights == flight->cap.rights,
                  "another capability came than was sent");
            expected.x[6] = answer.x[6];
        }
        take(flight, &expected);
    } else if (flight->waiter == self) {
        flight->waiter = TASK_NONE;
    }
    check(found == endpoint, "a handle leads elsewhere than before the wait");
    check(memcmp(&answer, &expected, sizeof(answer)) == 0, "wrong registers after a wait");
}

void storm_forget(unsigned index)
{
    for (unsigned i = 0; i < MAX_ENDPOINTS; i++) {
        if (storm.flights[i].waiter == index) {
            storm.flights[i].waiter = TASK_NONE;
        }
    }
}

void storm_notice_revoked(void)
{
    for (unsigned i = 0; i < MAX_ENDPOINTS; i++) {
        if (!cap_is_parked(&machine.core.caps, i)) {
            storm.flights[i].parked = false;
        }
    }
}
