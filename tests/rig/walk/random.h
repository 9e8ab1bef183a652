/* A seeded sequence that is the same on every C library: xorshift64*. */
#ifndef WALK_RANDOM_H
#define WALK_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

struct random {
    uint64_t state;
};

static inline uint64_t random_next(struct random *random)
{
    random->state ^= random->state >> 12;
    random->state ^= random->state << 25;
    random->state ^= random->state >> 27;
    return random->state * UINT64_C(0x2545f4914f6cdd1d);
}

/* An own sequence for each (seed, index). */
static inline struct random random_start(uint64_t seed, uint64_t index)
{
    struct random random = {.state = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15) ^
                                     (index + 1) * UINT64_C(0xd1342543de82ef95)};

    random.state |= 1; /* never 0 */
    for (int i = 0; i < 8; i++) {
        (void)random_next(&random);
    }
    return random;
}

/* 0..bound-1. */
static inline uint64_t random_below(struct random *random, uint64_t bound)
{
    return (random_next(random) >> 11) % bound;
}

static inline bool random_percent(struct random *random, unsigned percent)
{
    return random_below(random, 100) < percent;
}

#endif
