/* store-before-tlbi: a TLBI that may overtake the store it is for. */
#include "skeleton.S"

    .text
    .globl  scene
scene:
    bl      mmu_on
    ldr     x0, =l3
    ldr     x1, =page_a
    ldr     x2, [x1]                    /* the TLB has it */
    lsr     x3, x1, #12

/* One page goes; then the domain is Inner Shareable. */
#ifdef SCENE_unmap
write:
    str     xzr, [x0, #16]
    step dsb, dsb nshst
use:
    step tlbi, tlbi vae1, x3
    dsb     nsh
    isb
    b       finish
    .ltorg
#endif

#ifdef SCENE_unmap_everywhere
write:
    str     xzr, [x0, #16]
    step dsb, dsb ishst
use:
    step tlbi, tlbi vaae1is, x3
    dsb     ish
    isb
    b       finish
    .ltorg
#endif

/* Rights change without break-before-make; the TLBI needs its DSB as well. */
#ifdef SCENE_protect
    ldr     x4, [x0, #16]
    orr     x4, x4, #READ_ONLY
write:
    str     x4, [x0, #16]
    step dsb, dsb nshst
use:
    tlbi    vale1, x3
    dsb     nsh
    isb
    b       finish
    .ltorg
#endif

/* One DSB for both stores. */
#ifdef SCENE_batch
    add     x4, x3, #1
write_a:
    str     xzr, [x0, #16]
write_b:
    str     xzr, [x0, #24]
    step dsb, dsb nshst
use_a:
    tlbi    vae1, x3
use_b:
    tlbi    vae1, x4
    dsb     nsh
    isb
    b       finish
    .ltorg
#endif

/* TLBIs that are not for the store: of another page; of one that was not mapped. */
#ifdef SCENE_of_another_page
    add     x4, x3, #1
    str     xzr, [x0, #16]
    tlbi    vae1, x4
    dsb     nsh
    tlbi    vae1, x3
    dsb     nsh
    isb
    ldr     x4, =page_b + PAGE + DATA
    str     x4, [x0, #HOLE_ENTRY]
    tlbi    vmalle1
    dsb     nsh
    isb
    b       finish
    .ltorg
#endif

/* A whole table goes: entries of the last level only are not enough, so VALE1 is not for it. */
#ifdef SCENE_unlink
    ldr     x0, =l2 + OTHER_ENTRY
    ldr     x1, =OTHER
    ldr     x2, [x1]
    lsr     x3, x1, #12
write:
    str     xzr, [x0]
    step dsb, dsb nshst
use:
    tlbi    vae1, x3
    dsb     nsh
    isb
    b       finish
    .ltorg
#endif
