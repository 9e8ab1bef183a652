/* Two processors run the same function; a processor that waits does so an unknown number of times. */

    .section .text.start, "ax"
    .globl _start
    .type _start, %function
_start: // function: _start 1
    movz x0, #0xc400, lsl #16 // cover: hit 1
    movk x0, #3 // cover: hit 1
    mov x1, #1 // cover: hit 1
    adr x2, second_cpu // cover: hit 1
    mov x3, #0 // cover: hit 1
    hvc #0 // cover: hit 1
    cbnz x0, power_off // cover: hit 1; branch: not-taken
    mov x0, #100 // cover: hit 1
    bl shared_work // cover: hit 1
    adrp x1, second_done // cover: hit 1
    add x1, x1, :lo12:second_done // cover: hit 1
1:  ldar x0, [x1] // cover: hit
    cbz x0, 1b // cover: hit; branch: some
power_off:
    movz x0, #0x8400, lsl #16 // cover: hit 1
    movk x0, #8 // cover: hit 1
    hvc #0 // cover: hit 1
    b . // cover: miss
    .size _start, . - _start

    .type second_cpu, %function
second_cpu: // function: second_cpu 1
    mov x0, #50 // cover: hit 1
    bl shared_work // cover: hit 1
    adrp x1, second_done // cover: hit 1
    add x1, x1, :lo12:second_done // cover: hit 1
    mov x0, #1 // cover: hit 1
    stlr x0, [x1] // cover: hit 1
    movz x0, #0x8400, lsl #16 // cover: hit 1
    movk x0, #2 // cover: hit 1
    hvc #0 // cover: hit 1
    b . // cover: miss
    .size second_cpu, . - second_cpu

/* x0 rounds. */
    .type shared_work, %function
shared_work: // function: shared_work 2
    mov x1, #0 // cover: hit 2
1:  add x1, x1, x0 // cover: hit 150
    subs x0, x0, #1 // cover: hit 150
    b.ne 1b // cover: hit 150; branch: both
    ret // cover: hit 2
    .size shared_work, . - shared_work

    .section .bss, "aw", %nobits
    .balign 16
second_done:
    .skip 8
