/* tlbi-completes: a TLBI that may still be on its way when its entry is used. */
#include "skeleton.S"

    .text
    .globl  scene
scene:
    ldr     x0, =l3
    ldr     x1, =page_a
    lsr     x3, x1, #12

/* A page that was read only becomes writable. */
#ifdef SCENE_make_writable
    bl      mmu_on
    ldr     x4, [x0, #16]
    orr     x5, x4, #READ_ONLY
    str     x5, [x0, #16]
    dsb     nshst
    tlbi    vae1, x3
    dsb     nsh
    isb
    ldr     x2, [x1]                    /* the TLB has it, read only */
    str     x4, [x0, #16]
    dsb     ishst
write:
    step tlbi, tlbi vae1, x3
    ldr     x2, [x0]                    /* of another page */
    step dsb, dsb nsh
    step isb, isb
use:
    str     x2, [x1]
    dsb     sy
    isb
    b       finish
    .ltorg
#endif

/* What the TLB holds at reset is not known, so all that is translated may be stale. */
#ifdef SCENE_boot
    msr     mair_el1, x20
    msr     tcr_el1, x21
    msr     ttbr0_el1, x22
    isb
write:
    tlbi    vmalle1
    step dsb, dsb nsh
    step isb, isb
    msr     sctlr_el1, x24
use:
    isb
    ldr     x2, [x1]
    dsb     nsh
    isb
    b       finish
    .ltorg
#endif

/* Two TLBIs share DSB and ISB. */
#ifdef SCENE_batch
    bl      mmu_on
    ldr     x4, [x0, #16]
    ldr     x5, [x0, #24]
    orr     x8, x4, #READ_ONLY
    add     x6, x3, #1
    ldr     x7, =page_b
    str     x8, [x0, #16]
    add     x8, x8, #0x1000
    str     x8, [x0, #24]
    dsb     nshst
    tlbi    vmalle1
    dsb     nsh
    isb
    str     x4, [x0, #16]
    str     x5, [x0, #24]
    dsb     nshst
write_a:
    tlbi    vae1, x3
write_b:
    tlbi    vae1, x6
    step dsb, dsb nsh
    step isb, isb
use_a:
    str     x2, [x1]
use_b:
    str     x2, [x7]
    dsb     nsh
    isb
    b       finish
    .ltorg
#endif

/* Code becomes executable. */
#ifdef SCENE_make_executable
    bl      mmu_on
    ldr     x1, =page_a
    ldr     x4, [x0]
    orr     x5, x4, #PXN
    str     x5, [x0]
    dsb     nshst
    tlbi    vmalle1
    dsb     nsh
    isb
    str     x4, [x0]
    dsb     nshst
    ldr     x1, =code_page
write:
    tlbi    vmalle1
    step dsb, dsb nsh
    step isb, isb
    blr     x1
    dsb     nsh
    isb
    b       finish
    .ltorg
#endif

/* A user page loses a right, and EL0 goes on. ERET is a CSE, no DSB. */
#ifdef SCENE_return_to_el0
    bl      mmu_on
    ldr     x2, =user_code
    mov     x4, #SPSR_EL0
    msr     elr_el1, x2
    msr     spsr_el1, x4
    on_exception 1f
    ldr     x1, =page_user
    lsr     x3, x1, #12
    ldr     x4, [x0, #40]
    orr     x4, x4, #READ_ONLY
    str     x4, [x0, #40]
    dsb     nshst
write:
    tlbi    vae1, x3
    step dsb, dsb nsh
use:
    eret
1:  dsb     nsh
    isb
    b       finish
    .ltorg
#endif

/* The low half gets another space under the same ASID. */
#ifdef SCENE_switch_space
    bl      mmu_on
    ldr     x0, =l1_other_root
    orr     x5, x21, #TCR_EPD0
    adrp    x4, vectors
    add     x4, x4, :lo12:vectors
    orr     x4, x4, #HIGH
    msr     vbar_el1, x4
    isb
    go_high
    ldr     x2, [x1]                    /* the TLB has page_a */
    msr     tcr_el1, x5
    isb
    msr     ttbr0_el1, x0
    isb
write:
    tlbi    vmalle1
    step dsb, dsb nsh
    step isb, isb
    msr     tcr_el1, x21
    isb
use:
    ldr     x2, [x1]                    /* page_b's */
    dsb     nsh
    isb
    b       finish
    .ltorg
#endif

/* Nothing was stale. */
#ifdef SCENE_for_nothing
    bl      mmu_on
write:
    tlbi    vmalle1
    step dsb, dsb nsh
use:
    isb
    ldr     x2, [x1]
    b       finish
    .ltorg
#endif
