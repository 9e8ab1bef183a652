/* HAL: bulk operations on memory. */
#ifndef TYRNE_HAL_MEMORY_H
#define TYRNE_HAL_MEMORY_H

/* Fill the PAGE_SIZE bytes at `page` (aligned to PAGE_SIZE, normal memory, caches on) with zeros.
 */
void hal_zero_page(void *page);

#endif
