/* at-before-par: the answer of an address translation instruction. */
#include "skeleton.S"

    .text
    .globl  scene
scene:
    bl      mmu_on
    ldr     x0, =page_a

#ifdef SCENE_ask
write:
    at      s1e1r, x0
    step isb, isb
use:
    mrs     x1, par_el1
    b       finish
    .ltorg
#endif

/* Two questions: the second answer needs its own ISB. */
#ifdef SCENE_ask_twice
    at      s1e1r, x0
    isb
    mrs     x1, par_el1
    mrs     x2, par_el1                 /* once more needs nothing */
write:
    at      s1e1w, x0
    step isb, isb
use:
    mrs     x1, par_el1
    b       finish
    .ltorg
#endif

#ifdef SCENE_exception_return
    eret_to use, SPSR_EL1H
write:
    at      s1e1r, x0
    step eret, eret
use:
    mrs     x1, par_el1
    b       finish
    .ltorg
#endif

#ifdef SCENE_exception_entry
    on_exception use
write:
    at      s1e1r, x0
    step svc, svc #0
use:
    mrs     x1, par_el1
    b       finish
    .ltorg
#endif
