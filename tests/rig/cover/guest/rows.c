/*
 * Rows of the line table that no line may be credited with: line 0, and one that starts no
 * statement. Built by clang, whose assembler writes rows of line 0 (that of GNU drops them).
 */
#include "cases.h"

#define TEXT_OF(what) #what
#define TEXT(what)    TEXT_OF(what)
/* The branch is of line 0. */
#define LINE_0_ROW __asm__ volatile("nop\n\t.loc 0 0\n\tcbz xzr, 1f\n\tnop\n1:")
/* A row of line 2, a comment. */
#define NO_STATEMENT_ROW                                                                           \
    __asm__ volatile(                                                                              \
        "nop\n\t.loc 0 2 0 is_stmt 0\n\tnop\n\t.loc 0 " TEXT(__LINE__) " 0 is_stmt 1\n\tnop")

int odd_rows(int x)   // cover: hit 1; function: odd_rows 1
{                     // cover: hit 1
    LINE_0_ROW;       // cover: hit 1
    x++;              // cover: hit 1
    NO_STATEMENT_ROW; // cover: hit 1
    return x;         // cover: hit 1
}
