/*
 * A small guest for the tests of `rig mutate`: each verdict has an instruction here. It enters at EL1
 * with everything off and masked, sets a stack and vectors, takes one SVC, writes a few registers,
 * prints a line and powers off.
 */
#define UART_DR 0x09000000
#define UART_CR 0x30
#define UART_CR_ENABLE 0x301

    .section .text, "ax"
    .globl _start
    .type _start, %function
_start:
    /* Dropped, the pack's checkpoint breaks: killed by an error. */
    adrp x0, stack_top
    add x0, x0, :lo12:stack_top
    mov sp, x0
    adrp x0, vectors
    add x0, x0, :lo12:vectors
    msr vbar_el1, x0
    /* Dropped, the SVC makes up for it: a habit, killed by a note. */
    isb
    svc #0
    bl quiet
    bl watched
    mov x2, #UART_DR
    mov w1, #UART_CR_ENABLE
    str w1, [x2, #UART_CR]
    adrp x0, hello
    add x0, x0, :lo12:hello
1:  ldrb w1, [x0], #1
    cbz w1, power_off
    str w1, [x2]
    b 1b
    .globl power_off
power_off:
    movz x0, #0x8400, lsl #16
    movk x0, #8
    hvc #0
halt:
    wfi
    b halt
    .size _start, . - _start

/* Nothing of this is looked at: what is changed here survives, and the review may say why. */
    .globl quiet
    .type quiet, %function
quiet:
    mov x1, #5
    msr tpidr_el0, x1 // SURVIVES
    mov x1, #0
    msr ttbr0_el1, x1
    ret
    .size quiet, . - quiet

/* Dropped, the loop does not end. */
    .globl watched
    .type watched, %function
watched:
    mov x1, #1
    msr tpidr_el1, x1
1:  mrs x2, tpidr_el1
    cbz x2, 1b
    ret
    .size watched, . - watched

    .globl vectors
    .balign 2048
    .type vectors, %object
vectors:
    .rept 4
    .balign 128
    b vector_stop
    .endr
    .balign 128
    eret
    .rept 11
    .balign 128
    b vector_stop
    .endr
    .size vectors, . - vectors

    .globl vector_stop
    .type vector_stop, %function
vector_stop:
    b .
    .size vector_stop, . - vector_stop

    .section .rodata, "a"
hello:
    .asciz "small: hello\n"

    .section .bss, "aw", %nobits
    .balign 4096
    .skip 4096
    .globl stack_top
stack_top:
