/* The guest's RAM as the host writes it: the fixed areas of layout.h and a heap. */
#ifndef WALK_IMAGE_H
#define WALK_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "layout.h"

struct image {
    unsigned char *bytes; /* LAYOUT_RAM_SIZE of them */
    uint64_t heap;        /* PA of what is free */
};

/* An image with its fixed areas filled, in bytes that were all zero. */
struct image image_start(unsigned char *bytes);

/* PA of size bytes, aligned; exits with 2 when RAM is full. */
uint64_t image_take(struct image *image, uint64_t size, uint64_t alignment);

bool image_has(uint64_t pa, uint64_t size);

/* Where pa is; pa must be in RAM. */
void *image_at(const struct image *image, uint64_t pa);

static inline struct layout_header *image_header(const struct image *image)
{
    return image_at(image, LAYOUT_HEADER_PA);
}

static inline struct layout_scenario *image_scenario(const struct image *image, uint64_t index)
{
    return (struct layout_scenario *)image_at(image, image_header(image)->scenarios_pa) + index;
}

static inline struct layout_probe *
image_probe(const struct image *image, const struct layout_scenario *scenario, uint64_t index)
{
    return (struct layout_probe *)image_at(image, scenario->probes_pa) + index;
}

uint64_t image_read(const struct image *image, uint64_t pa);
void image_write(struct image *image, uint64_t pa, uint64_t value);

#endif
