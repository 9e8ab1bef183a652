/* vbar-before-exception: new vectors, and an exception before they are synchronized. */
#include "skeleton.S"

    .text
    .globl  scene
scene:
    adrp    x0, vectors_other
    add     x0, x0, :lo12:vectors_other

#ifdef SCENE_svc
    on_exception 1f
write:
    msr     vbar_el1, x0
    mrs     x1, vbar_el1                /* a read-back */
    step isb, isb
use:
    step use, svc #0
1:  isb
    b       finish
#endif

/* SCTLR_EL1.EIS, bit 22, is 0: with FEAT_ExS an exception entry is no CSE. */
#ifdef SCENE_entry_is_no_cse
    mrs     x1, sctlr_el1
    bic     x1, x1, #(1 << 22)
    msr     sctlr_el1, x1
    isb
    on_exception 1f
write:
    msr     vbar_el1, x0
    step isb, isb
use:
    svc     #0
1:  isb
    b       finish
#endif

/* The address is not mapped, so the load is the exception. */
#ifdef SCENE_data_abort
    bl      mmu_on
    ldr     x1, =HOLE
    on_exception 1f
write:
    msr     vbar_el1, x0
    step isb, isb
    ldr     x2, [x1]
1:  isb
    b       finish
    .ltorg
#endif

#ifdef SCENE_interrupts_open
    mov     x1, #0
write:
    msr     vbar_el1, x0
    step isb, isb
use:
    step open, msr daifclr, #2
    mov     x1, #0                      /* the window is not empty */
    msr     daifset, #0xf
    isb
    b       finish
#endif

/* Into the other half: the old vectors may not be there. */
#ifdef SCENE_leave_half
    bl      mmu_on
    orr     x0, x0, #HIGH
    adr     x1, use
    orr     x1, x1, #HIGH
write:
    msr     vbar_el1, x0
    step isb, isb
    br      x1
use:
    isb
    b       finish
#endif

/* ERET is a CSE. */
#ifdef SCENE_exception_return
    bl      mmu_on
    ldr     x1, =user_code
    mov     x2, #SPSR_EL0
    msr     elr_el1, x1
    msr     spsr_el1, x2
    on_exception finish
    msr     vbar_el1, x0
    eret                                /* EL0 calls SVC at once */
    .ltorg
#endif

#ifdef SCENE_same_value
    adrp    x0, vectors
    add     x0, x0, :lo12:vectors
    on_exception 1f
    msr     vbar_el1, x0
    svc     #0
1:  isb
    b       finish
#endif

/* PSCI_VERSION: the firmware answers, and no exception comes to EL1. */
#ifdef SCENE_firmware_call
    mov     x19, x0
    movz    x0, #0x8400, lsl #16
    msr     vbar_el1, x19
    hvc     #0
    isb
    b       finish
#endif

#ifdef SCENE_hvc_at_el2
    adrp    x0, vectors_el2
    add     x0, x0, :lo12:vectors_el2
write:
    msr     vbar_el2, x0
    step isb, isb
    hvc     #0
    isb
    b       finish
#endif
