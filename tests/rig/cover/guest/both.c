/* Runs low with the MMU off and on, and high with it on: its counts add up. */
#include <stdint.h>

int both_sides(int x);

int both_sides(int x)           // cover: hit 7; function: both_sides 7
{                               // cover: hit 7
    int result = 0;             // cover: hit 7
    if (x == 1)                 // cover: hit 7; branch: both
        result = 1;             // cover: hit 2
    if (x == 4)                 // cover: hit 7; branch: both
        result = 4;             // cover: hit 1
    for (int i = 0; i < x; i++) // cover: hit 13; branch: both
        result++;               // cover: hit 6
    return result;              // cover: hit 7
} // cover: hit 7
