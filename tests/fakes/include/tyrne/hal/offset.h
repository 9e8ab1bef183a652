/* The host's linear offset: physical and kernel virtual addresses are the same. */
#ifndef TYRNE_HAL_OFFSET_H
#define TYRNE_HAL_OFFSET_H

#define HAL_KERNEL_OFFSET 0ULL

#endif
