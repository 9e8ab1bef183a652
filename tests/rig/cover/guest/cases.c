/*
 * One function for each shape of code, built without optimisation: every statement has code of its
 * own. The comments say what must be reported of their line (expectation.py has the grammar); a
 * line without one must not be reported at all.
 */
#include "cases.h"
#include "inlined.h"

#define NOWHERE 0x7f0000000000U
#define ADD_TWICE(to, what)                                                                        \
    do {                                                                                           \
        (to) += (what);                                                                            \
        (to) += (what);                                                                            \
    } while (0)

static int one_sided(int x) // cover: hit 2; function: one_sided 2
{                           // cover: hit 2
    int result = 0;         // cover: hit 2
    if (x > 100)            // cover: hit 2; branch: one
        result = 1;         // cover: miss
    return result;          // cover: hit 2
} // cover: hit 2

static int two_sided(int x) // cover: hit 3; function: two_sided 3
{                           // cover: hit 3
    int result;             // cover: none
    if (x & 1)              // cover: hit 3; branch: both
        result = 1;         // cover: hit 2
    else
        result = 2; // cover: hit 1
    return result;  // cover: hit 3
} // cover: hit 3

static int loops(void)          // cover: hit 1; function: loops 1
{                               // cover: hit 1
    int sum = 0;                // cover: hit 1
    for (int i = 0; i < 5; i++) // cover: hit 6; branch: both
        sum += i;               // cover: hit 5
    while (sum > 4)             // cover: hit 3; branch: both
        sum -= 3;               // cover: hit 2
    do {
        sum++;         // cover: hit 3
    } while (sum < 7); // cover: hit 3; branch: both
    while (sum > 100)  // cover: hit 1; branch: one
        sum--;         // cover: miss
    for (;; sum++)     // cover: hit 2
        if (sum == 9)  // cover: hit 3; branch: both
            break;     // cover: hit 1
    return sum;        // cover: hit 1
} // cover: hit 1

static int early_return(int x) // cover: hit 3; function: early_return 3
{                              // cover: hit 3
    if (x == 0)                // cover: hit 3; branch: both
        return -1;             // cover: hit 1
    x *= 2;                    // cover: hit 2
    return x;                  // cover: hit 2
} // cover: hit 3

static int left(int x) // cover: hit 2; function: left 2
{                      // cover: hit 2
    return x - 1;      // cover: hit 2
} // cover: hit 2

static int right(int x) // cover: miss; function: right 0
{                       // cover: miss
    return x + 1;       // cover: miss
} // cover: miss

static int choice(int x)           // cover: hit 2; function: choice 2
{                                  // cover: hit 2
    return x ? left(x) : right(x); // cover: partial 2; branch: one
} // cover: hit 2

static int on_one_line(int x) // cover: hit 2; function: on_one_line 2
{                             // cover: hit 2
    // clang-format off
    if (x > 50) x = right(x); // cover: partial 2; branch: one
    // clang-format on
    return x; // cover: hit 2
} // cover: hit 2

static int short_circuit(int x, int y) // cover: hit 2; function: short_circuit 2
{                                      // cover: hit 2
    if (x && y)                        // cover: hit 2; branch: both, one
        return 1;                      // cover: hit 1
    return 0;                          // cover: hit 1
} // cover: hit 2

static int selected(int x) // cover: hit 3; function: selected 3
{                          // cover: hit 3
    switch (x) {           // cover: hit 3; branch: both, one
    case 1:
        return 10; // cover: hit 2
    case 2:
        return 20; // cover: miss
    default:
        return 0; // cover: hit 1
    }
} // cover: hit 3

static int expanded(int x) // cover: hit 1; function: expanded 1
{                          // cover: hit 1
    ADD_TWICE(x, 3);       // cover: hit 1
    return x;              // cover: hit 1
} // cover: hit 1

static int inlines(void)        // cover: hit 1; function: inlines 1
{                               // cover: hit 1
    int low = at_most(3, 10);   // cover: hit 1
    int high = at_most(30, 10); // cover: hit 1
    return low + high;          // cover: hit 1
} // cover: hit 1

static uint64_t faults(void)                // cover: hit 1; function: faults 1
{                                           // cover: hit 1
    uint64_t value = 1;                     // cover: hit 1
    value += *(volatile uint64_t *)NOWHERE; // cover: partial 1
    value++;                                // cover: miss
    if (value > 3)                          // cover: miss; branch: never
        value = 0;                          // cover: miss
    return value;                           // cover: miss
} // cover: miss

static int calls_supervisor(int x)                     // cover: hit 1; function: calls_supervisor 1
{                                                      // cover: hit 1
    x++;                                               // cover: hit 1
    __asm__ volatile("svc #0" ::: "x14", "x15", "cc"); // cover: hit 1
    x++;                                               // cover: hit 1
    return x;                                          // cover: hit 1
} // cover: hit 1

static int never_called(int x) // cover: miss; function: never_called 0
{                              // cover: miss
    if (x)                     // cover: miss; branch: never
        return 1;              // cover: miss
    return 2;                  // cover: miss
} // cover: miss

/* Nobody refers to it, so the linker drops it: no trace of it may be left. */
int discarded(int x);
int discarded(int x)
{
    return x ? 1 : never_called(x);
}

/* Keeps in the image what the linker would otherwise drop. */
struct kept {
    int (*functions[3])(int);
    uint64_t (*assembly)(uint64_t);
};
volatile const struct kept kept = {{never_called, unused_entry, 0}, asm_never};

void run_cases(void)                   // cover: hit 1; function: run_cases 1
{                                      // cover: hit 1
    uint64_t sum = kept.assembly == 0; // cover: hit 1
    one_sided(1);                      // cover: hit 1
    one_sided(2);                      // cover: hit 1
    two_sided(1);                      // cover: hit 1
    two_sided(2);                      // cover: hit 1
    two_sided(3);                      // cover: hit 1
    loops();                           // cover: hit 1
    for (int i = 0; i < 3; i++)        // cover: hit 4; branch: both
        early_return(i);               // cover: hit 3
    choice(1);                         // cover: hit 1
    choice(2);                         // cover: hit 1
    on_one_line(1);                    // cover: hit 1
    on_one_line(2);                    // cover: hit 1
    short_circuit(0, 1);               // cover: hit 1
    short_circuit(1, 1);               // cover: hit 1
    selected(1);                       // cover: hit 1
    selected(1);                       // cover: hit 1
    selected(3);                       // cover: hit 1
    expanded(1);                       // cover: hit 1
    inlines();                         // cover: hit 1
    sum += call_guarded(faults);       // cover: hit 1
    calls_supervisor(1);               // cover: hit 1
    odd_rows(1);                       // cover: hit 1
    asm_branches();                    // cover: hit 1
    asm_branches();                    // cover: hit 1
    sum += call_guarded(asm_fault);    // cover: hit 1
    asm_retry();                       // cover: hit 1
    asm_literal();                     // cover: hit 1
    asm_middle();                      // cover: hit 1
    optimised(4);                      // cover: hit 1
    run_algorithm();                   // cover: hit 1
    if (sum != 2)                      // cover: hit 1; branch: one
        never_called(1);               // cover: miss
} // cover: hit 1
