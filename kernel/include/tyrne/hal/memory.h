/* HAL: bulk operations on memory. */
#ifndef TYRNE_HAL_MEMORY_H
#define TYRNE_HAL_MEMORY_H

#include <stddef.h>

/* Fill the PAGE_SIZE bytes at `page` (aligned to PAGE_SIZE, normal memory, caches on) with zeros.
 */
void hal_zero_page(void *page);

/*
 * The `length` bytes at `start` were written and will be executed through another alias: nothing
 * older can be fetched there any more when this returns.
 */
void hal_sync_code(const void *start, size_t length);

#endif
