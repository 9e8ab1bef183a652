/* What the program knows about the handles that it has, had or makes up. */
#include "fuzz.h"

#include <tyrne/abi/syscall.h>
#include <tyrne/capability.h>

static unsigned index_of(uint64_t handle)
{
    return (unsigned)(handle & 0xFFFFU);
}

static bool malformed(uint64_t handle)
{
    return handle >> 48 != 0 || index_of(handle) >= HANDLE_SLOTS;
}

static uint64_t pick_held(struct fuzzer *fuzzer)
{
    unsigned first = (unsigned)fuzz_below(&fuzzer->random, HANDLE_SLOTS);

    for (unsigned i = 0; i < HANDLE_SLOTS; i++) {
        const struct known *known = &fuzzer->known[(first + i) % HANDLE_SLOTS];

        if (known->held) {
            return known->handle;
        }
    }
    return fuzz_below(&fuzzer->random, 8);
}

uint64_t handle_pick(struct fuzzer *fuzzer)
{
    unsigned index = (unsigned)fuzz_below(&fuzzer->random, HANDLE_SLOTS);

    switch (fuzz_below(&fuzzer->random, 16)) {
    case 0:
        return ABI_NULL_HANDLE;
    case 1:
        return ABI_HANDLE_CONSOLE;
    case 2:
    case 3:
        return FUZZ_HANDLE_HOME;
    case 4:
        return fuzz_below(&fuzzer->random, 4) << 16 | index;
    case 5:
        /* A generation off by a power of two, or by a carry into what must be zero. */
        return fuzzer->known[index].handle + (1ULL << (16U + fuzz_below(&fuzzer->random, 48)));
    case 6:
        return fuzzer->known[index].handle;
    case 7:
        return pick_held(fuzzer) | 1ULL << (6U + fuzz_below(&fuzzer->random, 10));
    case 8:
        return fuzz_below(&fuzzer->random, 24);
    case 9:
        return value_pick(fuzzer);
    default:
        return pick_held(fuzzer);
    }
}

struct guess handle_guess(const struct fuzzer *fuzzer, uint64_t handle)
{
    const struct known *known;

    if (malformed(handle)) {
        return (struct guess){.state = HANDLE_NOTHING};
    }
    if (handle == ABI_HANDLE_CONSOLE) {
        return (struct guess){HANDLE_CERTAIN, CAP_KIND_DEBUG_CONSOLE, CAP_RIGHT_CONSOLE_WRITE};
    }
    if (handle == FUZZ_HANDLE_HOME) {
        return (struct guess){HANDLE_CERTAIN, CAP_KIND_ENDPOINT, CAP_RIGHT_SEND | CAP_RIGHT_RECV};
    }
    known = &fuzzer->known[index_of(handle)];
    if (handle < known->handle || (handle == known->handle && !known->held)) {
        return (struct guess){.state = HANDLE_NOTHING};
    }
    if (handle == known->handle && known->kind != CAP_KIND_NONE) {
        return (struct guess){HANDLE_REVOCABLE, known->kind, known->rights};
    }
    return (struct guess){.state = HANDLE_UNKNOWN};
}

void handle_came(struct fuzzer *fuzzer, uint64_t handle, uint64_t label)
{
    struct known *known = &fuzzer->known[index_of(handle) % HANDLE_SLOTS];

    if (malformed(handle) || handle <= known->handle || handle == FUZZ_HANDLE_HOME) {
        violate(fuzzer, VIOLATION_HANDLE, 6, known->handle, handle);
    }
    *known = (struct known){.handle = handle,
                            .held = true,
                            .kind = (uint8_t)fuzz_label_kind(label),
                            .rights = (uint8_t)fuzz_label_rights(label)};
}

void handle_went(struct fuzzer *fuzzer, uint64_t handle)
{
    struct known *known = &fuzzer->known[index_of(handle) % HANDLE_SLOTS];

    /* A guess that was right says as much as a handle that came. */
    if (handle >= known->handle) {
        *known = (struct known){.handle = handle};
    }
}
