/* A unit of which nothing runs: it is in the image, so it shows, and shows as never executed. */
#include "cases.h"

static int unused_part(int x) // cover: miss; function: unused_part 0
{                             // cover: miss
    while (x > 3)             // cover: miss; branch: never
        x -= 2;               // cover: miss
    return x;                 // cover: miss
} // cover: miss

int unused_entry(int value)    // cover: miss; function: unused_entry 0
{                              // cover: miss
    return unused_part(value); // cover: miss
} // cover: miss
