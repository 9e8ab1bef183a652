/* controls-before-walks: walks of a half are enabled or disabled, and their controls are written. */
#include "skeleton.S"

    .text
    .globl  scene
scene:

/* The root of the high half, then the permission. Nobody uses an address there before the last ISB. */
#ifdef SCENE_open_high_half
    orr     x21, x21, #TCR_EPD1
    bl      mmu_on
    ldr     x1, =page_a + HIGH
    bic     x21, x21, #TCR_EPD1
    ldr     x23, =l1_high_other
    ldr     x0, =MAIR_CHANGED
    dsb     ishst
write:
    step root, msr ttbr1_el1, x23
    mrs     x3, ttbr1_el1               /* a read-back */
    step isb, isb
use:
    step open, msr tcr_el1, x21
    isb
    ldr     x2, [x1]
    b       finish
    .ltorg
#endif

/* The MMU comes on for both halves, one of which no code uses yet. */
#ifdef SCENE_mmu_on
    step mair, msr mair_el1, x20
    msr     tcr_el1, x21
    msr     ttbr0_el1, x22
    step ttbr1, msr ttbr1_el1, x23
    isb
    tlbi    vmalle1
    dsb     nsh
    isb
write:
    step late, nop
use:
    msr     sctlr_el1, x24
    isb
    b       finish
#endif

/* A space is exchanged for another as each switch does it, walks on all the time. */
#ifdef SCENE_switch
    bl      mmu_on
    ldr     x1, =HOLE
    ldr     x0, =l1_other_root + ASID(1)
    msr     ttbr0_el1, x0
    isb
    ldr     x2, [x1]
    b       finish
    .ltorg
#endif

/* No walks of the low half, then no root. */
#ifdef SCENE_close_low_half
    orr     x6, x21, #TCR_EPD0
    ldr     x7, =l1_high
    bl      mmu_on
    go_high
write:
    msr     tcr_el1, x6
    step isb, isb
use:
    step root, msr ttbr0_el1, xzr
    tlbi    vmalle1
    dsb     nsh
    isb
    b       finish
    .ltorg
#endif

/* EL1's registers are written at EL2 in any order: the ERET comes before EL1 walks. */
#ifdef SCENE_from_el2
    mov     x9, #1 << 31                /* HCR_EL2.RW */
    msr     hcr_el2, x9
    isb
    orr     x9, x21, #TCR_EPD1
    msr     tcr_el1, x9
    msr     sctlr_el1, x24
    msr     mair_el1, x20
    msr     ttbr0_el1, x22
    msr     ttbr1_el1, x23
    msr     tcr_el1, x21
    tlbi    alle1
    dsb     nsh
    mov     x9, #SPSR_EL1H
    msr     spsr_el2, x9
    adr     x9, 1f
    msr     elr_el2, x9
    eret
1:  b       finish
#endif
