/*
 * A small foreign guest for the rig's own tests: nothing of Tyrne is in it.
 *
 * It is linked where it runs (no alias), enters at EL1 with everything off, and then: masks DAIF,
 * sets a stack, installs vectors, zeroes a buffer through a callee (a loop worth running over),
 * turns the MMU on over an identity map of two 1 GiB blocks, prints two lines and powers off.
 * FOREIGN_DAIF_OPEN, FOREIGN_HANG, FOREIGN_STRAY_ABORT and FOREIGN_EXTRA_WRITE make broken guests.
 */
#define UART_DR 0x09000000
#define UART_CR 0x30
#define UART_CR_ENABLE 0x301
#define BLOCK_DEVICE ((1 << 54) | (1 << 53) | (1 << 10) | 0x1)
#define BLOCK_NORMAL ((1 << 54) | (3 << 8) | (1 << 10) | (1 << 2) | 0x1)

    .section .text, "ax"
    .globl _start
    .type _start, %function
_start:
    msr daifset, #0xf
    adrp x0, stack_top
    add x0, x0, :lo12:stack_top
    mov sp, x0
    adrp x0, vectors
    add x0, x0, :lo12:vectors
    msr vbar_el1, x0
    tlbi vmalle1
    dsb nsh
    isb
    bl zero_buffer

    /* Two 1 GiB blocks at level 1 (T0SZ = 25): devices, then RAM. */
    adrp x0, table
    add x0, x0, :lo12:table
    ldr x1, =BLOCK_DEVICE
    str x1, [x0]
    ldr x1, =BLOCK_NORMAL + 0x40000000
    str x1, [x0, #8]
    dsb sy
    ldr x1, =0xff00
    msr mair_el1, x1
    ldr x1, =(25 | (1 << 23) | (3 << 12) | (1 << 10) | (1 << 8))
    msr tcr_el1, x1
    msr ttbr0_el1, x0
    isb
#ifdef FOREIGN_EXTRA_WRITE
    mov x1, #3
    msr cntkctl_el1, x1
#endif
    .globl mmu_on_write
mmu_on_write:
    ldr x1, =0x30d01805
    msr sctlr_el1, x1
    isb
    .globl mmu_is_on
mmu_is_on:
#ifdef FOREIGN_DAIF_OPEN
    msr daifclr, #2
#endif
#ifdef FOREIGN_STRAY_ABORT
    movz x1, #0xdead, lsl #32
    ldr x1, [x1]
#endif
    mov x2, #UART_DR
    mov w1, #UART_CR_ENABLE
    str w1, [x2, #UART_CR]
    adrp x0, hello
    add x0, x0, :lo12:hello
    bl print
#ifdef FOREIGN_HANG
1:  nop
    b 1b
#endif
    adrp x0, bye
    add x0, x0, :lo12:bye
    bl print
    .globl power_off
power_off:
    movz x0, #0x8400, lsl #16
    movk x0, #8
    hvc #0
halt:
    wfi
    b halt
    .size _start, . - _start

    .globl print
    .type print, %function
print:
    stp x29, x30, [sp, #-16]!
    mov x29, sp
    mov x2, #UART_DR
1:  ldrb w1, [x0], #1
    cbz w1, 2f
    bl print_byte
    b 1b
2:  ldp x29, x30, [sp], #16
    ret
    .size print, . - print

    .type print_byte, %function
print_byte:
    str w1, [x2]
    ret
    .size print_byte, . - print_byte

    .globl zero_buffer
    .type zero_buffer, %function
zero_buffer:
    adrp x0, buffer
    add x0, x0, :lo12:buffer
    mov x1, #BUFFER_SIZE
1:  stp xzr, xzr, [x0], #16
    subs x1, x1, #16
    b.ne 1b
    ret
    .size zero_buffer, . - zero_buffer

    .globl vectors
    .balign 2048
    .type vectors, %object
vectors:
    .rept 16
    .balign 128
    b vector_stop
    .endr
    .size vectors, . - vectors

    .globl vector_stop
vector_stop:
    movz x0, #0x8400, lsl #16
    movk x0, #8
    hvc #0
    b .

    .section .rodata, "a"
hello:
    .asciz "foreign: mmu on\n"
bye:
    .asciz "foreign: bye\n"

    .section .bss, "aw", %nobits
    .globl table
    .balign 4096
    .type table, %object
table:
    .skip 4096
    .size table, . - table
    .type buffer, %object
buffer:
    .skip BUFFER_SIZE
    .size buffer, . - buffer
    .globl stack_bottom
    .balign 4096
stack_bottom:
    .skip 4096
    .globl stack_top
stack_top:
