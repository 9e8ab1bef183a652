/*
 * A guest that takes interrupts, for the rig's own tests: the MMU stays off, GICv2, virtual timer.
 *
 * It enters at EL1, masks DAIF, sets a stack and vectors, sets up the GIC for the virtual timer (PPI
 * 27), arms a deadline, opens IRQs and sleeps in WFI; the handler acknowledges, turns the timer off,
 * ends the interrupt and returns. A second deadline comes while a long loop counts, a third wakes a
 * WFI with IRQs masked and is taken when they are opened. Then it prints a line and powers off.
 *
 * Guests broken on purpose: IRQ_EARLY_UNMASK opens IRQs before anything is ready; IRQ_UNARMED arms
 * no first deadline and sleeps for ever; IRQ_EXTRA takes one interrupt more at the end; IRQ_CANCELLED
 * turns the first deadline off instead of sleeping; IRQ_DEAF arms it, but the GIC does not forward it.
 */
#define GICD 0x08000000
#define GICC 0x08010000
#define UART 0x09000000
#define TIMER_INTID 27
#define SOON 2000      /* ticks of 16 ns, that is 16 instructions each under -icount shift=0 */
#define IN_THE_LOOP 200
#define LOOP_TURNS 20000

    .macro arm_timer ticks
    mrs x1, cntvct_el0
    add x1, x1, #\ticks
    msr cntv_cval_el0, x1
    mov x1, #1
    msr cntv_ctl_el0, x1
    isb
    .endm

    .macro function name
    .globl \name
    .type \name, %function
\name:
    .endm

    .section .text, "ax"
function _start
    msr daifset, #0xf
#ifdef IRQ_EARLY_UNMASK
    msr daifclr, #2
#endif
    adrp x0, stack_top
    add x0, x0, :lo12:stack_top
    mov sp, x0
    adrp x0, vectors
    add x0, x0, :lo12:vectors
    msr vbar_el1, x0
    isb
    adrp x19, ticks_seen
    add x19, x19, :lo12:ticks_seen
    str xzr, [x19]

    /* GICv2: the distributor on, the timer's PPI enabled, the CPU interface on, no priority masked. */
    movz x2, #(GICD >> 16), lsl #16
    mov w1, #1
    str w1, [x2]
#ifndef IRQ_DEAF
    mov w1, #(1 << TIMER_INTID)
    str w1, [x2, #0x100]
#endif
    movz x2, #(GICC >> 16), lsl #16
    movk x2, #(GICC & 0xffff)
    mov w1, #0xff
    str w1, [x2, #4]
    mov w1, #1
    str w1, [x2]

    /* First: a deadline while the guest sleeps with IRQs open. */
#ifndef IRQ_UNARMED
    arm_timer SOON
#endif
    .globl opening
opening:
    msr daifclr, #2
    .globl sleeping
sleeping:
#ifdef IRQ_CANCELLED
    msr cntv_ctl_el0, xzr
#else
    wfi
#endif
    .globl woken
woken:

    /* Second: one that comes in the middle of a loop worth running over. */
    msr daifset, #2
    arm_timer IN_THE_LOOP
    mov x20, #LOOP_TURNS
    msr daifclr, #2
    .globl counting
counting:
    add x21, x21, #1
    subs x20, x20, #1
    b.ne counting
    .globl counted
counted:
    msr daifset, #2

    /* Third: a WFI wakes with IRQs masked; the interrupt is taken when they are opened. */
    arm_timer SOON
    wfi
    .globl woken_masked
woken_masked:
    msr daifclr, #2
    nop
    msr daifset, #2
#ifdef IRQ_EXTRA
    arm_timer 1
    msr daifclr, #2
    wfi
    msr daifset, #2
#endif
    .globl quiet
quiet:
    sevl
    wfe
    .globl behind_wfe
behind_wfe:
    yield
    bl print
    .globl power_off
power_off:
    movz x0, #0x8400, lsl #16
    movk x0, #8
    hvc #0
    b .
    .size _start, . - _start

function print
    movz x2, #(UART >> 16), lsl #16
    movz w1, #0x301
    str w1, [x2, #0x30]
    adrp x0, done
    add x0, x0, :lo12:done
1:  ldrb w1, [x0], #1
    cbz w1, 2f
    str w1, [x2]
    b 1b
2:  ret
    .size print, . - print

function on_irq
    stp x0, x1, [sp, #-32]!
    str x2, [sp, #16]
    movz x2, #(GICC >> 16), lsl #16
    movk x2, #(GICC & 0xffff)
    ldr w0, [x2, #0xc]
    msr cntv_ctl_el0, xzr
    isb
    ldr x1, [x19]
    add x1, x1, #1
    str x1, [x19]
    .globl before_eoi
before_eoi:
    str w0, [x2, #0x10]
    ldr x2, [sp, #16]
    ldp x0, x1, [sp], #32
    .globl returning
returning:
    eret
    .size on_irq, . - on_irq

    .globl vectors
    .balign 2048
    .type vectors, %object
vectors:
    .rept 5
    .balign 128
    b unexpected
    .endr
    .balign 128
    .globl irq_vector
irq_vector:
    b on_irq
    .rept 10
    .balign 128
    b unexpected
    .endr
    .size vectors, . - vectors

function unexpected
    movz x0, #0x8400, lsl #16
    movk x0, #8
    hvc #0
    b .
    .size unexpected, . - unexpected

    .section .rodata, "a"
done:
    .asciz "irq: done\n"

    .section .bss, "aw", %nobits
    .balign 4096
    .globl stack_bottom
stack_bottom:
    .skip 4096
    .globl stack_top
stack_top:
    .globl ticks_seen
    .type ticks_seen, %object
ticks_seen:
    .skip 8
    .size ticks_seen, . - ticks_seen
