/* A guest for the mapper's tests; tests find lines by the words behind "line:". */
typedef unsigned long word;

volatile word sink;

__attribute__((noinline)) void panic(void);
void panic(void)
{
    for (;;) {
        sink = 1;
    }
}

static inline word twice(word value)
{
    sink = value; /* line: inlined */
    return value * 2;
}

__attribute__((noinline)) void check(word value);
void check(word value)
{
    if (value > 4) { /* line: guard */
        panic();     /* line: never */
    }
    sink = twice(value); /* line: call */
}

void discarded(void);
void discarded(void)
{
    sink = 5; /* line: discarded */
}

void _start(word value);
void _start(word value)
{
    sink = 3; /* line: first */
    check(value);
    if (value == 2) { /* line: choice */
        sink = 7;     /* line: chosen */
    }
    for (;;) {
    }
}
