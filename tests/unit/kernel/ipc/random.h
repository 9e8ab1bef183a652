/* Random numbers that are the same on every C library (xorshift64*). */
#ifndef TESTS_RANDOM_H
#define TESTS_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

static inline void random_seed(uint64_t *state, uint64_t seed)
{
    *state = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15) | 1U;
}

static inline uint64_t random_next(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(0x2545f4914f6cdd1d) >> 8;
}

/* 0 to `end` - 1. */
static inline unsigned random_below(uint64_t *state, unsigned end)
{
    return (unsigned)(random_next(state) % end);
}

static inline bool random_chance(uint64_t *state, unsigned percent)
{
    return random_below(state, 100) < percent;
}

#endif
