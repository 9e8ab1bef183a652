/* vbar-aligned: vectors that begin where no vector table can. */
#include "skeleton.S"

    .text
    .globl  scene
scene:
    adrp    x0, vectors_other
    add     x0, x0, :lo12:vectors_other

/* Nothing is taken by them: a table that was linked out of place works under QEMU, too. */
#ifdef SCENE_written
    step place, nop
use:
    step write, msr vbar_el1, x0
    isb
    b       finish
#endif
