/* The guest's RAM as the host writes it. */
#include "image.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A block of 1 GiB that maps the RAM to itself at offset 0x40000000 of a 39-bit half: AF,
 * read-only, executable at EL1, not at EL0, Attr7. */
#define GOOD_BLOCK (UINT64_C(0x40000000) | 1 | 7 << 2 | 2 << 6 | 1 << 10 | UINT64_C(1) << 54)

static void fill_words(struct image *image, uint64_t pa, uint64_t size, uint32_t instruction)
{
    uint32_t *words = image_at(image, pa);

    for (uint64_t i = 0; i < size / 4; i++) {
        words[i] = instruction | (uint32_t)(i & 0xffff) << 5;
    }
}

struct image image_start(unsigned char *bytes)
{
    enum { SVC = (int)0xd4000001, SMC = (int)0xd4000003 };
    struct image image = {.heap = LAYOUT_HEAP_PA};

    image.bytes = bytes;
    fill_words(&image, LAYOUT_VECTORS_PA, LAYOUT_VECTORS_SIZE, (uint32_t)SMC);
    fill_words(&image, LAYOUT_LANDING_PA, LAYOUT_LANDING_SIZE, (uint32_t)SVC);
    image_write(&image, LAYOUT_GOOD_PA + 8, GOOD_BLOCK);
    image_write(&image, LAYOUT_GOOD_PA + 0x1008, __builtin_bswap64(GOOD_BLOCK));
    return image;
}

bool image_has(uint64_t pa, uint64_t size)
{
    return pa >= LAYOUT_RAM_BASE && pa < (uint64_t)LAYOUT_RAM_BASE + LAYOUT_RAM_SIZE &&
           size <= (uint64_t)LAYOUT_RAM_BASE + LAYOUT_RAM_SIZE - pa;
}

void *image_at(const struct image *image, uint64_t pa)
{
    if (!image_has(pa, 8)) {
        (void)fprintf(stderr, "the guest's RAM has no 0x%llx\n", (unsigned long long)pa);
        exit(2);
    }
    return image->bytes + (pa - LAYOUT_RAM_BASE);
}

uint64_t image_take(struct image *image, uint64_t size, uint64_t alignment)
{
    uint64_t pa = (image->heap + alignment - 1) & ~(alignment - 1);

    if (!image_has(pa, size)) {
        (void)fprintf(stderr, "the guest's RAM is full: ask for fewer scenarios\n");
        exit(2);
    }
    image->heap = pa + size;
    return pa;
}

uint64_t image_read(const struct image *image, uint64_t pa)
{
    uint64_t value;

    memcpy(&value, image_at(image, pa), sizeof(value));
    return value;
}

void image_write(struct image *image, uint64_t pa, uint64_t value)
{
    memcpy(image_at(image, pa), &value, sizeof(value));
}
