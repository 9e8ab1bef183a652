/* Memory of a command. A command that runs out of it cannot judge: it says so and ends with 3. */
#ifndef RIG_TOOL_MEMORY_H
#define RIG_TOOL_MEMORY_H

#include <stddef.h>

/* Zeroed memory for `count` items of `size` bytes; never NULL. */
void *memory_get(size_t count, size_t size);

/* Room for item number `count` (from 0) in an array of `capacity` items; the array may move. */
void *memory_grow(void *items, size_t count, size_t *capacity, size_t size);

/* A copy of the text. */
char *memory_text(const char *text);

#endif
