/* Collecting the runs of rig_walk_range, for the range tests. */
#ifndef WALK_RUNS_H
#define WALK_RUNS_H

#include "fake.h"

#define RUNS_MAX 8192

struct runs {
    struct rig_walk_run run[RUNS_MAX];
    size_t count;
    size_t stop_after; /* 0: never */
};

/* A collector in static storage, emptied. */
struct runs *runs_new(void);
int runs_collect(void *user, const struct rig_walk_run *run);

/*
 * The runs of [first, last]; asserts that they cover it without gap or overlap, in order, and that
 * no two neighbours could have been one.
 */
struct runs *runs_of(struct fake *fake, const struct rig_walk_regs *regs, uint64_t first,
                     uint64_t last);

/* True when the single-address result says the same about va as the run does. */
bool run_agrees(const struct rig_walk_run *run, const struct rig_walk_result *result);

#endif
