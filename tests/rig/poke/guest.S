/*
 * Stores VALUE into `word` in several ways and prints a letter for each: f the word then had the
 * bit of FLIPPED wrong, k it was kept as stored, ? anything else. Then it turns the MMU on with the
 * table at `table`, stores a descriptor into the live table (LIVE), prints a letter for that, too,
 * and powers off.
 */
    .equ    VALUE, 0x0123456789abcdef
    .equ    FLIPPED, VALUE ^ (1 << BIT)
    .equ    NORMAL_BLOCK, 0x705         /* AF, inner shareable, AttrIndx 1, block */
    .equ    DEVICE_BLOCK, 0x401
    .equ    LIVE, 0x80000000 + NORMAL_BLOCK
    .equ    LIVE_FLIPPED, LIVE ^ (1 << BIT)

    .macro again
    str     xzr, [x19]
    .endm

    .global _start
_start:
    mov     x28, #0x09000000            /* the UART */
    ldr     x19, =word
    ldr     x20, =VALUE
    ldr     x21, =FLIPPED
    bl      say                         /* as the image has it */
    again
    str     x20, [x19]
    bl      say
    again
    lsr     x1, x20, #32
    str     w20, [x19]
    str     w1, [x19, #4]
    bl      say
    again
    stp     x20, x20, [x19]
    bl      say
    again
    mov     x1, x20
    mov     x2, #0
bytes:
    strb    w1, [x19, x2]
    lsr     x1, x1, #8
    add     x2, x2, #1
    cmp     x2, #8
    b.ne    bytes
    bl      say
    again
    ldxr    x1, [x19]
    stxr    w2, x20, [x19]
    bl      say
    str     x20, [x19, #8]              /* elsewhere: nothing becomes of it */
    add     x19, x19, #8
    bl      say

    ldr     x0, =table
    msr     ttbr0_el1, x0
    ldr     x0, =0x80803519             /* 39 bits from TTBR0 alone, 4 KiB granule */
    orr     x0, x0, #1 << 32
    msr     tcr_el1, x0
    mov     x0, #0xff00
    msr     mair_el1, x0
    isb
    tlbi    vmalle1
    dsb     nsh
    isb
    mrs     x0, sctlr_el1
    orr     x0, x0, #1
    msr     sctlr_el1, x0
    isb
    ldr     x19, =table + 16
    ldr     x20, =LIVE
    ldr     x21, =LIVE_FLIPPED
    .global live_store
live_store:
    str     x20, [x19]
    bl      say
    mov     w0, #'\n'
    str     w0, [x28]
    movz    x0, #0x8400, lsl #16        /* PSCI SYSTEM_OFF */
    movk    x0, #8
    hvc     #0
    b       .

say:
    ldr     x0, [x19]
    mov     w1, #'?'
    mov     w2, #'k'
    mov     w3, #'f'
    cmp     x0, x20
    csel    w1, w2, w1, eq
    cmp     x0, x21
    csel    w1, w3, w1, eq
    str     w1, [x28]
    ret

    .data
    .balign 4096
table:
    .quad   DEVICE_BLOCK
    .quad   0x40000000 + NORMAL_BLOCK
    .skip   4096 - 16
    .global word
word:
    .quad   VALUE
    .quad   0
