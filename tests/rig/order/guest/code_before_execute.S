/* code-before-execute: instructions stored, and what has to come before they may run. */
#include "skeleton.S"

    .text
    .globl  scene
scene:
    ldr     x0, =code_page
    ldr     x1, new_code

/* With caches on, all of it. The old code ran before. */
#ifdef SCENE_caches_on
    bl      mmu_on
    blr     x0
    ldr     x0, =code_page
write:
    str     w1, [x0]
    step dc, dc cvau, x0
    step dsb_dc, dsb ish
    step ic, ic ivau, x0
    step dsb_ic, dsb ish
    step isb, isb
    blr     x0
    b       finish
#endif

/* ERET as the CSE: to EL1 here. */
#ifdef SCENE_exception_return
    bl      mmu_on
    mov     x15, #SPSR_EL1H
    msr     elr_el1, x0
    msr     spsr_el1, x15
    adr     x30, finish
write:
    str     w1, [x0]
    dc      cvau, x0
    dsb     ish
    step ic, ic iallu
    step dsb_ic, dsb ish
    eret
#endif

/* Two lines, of which the loop must not forget one. */
#ifdef SCENE_two_lines
    bl      mmu_on
    ldr     x2, =code_other
write_first:
    str     w1, [x0]
write:
    str     w1, [x2]
    dc      cvau, x0
    step dc, dc cvau, x2
    dsb     ish
    ic      ivau, x0
    step ic, ic ivau, x2
    dsb     ish
    isb
    blr     x0
    ldr     x2, =code_other
    blr     x2
    b       finish
#endif

/* Caches and instruction cache off: the store has to be there, and nothing fetched before it. */
#ifdef SCENE_caches_off
    step before, blr x0
    ldr     x0, =code_page
write:
    str     w1, [x0]
    step dsb, dsb sy
    step isb, isb
    blr     x0
    b       finish
#endif

/* The emulator loaded this code, and what is stored is beside it. */
#ifdef SCENE_loaded
    bl      mmu_on
    ldr     x2, =code_other
    mov     x3, x0
    str     w1, [x2, #128]
    blr     x2
    blr     x3
    b       finish
#endif

/* Another CPU runs it: it needs a CSE of its own. */
#ifdef SCENE_other_cpu
    bl      mmu_on
    mov     x19, x0
    mov     x18, x1
    movz    x0, #0xc400, lsl #16        /* PSCI CPU_ON */
    movk    x0, #3
    mov     x1, #1
    adr     x2, second
    hvc     #0
    ldr     x3, =page_a
    ldr     x4, =page_b
1:  yield
    ldar    x2, [x3]                    /* the other CPU is in its loop */
    cbnz    x2, 1b
write:
    str     w18, [x19]
    step dc, dc cvau, x19
    dsb     ish
    step ic, ic ivau, x19
    step dsb_ic, dsb ish
    stlr    xzr, [x4]
1:  yield
    ldar    x2, [x3]
    cbz     x2, 1b
    b       finish
second:
    ldr     x20, =MAIR_VALUE
    ldr     x21, =TCR_VALUE
    ldr     x22, =l1
    ldr     x23, =l1_high
    ldr     x24, =SCTLR_VALUE
    ldr     x3, =page_a
    ldr     x4, =page_b
    ldr     x0, =code_page
    bl      mmu_on
    stlr    xzr, [x3]
1:  yield
    ldar    x2, [x4]
    cbnz    x2, 1b
    step isb, isb
    blr     x0
    mov     x2, #1
    ldr     x3, =page_a
    stlr    x2, [x3]
2:  yield
    b       2b
#endif
    .ltorg
new_code:
    mov     x0, #3
