/* A seeded run: random numbers that are the same on every C library, and failures with the seed. */
#ifndef TESTS_MM_SEEDED_H
#define TESTS_MM_SEEDED_H

#include "cmocka_includes.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>

struct seeded {
    uint64_t seed;
    uint64_t steps;
    uint64_t step;
    uint64_t state;
};

/* Arguments: seed, number of steps; the defaults for what is missing. */
static inline void seeded_start(struct seeded *run, int argc, char **argv, uint64_t steps)
{
    run->seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
    run->steps = argc > 2 ? strtoull(argv[2], NULL, 0) : steps;
    run->step = 0;
    run->state = (run->seed + 1) * UINT64_C(0x9E3779B97F4A7C15) | 1U;
}

/* xorshift64* */
static inline uint64_t seeded_next(struct seeded *run)
{
    run->state ^= run->state >> 12;
    run->state ^= run->state << 25;
    run->state ^= run->state >> 27;
    return run->state * UINT64_C(0x2545F4914F6CDD1D) >> 8;
}

/* 0 to `end` - 1. */
static inline uint32_t seeded_below(struct seeded *run, uint32_t end)
{
    return (uint32_t)(seeded_next(run) % end);
}

static inline bool seeded_chance(struct seeded *run, uint32_t percent)
{
    return seeded_below(run, 100) < percent;
}

static inline void seeded_check(const struct seeded *run, bool holds, const char *what)
{
    if (!holds) {
        fail_msg("seed %" PRIu64 ", step %" PRIu64 ": %s", run->seed, run->step, what);
    }
}

#endif
