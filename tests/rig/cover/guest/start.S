/*
 * Entry of the guest that runs with the MMU off: a stack, vectors, the cases, power off.
 *
 * `cover:` comments are the truth that the test compares with, line by line; expectation.py has
 * their grammar.
 */
    .section .text.start, "ax"
    .globl _start
    .type _start, %function
_start: // function: _start 1
    adrp x0, stack_top // cover: hit 1
    add x0, x0, :lo12:stack_top // cover: hit 1
    mov sp, x0 // cover: hit 1
    adrp x0, vectors // cover: hit 1
    add x0, x0, :lo12:vectors // cover: hit 1
    msr vbar_el1, x0 // cover: hit 1
    isb // cover: hit 1
#ifdef OTHER_BUILD
    nop
#endif
    bl run_cases // cover: hit 1
    movz x0, #0x8400, lsl #16 // cover: hit 1
    movk x0, #8 // cover: hit 1
    hvc #0 // cover: hit 1
    b . // cover: miss
    .size _start, . - _start

    .section .bss, "aw", %nobits
    .balign 4096
    .skip 4096
    .globl stack_top
stack_top:
