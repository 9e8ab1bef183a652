/*
 * A guest for the plugin's tests. By default it counts to 100 and waits for ever in WFI.
 *   -DSPIN   spins in a branch to itself instead
 *   -DFAULT  a load faults in the middle of a block that ends with a conditional branch
 */
    .global _start
_start:
    mov     x0, #100
loop:
    subs    x0, x0, #1
    b.ne    loop
    ldr     x1, =0x40200000
    str     x0, [x1]
    ldr     x2, [x1]
    add     x2, x2, #1
#ifdef FAULT
    adr     x3, vectors
    msr     vbar_el1, x3
    mov     x4, #1 << 47            /* beyond every physical address */
    b       cut
cut:
    mov     x5, #1
    ldr     x6, [x4]
    add     x5, x5, #1
    cbnz    x5, end
    nop
#endif
end:
#ifndef SPIN
    wfi
#endif
    b       end
    /* never executed */
    cbz     x2, loop
    nop
#ifdef FAULT
    .balign 2048
vectors:
    .skip   0x200
    b       end                     /* synchronous, from this EL with SP_ELx */
#endif
