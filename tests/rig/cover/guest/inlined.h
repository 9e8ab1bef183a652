/* Code of a header: credited to the header, once for all places it is inlined into. */
#ifndef COVER_INLINED_H
#define COVER_INLINED_H

static inline __attribute__((always_inline)) int
at_most(int x, int top) // cover: hit 2; function: at_most 2
{
    int result = x;   // cover: hit 1
    if (x > top)      // cover: hit 1; branch: one, one
        result = top; // cover: partial 1
    return result;    // cover: hit 1
}

#endif
