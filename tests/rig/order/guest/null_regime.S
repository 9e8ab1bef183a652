/* null-regime: the low half is freed, so every low address is a null pointer. */
#include "skeleton.S"

    .text
    .globl  scene
scene:
    ldr     x1, =page_a
    ldr     x5, =l1_empty
    orr     x6, x21, #TCR_EPD0
    bl      mmu_on
    adrp    x4, vectors
    add     x4, x4, :lo12:vectors
    orr     x4, x4, #HIGH
    msr     vbar_el1, x4
    isb
    go_high
    ldr     x2, [x1]                    /* still there */

/* As a kernel does that has left for the high half: no walks, then no root. */
#ifdef SCENE_closed
    msr     tcr_el1, x6
    isb
write:
    msr     ttbr0_el1, xzr
    tlbi    vmalle1
    dsb     nsh
    isb
    on_exception 1f
    step use, nop
1:
    msr     ttbr0_el1, x22
    isb
    msr     tcr_el1, x21
    isb
    ldr     x2, [x1]                    /* a new space */
    b       finish
#endif

/* An empty root in place of no walks. QEMU's TLB still has the page, as another CPU's might. The
 * write of VBAR only makes the trace tell the accesses. */
#ifdef SCENE_empty_root
write:
    msr     ttbr0_el1, x5
    isb
    msr     vbar_el1, x4
use:
    step use, nop
    isb
    tlbi    vmalle1
    dsb     nsh
    isb
    msr     ttbr0_el1, x22
    isb
    ldr     x2, [x1]
    b       finish
#endif
