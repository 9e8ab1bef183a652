/* Collecting the runs of rig_walk_range. */
#include "runs.h"

#include <string.h>

struct runs *runs_new(void)
{
    static struct runs runs;

    memset(&runs, 0, sizeof(runs));
    return &runs;
}

int runs_collect(void *user, const struct rig_walk_run *run)
{
    struct runs *runs = user;

    assert_true(runs->count < RUNS_MAX);
    runs->run[runs->count++] = *run;
    return runs->stop_after != 0 && runs->count == runs->stop_after;
}

static bool could_be_one(const struct rig_walk_run *a, const struct rig_walk_run *b)
{
    return a->status == b->status && a->reason == b->reason && a->has_pa == b->has_pa &&
           memcmp(&a->attr, &b->attr, sizeof(a->attr)) == 0 &&
           (a->has_pa == 0 || a->pa + (b->first_va - a->first_va) == b->pa);
}

struct runs *runs_of(struct fake *fake, const struct rig_walk_regs *regs, uint64_t first,
                     uint64_t last)
{
    struct runs *runs = runs_new();

    fake->reads = 0;
    assert_int_equal(rig_walk_range(regs, fake_read, fake, first, last, runs_collect, runs, 0),
                     RIG_WALK_OK);
    assert_true(runs->count > 0);
    assert_int_equal(runs->run[0].first_va, first);
    assert_int_equal(runs->run[runs->count - 1].last_va, last);
    for (size_t i = 0; i < runs->count; i++) {
        assert_true(runs->run[i].first_va <= runs->run[i].last_va);
        if (i > 0) {
            assert_int_equal(runs->run[i].first_va, runs->run[i - 1].last_va + 1);
            assert_false(could_be_one(&runs->run[i - 1], &runs->run[i]));
        }
    }
    return runs;
}

bool run_agrees(const struct rig_walk_run *run, const struct rig_walk_result *result)
{
    return run->first_va <= result->va && result->va <= run->last_va &&
           run->status == result->status && run->reason == result->reason &&
           run->has_pa == result->has_pa && run->level_min <= result->level &&
           result->level <= run->level_max &&
           memcmp(&run->attr, &result->attr, sizeof(run->attr)) == 0 &&
           (run->has_pa == 0 ||
            (run->pa + (result->va - run->first_va) == result->pa &&
             run->smallest_leaf <= result->size && result->size <= run->largest_leaf));
}
