/*
 * The only conversions between physical and kernel virtual addresses.
 *
 * One linear offset serves the image and the direct map alike (SYSTEM.md section 2): VA = offset +
 * PA. The offset belongs to the CPU port and comes from <tyrne/hal/offset.h>; it is 0 on the host.
 */
#ifndef TYRNE_ADDRESS_H
#define TYRNE_ADDRESS_H

#include <tyrne/types.h>

/* First physical address outside the window that the linear offset covers: 4 GiB. */
#define KERNEL_PA_WINDOW_END 0x100000000ULL

/*
 * The kernel's virtual address of physical address `pa`.
 * `pa` must lie below KERNEL_PA_WINDOW_END; anything else stops the kernel in every build.
 */
vaddr_t phys_to_kernel_va(paddr_t pa);

/*
 * The physical address behind kernel virtual address `va`.
 * `va` must lie within offset .. offset + KERNEL_PA_WINDOW_END; anything else stops the kernel.
 */
paddr_t kernel_va_to_phys(vaddr_t va);

#endif
