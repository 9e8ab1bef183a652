/* window-synchronized: interrupts let in for a moment. None is pending; the window would miss one. */
#include "skeleton.S"

    .text
    .globl  scene
scene:

#ifdef SCENE_poll
    mov     x0, #3
1:
open:
    step open, msr daifclr, #2
    step isb, isb
close:
    step close, msr daifset, #2
    sub     x0, x0, #1
    cbnz    x0, 1b
    b       finish
#endif

/* What the window is for is in it, or it is none. */
#ifdef SCENE_work
    msr     daifclr, #2
    bl      work
    msr     daifset, #2
    msr     daifclr, #2
    add     x0, x0, #1
    msr     daifset, #2
    msr     daifclr, #2
    b       1f
1:  msr     daifset, #2
    b       finish
work:
    ret
#endif
