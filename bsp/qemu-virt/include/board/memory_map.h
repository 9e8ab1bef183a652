/*
 * The QEMU virt board's physical memory, for C, the assembler and the linker script
 * (SYSTEM.md section 2; QEMU hw/arm/virt.c, `-M virt,gic-version=2`).
 */
#ifndef BOARD_MEMORY_MAP_H
#define BOARD_MEMORY_MAP_H

#include <arch/layout.h>

/* Device window: GICD, GICC, PL011 and what lies between. End exclusive. */
#define BOARD_DEVICES_PA     LAYOUT_U64(0x08000000)
#define BOARD_DEVICES_END_PA LAYOUT_U64(0x09200000)
#define BOARD_GICD_PA        LAYOUT_U64(0x08000000)
#define BOARD_GICC_PA        LAYOUT_U64(0x08010000)
#define BOARD_UART_PA        LAYOUT_U64(0x09000000)

/* RAM: fixed at 128 MiB; more is left unused. End exclusive. */
#define BOARD_RAM_PA     LAYOUT_U64(0x40000000)
#define BOARD_RAM_END_PA LAYOUT_U64(0x48000000)

/* Where the loader puts the image, and the end of the 2 MiB that the boot tables map by pages. */
#define BOARD_IMAGE_PA       LAYOUT_U64(0x40080000)
#define BOARD_IMAGE_LIMIT_PA LAYOUT_U64(0x40200000)

#endif
