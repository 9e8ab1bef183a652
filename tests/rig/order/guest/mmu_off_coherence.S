/* mmu-off-coherence: memory written past the caches, and read through them. */
#include "skeleton.S"

    .text
    .globl  scene
scene:
    ldr     x0, =page_a
    ldr     x1, =page_b

#ifdef SCENE_data
    step early_dc, nop
write:
    str     x1, [x0]
    step dsb, dsb sy                    /* the store is done before its line is dropped */
    step dc, dc ivac, x0
    dsb     sy
    bl      mmu_on
    step late_dc, nop
use:
    step use, ldr x2, [x0]
    b       finish
    .ltorg
#endif

/* A whole table, read by the walker. */
#ifdef SCENE_table
    ldr     x2, =l3 + HOLE_ENTRY
    ldr     x3, =page_a + PAGE + DATA
write:
    str     x3, [x2]
    step dsb, dsb sy
    step dc, dc ivac, x2
    dsb     sy
    msr     mair_el1, x20
    msr     tcr_el1, x21
    msr     ttbr0_el1, x22
    msr     ttbr1_el1, x23
    isb
    tlbi    vmalle1
    dsb     nsh
    isb
    msr     sctlr_el1, x24
use:
    isb
    ldr     x1, =HOLE
    ldr     x2, [x1]
    b       finish
    .ltorg
#endif

/* Read with caches off only, or never; what others read was loaded. */
#ifdef SCENE_no_matter
    str     x1, [x0]
    ldr     x2, [x0]
    dsb     sy
    bl      mmu_on
    ldr     x2, [x1]
    ldr     x2, [x0, #64]
    b       finish
    .ltorg
#endif
