/* fp-before-use: floating point no longer trapped, and an instruction that needs it. */
#include "skeleton.S"
    .arch armv8-a+fp+simd

    .text
    .globl  scene
scene:
    mov     x0, #3 << 20                /* CPACR_EL1.FPEN: no trap */

#ifdef SCENE_open
write:
    msr     cpacr_el1, x0
    mrs     x1, cpacr_el1               /* a read-back */
    step isb, isb
use:
    step use, fmov d0, xzr
    isb
    b       finish
#endif

/* Integer code, a call, then a copy through SIMD registers. */
#ifdef SCENE_open_then_copy
    adr     x1, 2f
write:
    msr     cpacr_el1, x0
    step isb, isb
    add     x2, x0, #1
    bl      copy
    isb
    b       finish
copy:
    ldr     q0, [x1]
    ret
    .balign 16
2:  .skip   16
#endif

/* Not before the ISB in its own block, and the way to an instruction is not its execution. */
#ifdef SCENE_skipped
    msr     cpacr_el1, x0
    cbnz    x0, 1f
    fmov    d0, xzr
1:  isb
    fmov    d0, xzr
    b       finish
#endif

#ifdef SCENE_same_value
    msr     cpacr_el1, x0
    isb
    msr     cpacr_el1, x0
    fmov    d0, xzr
    isb
    b       finish
#endif

#ifdef SCENE_exception_return
    eret_to 1f, SPSR_EL1H
write:
    msr     cpacr_el1, x0
    step eret, eret
1:
use:
    fmov    d0, xzr
    isb
    b       finish
#endif

/* EL2's own trap. */
#ifdef SCENE_el2
    mov     x1, #0x33ff                 /* CPTR_EL2.TFP clear; RES1 bits */
    mov     x0, #0x37ff                 /* TFP set */
    msr     cptr_el2, x0
    isb
write:
    msr     cptr_el2, x1
    step isb, isb
use:
    fmov    d0, xzr
    isb
    b       finish
#endif
