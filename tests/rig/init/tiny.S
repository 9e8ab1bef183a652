/*
 * A tiny guest for the tests of rig init: one line on the console, the MMU never on. One macro says
 * what becomes of it: TINY_OFF ends the run, TINY_SLEEPS sleeps for good, TINY_FAULTS dies at once,
 * TINY_SILENT prints nothing, TINY_LATE writes VBAR_EL1 long after it has printed; without one it
 * loops for ever.
 */
    .section .text, "ax"
    .globl _start
_start:
#ifdef TINY_FAULTS
    mov x1, #1
    lsl x1, x1, #60
    ldr x1, [x1]
#endif
    mov x2, #0x09000000
    mov w1, #0x301
    str w1, [x2, #0x30]
    adr x0, hello
#ifdef TINY_SILENT
    b 2f
#endif
1:  ldrb w1, [x0], #1
    cbz w1, 2f
    str w1, [x2]
    b 1b
2:
#if defined(TINY_SLEEPS)
    wfi
    b 2b
#elif defined(TINY_OFF)
    movz x0, #0x8400, lsl #16
    movk x0, #8
    hvc #0
#elif defined(TINY_LATE)
    mov x3, #0x20000
3:  subs x3, x3, #1
    b.ne 3b
    msr vbar_el1, x2
    isb
4:  b 4b
#else
    b 2b
#endif
    .section .rodata, "a"
hello:
    .asciz "tiny: hello\n"
