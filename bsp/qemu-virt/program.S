/* The user program that this image carries, raw (SYSTEM.md section 6, "Loader"). */
#include <arch/layout.h>

    .section .rodata.program, "a"
    .balign LAYOUT_PAGE_SIZE
    .globl  board_program_start
board_program_start:
    .incbin TYRNE_PROGRAM
    .globl  board_program_end
board_program_end:
