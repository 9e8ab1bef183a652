/* The CPU port's linear offset, as the portable core sees it. */
#ifndef TYRNE_HAL_OFFSET_H
#define TYRNE_HAL_OFFSET_H

#include <arch/layout.h>

#define HAL_KERNEL_OFFSET KERNEL_HIGH_HALF_OFFSET

#endif
