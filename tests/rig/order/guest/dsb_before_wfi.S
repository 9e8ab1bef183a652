/* dsb-before-wfi: sleep behind stores. The timer's interrupt, masked, ends it. */
#include "skeleton.S"

    .macro sleep
    mrs     x3, cntvct_el0
    add     x3, x3, #256
    msr     cntv_cval_el0, x3
    mov     x3, #1
    msr     cntv_ctl_el0, x3
    .endm

/* The interrupt controller passes the virtual timer's interrupt on; the mask of DAIF stays. */
    .macro pass_timer
    movz    x4, #0x0800, lsl #16        /* GICv2's distributor, and its CPU interface behind it */
    mov     w5, #1
    str     w5, [x4]
    mov     w5, #1 << 27
    str     w5, [x4, #0x100]
    movz    x4, #0x0801, lsl #16
    mov     w5, #0xff
    str     w5, [x4, #4]
    mov     w5, #1
    str     w5, [x4]
    .endm

    .text
    .globl  scene
scene:
    ldr     x1, =page_a
    pass_timer
    sleep
    isb

#ifdef SCENE_store
    step store, str x1, [x1]
    step dsb, dsb sy
use:
    step wfi, wfi
    b       finish
    .ltorg
#endif

/* Once more, with nothing stored in between: a loop that only sleeps. */
#ifdef SCENE_again
    str     x1, [x1]
    dsb     sy
    wfi
    ldr     x2, [x1]
    step store, nop
use:
    wfi
    b       finish
    .ltorg
#endif
