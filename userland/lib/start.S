/*
 * The first page of every program: the entry at offset 0, and the image's header (docs/decisions/0008).
 * In: EL0, SP at the stack's end, every other register zero. Never returns: user_main()'s result is the
 * exit code.
 */
#include <tyrne/abi/syscall.h>

    .section .text.start, "ax"
    .globl  _start
    .type   _start, %function
_start:
    b       1f
    .balign 8
    .ascii  "TYRNEIMG"
    .word   __code_size
    .word   __data_end_offset
    .word   __bss_end_offset
    .word   0
1:  bl      user_main
    mov     x8, #SYSCALL_TASK_EXIT
    svc     #SYSCALL_SVC_IMMEDIATE
    b       .                           /* not reached: task_exit does not return */
    .size   _start, . - _start
