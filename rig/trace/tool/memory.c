#include "memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exit_code.h"

static void *or_end(void *memory)
{
    if (memory == NULL) {
        fputs("rig-trace: out of memory\n", stderr);
        exit(EXIT_NOT_JUDGED);
    }
    return memory;
}

void *memory_get(size_t count, size_t size)
{
    return or_end(calloc(count == 0 ? 1 : count, size));
}

void *memory_grow(void *items, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity) {
        return items;
    }
    *capacity = *capacity == 0 ? 64 : *capacity * 2;
    return or_end(reallocarray(items, *capacity, size));
}

char *memory_text(const char *text)
{
    return or_end(strdup(text));
}
