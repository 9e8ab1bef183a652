/* A guest for the symbol tests: its addresses, sizes and lines are what test_cli.py asks for. */
    .globl _start
_start:
    b       touch

    .globl touch
    .type touch, %function
touch:
    ldr     x0, [x1]
    ret
    .size touch, . - touch

    .globl call
    .type call, %function
call:
    svc     #1
    .size call, . - call

    .globl tail
tail:
    nop
    .word   0           /* makes a "$d" mapping symbol, which is no name of a place */

    .data
    .globl block
    .type block, %object
block:
    .quad   0
    .globl table
    .type table, %object
table:                  /* inside `block` */
    .quad   0, 0
    .size table, . - table
    .quad   0
    .size block, . - block
