/* hcr-before-use: HCR_EL2.E2H decides what register a name is, and how it is laid out. */
#include "skeleton.S"

#define HCR_RW (1 << 31)

    .text
    .globl  scene
scene:
    mov     x0, #HCR_RW
    mov     x1, #0x33ff                 /* CPTR_EL2 without E2H: no trap of FP */

#ifdef SCENE_drop_to_el1
    bic     x24, x24, #1                /* SCTLR_EL1: the MMU is off */
    step early, nop
write:
    msr     hcr_el2, x0
    step isb, isb
    mrs     x2, hcr_el2                 /* the read-back needs nothing */
    step late_isb, nop
use:
    step use, msr sctlr_el1, x24
    isb
    b       finish
    .ltorg
#endif

/* The first write is what E2H is known by. */
#ifdef SCENE_same_value
    msr     hcr_el2, x0
    isb
    orr     x0, x0, #(1 << 3)           /* FMO */
    msr     hcr_el2, x0
    mrs     x2, esr_el1
    isb
    b       finish
    .ltorg
#endif

#ifdef SCENE_own_names
    adrp    x3, vectors_el2
    msr     hcr_el2, x0
    mrs     x2, hcr_el2
    mrs     x2, sctlr_el2
    mrs     x2, midr_el1
    msr     vbar_el2, x3
    msr     cptr_el2, x1                /* laid out anew, and stored whole */
    msr     tpidr_el1, xzr              /* of EL1 with either */
    isb
    b       finish
    .ltorg
#endif

#ifdef SCENE_exception_return
    adr     x2, 1f
    mov     x3, #SPSR_EL2H
    msr     elr_el2, x2
    msr     spsr_el2, x3
    msr     hcr_el2, x0
    eret
1:  mrs     x2, esr_el1
    b       finish
    .ltorg
#endif
