/*
 * The fuzzer's entry, and its one way into the kernel: every register is set before the SVC and stored
 * after it.
 */
#include "registers.h"
#include <tyrne/abi/syscall.h>

#define STACK_SIZE 8192

    .macro  address register, symbol
    adrp    \register, \symbol
    add     \register, \register, :lo12:\symbol
    .endm

    .macro  begin name
    .globl  \name
    .type   \name, %function
    .balign 4
\name:
    .endm

    .section .text.stub, "ax"

/*
 * The stack page is for the kernel side and for console_write; the program runs on a stack in .bss.
 * In: SP = end of the stack. Goes on in fuzz_main(that end), which does not return.
 */
    begin   user_main
    mov     x0, sp
    address x1, own_stack_top
    mov     sp, x1
    b       fuzz_main
    .size   user_main, . - user_main

/* x0 to x30 from fuzz_before. */
    .macro  load_before
    address x30, fuzz_before
    ldp     x0, x1, [x30, #REGISTERS_X(0)]
    ldp     x2, x3, [x30, #REGISTERS_X(2)]
    ldp     x4, x5, [x30, #REGISTERS_X(4)]
    ldp     x6, x7, [x30, #REGISTERS_X(6)]
    ldp     x8, x9, [x30, #REGISTERS_X(8)]
    ldp     x10, x11, [x30, #REGISTERS_X(10)]
    ldp     x12, x13, [x30, #REGISTERS_X(12)]
    ldp     x14, x15, [x30, #REGISTERS_X(14)]
    ldp     x16, x17, [x30, #REGISTERS_X(16)]
    ldp     x18, x19, [x30, #REGISTERS_X(18)]
    ldp     x20, x21, [x30, #REGISTERS_X(20)]
    ldp     x22, x23, [x30, #REGISTERS_X(22)]
    ldp     x24, x25, [x30, #REGISTERS_X(24)]
    ldp     x26, x27, [x30, #REGISTERS_X(26)]
    ldp     x28, x29, [x30, #REGISTERS_X(28)]
    ldr     x30, [x30, #REGISTERS_X(30)]
    .endm

/* x0 to x30 to the record at `base`, which the call must have kept; then on to store_rest. */
    .macro  store_after base
    stp     x0, x1, [\base, #REGISTERS_X(0)]
    stp     x2, x3, [\base, #REGISTERS_X(2)]
    stp     x4, x5, [\base, #REGISTERS_X(4)]
    stp     x6, x7, [\base, #REGISTERS_X(6)]
    stp     x8, x9, [\base, #REGISTERS_X(8)]
    stp     x10, x11, [\base, #REGISTERS_X(10)]
    stp     x12, x13, [\base, #REGISTERS_X(12)]
    stp     x14, x15, [\base, #REGISTERS_X(14)]
    stp     x16, x17, [\base, #REGISTERS_X(16)]
    stp     x18, x19, [\base, #REGISTERS_X(18)]
    stp     x20, x21, [\base, #REGISTERS_X(20)]
    stp     x22, x23, [\base, #REGISTERS_X(22)]
    stp     x24, x25, [\base, #REGISTERS_X(24)]
    stp     x26, x27, [\base, #REGISTERS_X(26)]
    stp     x28, x29, [\base, #REGISTERS_X(28)]
    str     x30, [\base, #REGISTERS_X(30)]
    b       store_rest
    .endm

/* In: w0 base_is_sp. Keeps what a C function keeps. */
    begin   fuzz_call
    stp     x29, x30, [sp, #-96]!
    stp     x19, x20, [sp, #16]
    stp     x21, x22, [sp, #32]
    stp     x23, x24, [sp, #48]
    stp     x25, x26, [sp, #64]
    stp     x27, x28, [sp, #80]
    address x30, caller_sp
    mov     x1, sp
    str     x1, [x30]
    address x30, fuzz_before
    ldr     x1, [x30, #REGISTERS_NZCV]
    msr     nzcv, x1
    ldr     x1, [x30, #REGISTERS_TPIDR]
    msr     tpidr_el0, x1
    ldr     x1, [x30, #REGISTERS_SP]
    mov     sp, x1                      /* any value: nothing uses it before the SVC */
    tbz     w0, #0, 1f
    load_before
    svc     #SYSCALL_SVC_IMMEDIATE
    store_after sp
1:  load_before
    svc     #SYSCALL_SVC_IMMEDIATE
    store_after x29

/* SP, NZCV and TPIDR_EL0 to fuzz_after, and back to the caller; only the PC need be as it was. */
store_rest:
    address x0, fuzz_after
    mov     x1, sp
    str     x1, [x0, #REGISTERS_SP]
    mrs     x1, nzcv
    str     x1, [x0, #REGISTERS_NZCV]
    mrs     x1, tpidr_el0
    str     x1, [x0, #REGISTERS_TPIDR]
    address x0, caller_sp
    ldr     x0, [x0]
    mov     sp, x0
    ldp     x19, x20, [sp, #16]
    ldp     x21, x22, [sp, #32]
    ldp     x23, x24, [sp, #48]
    ldp     x25, x26, [sp, #64]
    ldp     x27, x28, [sp, #80]
    ldp     x29, x30, [sp], #96
    ret
    .size   fuzz_call, . - fuzz_call

    .section .rodata.fuzz_letters, "a"
    .globl  fuzz_letters, fuzz_letters_end
fuzz_letters:
    .rept   800
    .ascii  "~^|{}`"
    .endr
fuzz_letters_end:

    .section .bss.stub, "aw", %nobits
    .balign 16
    .globl  fuzz_before, fuzz_after
fuzz_before:
    .skip   REGISTERS_SIZE
fuzz_after:
    .skip   REGISTERS_SIZE
caller_sp:
    .skip   16
    .skip   STACK_SIZE
own_stack_top:
