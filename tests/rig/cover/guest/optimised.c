/*
 * Built with -O2: statements are moved and merged, rows that are no statements appear. The lines
 * that call markers keep code that no compiler may drop or double; only they have an expectation.
 */
#include "cases.h"

static volatile int marked;

static NOINLINE void mark(int what) // function: mark 15
{
    marked = what;
    __asm__ volatile("" ::: "memory");
}

static inline int doubled(int x) // function: doubled 4
{
    mark(x); // cover: hit 4
    return 2 * x;
}

/* A branch in a macro belongs to the line that uses the macro. */
#define never_equal() __asm__ volatile("cmp xzr, xzr\n\tb.ne 1f\n\tnop\n1:" ::: "cc")

static NOINLINE int folded(int x) // function: folded 4
{
    if (x > 2)
        mark(1); // cover: hit 2
    else
        mark(2); // cover: hit 2
    if (x > 100)
        mark(3); // cover: miss
    return x;
}

int optimised(int steps) // function: optimised 1
{
    int sum = 0;
    for (int i = 1; i <= steps; i++) {
        mark(i);          // cover: hit 4
        sum += folded(i); // cover: hit 4
        sum += doubled(i);
    }
    if (sum == 0) {
        mark(9); // cover: miss
        return 0;
    }
    mark(10);      // cover: hit 1
    mark(11);      // cover: hit 1
    never_equal(); // cover: hit 1; branch: not-taken
    mark(12);      // cover: hit 1
    return sum;
}
