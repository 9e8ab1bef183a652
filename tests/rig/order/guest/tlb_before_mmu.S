/* tlb-before-mmu: the MMU comes on for the first time, with the TLB emptied before. */
#include "skeleton.S"

    .text
    .globl  scene
scene:

#ifdef SCENE_at_el1
    msr     mair_el1, x20
    msr     tcr_el1, x21
    msr     ttbr0_el1, x22
    msr     ttbr1_el1, x23
    isb
    ldr     x0, =page_a
    lsr     x0, x0, #12
tlbi:
    step tlbi, tlbi vmalle1
    step dsb, dsb nsh
    step isb, isb
write:
    step write, msr sctlr_el1, x24
use:
    isb
    step late, nop
    b       finish
    .ltorg
#endif

/* Off and on again: what the TLB holds by now is of this software. */
#ifdef SCENE_second_time
    bl      mmu_on
    bic     x0, x24, #1
    msr     sctlr_el1, x0
    isb
    msr     sctlr_el1, x24
    isb
    b       finish
#endif

/* EL1's regime, prepared at EL2. */
#ifdef SCENE_from_el2
    mov     x9, #1 << 31                /* HCR_EL2.RW */
    msr     hcr_el2, x9
    isb
    msr     mair_el1, x20
    msr     tcr_el1, x21
    msr     ttbr0_el1, x22
    msr     ttbr1_el1, x23
write:
    msr     sctlr_el1, x24
    mov     x9, #SPSR_EL1H
    msr     spsr_el2, x9
    adr     x9, use
    msr     elr_el2, x9
    step tlbi, tlbi alle1
    dsb     nsh
    eret
use:
    isb
    b       finish
#endif

/* EL2's own regime, which has one half. */
#ifdef SCENE_at_el2
#define TCR_EL2_VALUE (TCR_HALF | (1 << 23) | (1 << 31)) /* 32-bit PA; RES1 */
    ldr     x9, =TCR_EL2_VALUE
    ldr     x10, =l1_of_el2
    msr     mair_el2, x20
    msr     tcr_el2, x9
    msr     ttbr0_el2, x10
    isb
    ldr     x0, =page_a
    lsr     x0, x0, #12
    step tlbi, tlbi alle2
    step dsb, dsb nsh
    step isb, isb
write:
    msr     sctlr_el2, x24
use:
    isb
    bic     x24, x24, #1
    msr     sctlr_el2, x24
    isb
    b       finish
    .ltorg
#endif
