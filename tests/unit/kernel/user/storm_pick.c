#include "storm.h"

static uint64_t below(uint32_t end)
{
    return seeded_below(&storm.run, end);
}

static uint64_t any(void)
{
    return seeded_next(&storm.run) << 32 ^ seeded_next(&storm.run);
}

/* The handle of some capability of `self`; of an empty slot, if it has none. */
static uint64_t held(unsigned self)
{
    const struct cap_slot *slots = &machine.core.caps.slots[self * CAP_TABLE_SLOTS];
    unsigned count = machine_held(self);
    unsigned left = count == 0 ? 0 : (unsigned)below(count);
    unsigned at = 0;

    for (unsigned i = 0; i < CAP_TABLE_SLOTS && count != 0; i++) {
        if (slots[i].cap.kind != CAP_KIND_NONE) {
            at = i;
            if (left == 0) {
                break;
            }
            left--;
        }
    }
    return (uint64_t)slots[at].generation << 16 | at;
}

static uint64_t handle(unsigned self)
{
    switch (below(16)) {
    case 0:
        return UINT64_MAX;
    case 1:
        return below(80);
    case 2:
        return held(self) ^ 1ULL << below(64);
    case 3:
        return held((unsigned)below(MAX_TASKS)); /* somebody's */
    case 4:
        return any();
    default:
        return held(self);
    }
}

static uint64_t address(unsigned self)
{
    const struct user_layout *window = &machine.core.windows[self];
    const uint64_t edges[] = {
        window->image_va.value,     window->data_va.value,
        window->data_end_va.value,  window->stack_va.value,
        window->stack_end_va.value, storm.users[self].hole_va,
        0xFFFFFFFF40080000,         UINT64_MAX,
    };
    uint64_t edge = edges[below(sizeof(edges) / sizeof(edges[0]))];

    switch (below(4)) {
    case 0:
        return edge;
    case 1:
        return edge - below(16);
    case 2:
        return edge + below(2 * PAGE_SIZE);
    default:
        return below(8) == 0 ? any() : window->image_va.value + below(6 * PAGE_SIZE);
    }
}

static uint64_t length(unsigned self, uint64_t va)
{
    switch (below(8)) {
    case 0:
        return 0;
    case 1:
        return below(6 * PAGE_SIZE);
    case 2:
        return machine.core.windows[self].stack_end_va.value - va + below(3) - 1U;
    case 3:
        return 0 - va + below(3) - 1U;
    case 4:
        return below(4) == 0 ? any() : PAGE_SIZE;
    default:
        return below(64);
    }
}

static uint64_t number(void)
{
    static const uint64_t odd[] = {0,          6,          7,          0x100000001, 0x100000005,
                                   UINT64_MAX, 1ULL << 63, 0x80000004, 0x10004};
    uint64_t what = below(1000);

    if (what < 350) {
        return SYSCALL_SEND;
    }
    if (what < 650) {
        return SYSCALL_RECV;
    }
    if (what < 700) {
        return SYSCALL_TASK_YIELD;
    }
    if (what < 702) {
        return SYSCALL_TASK_EXIT;
    }
    if (what < 940) {
        return SYSCALL_CONSOLE_WRITE;
    }
    return below(2) == 0 ? any() : odd[below(sizeof(odd) / sizeof(odd[0]))];
}

void storm_pick(unsigned self, uint64_t *x)
{
    for (unsigned i = 0; i < 8; i++) {
        x[i] = any();
    }
    x[8] = number();
    x[0] = handle(self);
    if (x[8] == SYSCALL_SEND) {
        x[5] = below(2) == 0 ? UINT64_MAX : handle(self);
    } else if (x[8] == SYSCALL_CONSOLE_WRITE) {
        x[0] = below(4) == 0 ? x[0] : ABI_HANDLE_CONSOLE;
        x[1] = address(self);
        x[2] = length(self, x[1]);
    }
}
