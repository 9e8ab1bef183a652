/*
 * The memory functions that a freestanding compiler may call on its own (C11 5.1.2.1, GCC manual
 * "Standards"). Plain loops: this file is built so that the loops do not become calls to
 * themselves.
 */
#include <stddef.h>
#include <stdint.h>

void *memset(void *destination, int value, size_t length);
void *memcpy(void *restrict destination, const void *restrict source, size_t length);

void *memset(void *destination, int value, size_t length)
{
    unsigned char *bytes = destination;

    for (size_t i = 0; i < length; i++) {
        bytes[i] = (unsigned char)value;
    }
    return destination;
}

void *memcpy(void *restrict destination, const void *restrict source, size_t length)
{
    unsigned char *to = destination;
    const unsigned char *from = source;

    for (size_t i = 0; i < length; i++) {
        to[i] = from[i];
    }
    return destination;
}
