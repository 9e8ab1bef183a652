/* sysreg-before-use: translation controls written, and who uses them before a CSE. */
#include "skeleton.S"

    .text
    .globl  scene
scene:

/* The MMU comes on; the load is Device-nGnRnE before, and Normal write-back behind it. */
#ifdef SCENE_mmu_on_then_load
    empty_tlb
    msr     mair_el1, x20
    msr     tcr_el1, x21
    msr     ttbr0_el1, x22
    step group, isb                     /* one for all three */
    ldr     x1, =page_a
write:
    msr     sctlr_el1, x24
fetch:
    step isb, isb                       /* fetched through the identity map: same PA */
use:
    ldr     x2, [x1]
    isb
    b       finish
    .ltorg
#endif

/* The first write of SCTLR, MMU off as before. */
#if defined(SCENE_mmu_off) || defined(SCENE_mmu_off_at_el2)
    ldr     x1, =page_a
    bic     x24, x24, #1
    step early, nop
write:
#ifdef SCENE_mmu_off
    msr     sctlr_el1, x24
#else
    step write, msr sctlr_el2, x24
#endif
    step isb, isb
use:
    step use, str x1, [x1]
    isb
    b       finish
    .ltorg
#endif

/* Which write of the group has to be synchronized before the MMU comes on? Those that the fetch of
 * the ISB needs: not MAIR, since attributes do not change what is fetched. */
#ifdef SCENE_mmu_on_after_group
    empty_tlb
    step mair, msr mair_el1, x20
tcr:
    step tcr, msr tcr_el1, x21
ttbr:
    step ttbr, msr ttbr0_el1, x22
    isb
late_mair:
    step late_mair, nop
late_tcr:
    step late_tcr, nop
late_ttbr:
    step late_ttbr, nop
enable:
    msr     sctlr_el1, x24
use:
    isb
    b       finish
#endif

/* Caches on, MMU on before. */
#ifdef SCENE_caches_on
    mov     x19, x24
    bic     x24, x24, #SCTLR_C
    bl      mmu_on
    ldr     x1, =page_a
write:
    msr     sctlr_el1, x19
    step isb, isb
use:
    ldr     x2, [x1]
    isb
    b       finish
    .ltorg
#endif

/* Another space, under another ASID: the hole is mapped there. */
#ifdef SCENE_other_root
    bl      mmu_on
    ldr     x1, =HOLE
    ldr     x0, =l1_other_root + ASID(1)
write:
    msr     ttbr0_el1, x0
    step isb, isb
use:
    ldr     x2, [x1]
    isb
    b       finish
    .ltorg
#endif

/* The same space once more: nothing changes. A read-back needs nothing either. */
#ifdef SCENE_same_value
    bl      mmu_on
    ldr     x1, =page_a
    msr     ttbr0_el1, x22
    msr     tcr_el1, x21
    mrs     x3, ttbr0_el1
    ldr     x2, [x1]
    isb
    b       finish
    .ltorg
#endif

/* A root for the high half that nobody uses yet, then the permission. */
#ifdef SCENE_open_high_half
    orr     x21, x21, #TCR_EPD1
    bl      mmu_on
    ldr     x1, =page_a + HIGH
    ldr     x2, =page_a
    bic     x21, x21, #TCR_EPD1
    ldr     x23, =l1_high_other
    dsb     ishst
ttbr:
    msr     ttbr1_el1, x23
    mrs     x3, ttbr1_el1               /* a read-back */
    ldr     x4, [x2]                    /* the low half does not depend on it */
    isb
write:
    msr     tcr_el1, x21
    step isb, isb
use:
    ldr     x2, [x1]
    isb
    b       finish
    .ltorg
#endif

/* The attribute that a page has: no TLB entry may hold the old one. */
#ifdef SCENE_memory_attribute
    bl      mmu_on
    ldr     x0, =MAIR_CHANGED
    ldr     x1, =page_changing
    ldr     x2, =page_a
write:
    msr     mair_el1, x0
    ldr     x3, [x2]                    /* of another attribute */
    step isb, isb
    tlbi    vmalle1
    dsb     nsh
    step isb, isb
use:
    ldr     x3, [x1]
    isb
    b       finish
    .ltorg
#endif

/* WXN goes away, and a writable page may execute. TLBs may hold WXN. */
#ifdef SCENE_writable_executable
    mov     x19, x24
    mov     x0, #SCTLR_WXN
    orr     x24, x24, x0
    bl      mmu_on
    ldr     x1, =code_page
write:
    msr     sctlr_el1, x19
    step isb, isb
    tlbi    vmalle1
    dsb     nsh
    step isb, isb
    blr     x1
    isb
    b       finish
    .ltorg
#endif

/* CSEs that are no ISB. */
#ifdef SCENE_exception_return
    bl      mmu_on
    ldr     x1, =HOLE
    ldr     x0, =l1_other_root + ASID(1)
    eret_to 1f, SPSR_EL1H
write:
    msr     ttbr0_el1, x0
    step eret, eret
1:
use:
    ldr     x2, [x1]
    isb
    b       finish
    .ltorg
#endif

#ifdef SCENE_exception_entry
    bl      mmu_on
    ldr     x1, =HOLE
    ldr     x0, =l1_other_root + ASID(1)
    on_exception 1f
write:
    msr     ttbr0_el1, x0
    step svc, svc #0
1:
use:
    ldr     x2, [x1]
    isb
    b       finish
    .ltorg
#endif

/* A program's write of the kernel's register is an exception, and writes nothing. */
#ifdef SCENE_undefined_at_el0
    bl      mmu_on
    ldr     x0, =l1_other_root
    ldr     x1, =page_a
    ldr     x2, =user_mistakes
    mov     x3, #SPSR_EL0
    msr     elr_el1, x2
    msr     spsr_el1, x3
    on_exception 1f
    eret
1:  ldr     x2, [x1]
    ldr     x3, =l3
    ldr     x4, [x3, #16]
    str     x4, [x3, #16]               /* the walk that counts is still l1's */
    isb
    b       finish
    .ltorg
#endif

/* EL1's registers written at EL2 are EL1's from the ERET on. */
#ifdef SCENE_from_el2
    msr     mair_el1, x20
    msr     tcr_el1, x21
    msr     ttbr0_el1, x22
    msr     ttbr1_el1, x23
    tlbi    alle1
    dsb     nsh
    isb
    msr     sctlr_el1, x24
    mov     x0, #1 << 31
    msr     hcr_el2, x0
    mov     x0, #SPSR_EL1H
    msr     spsr_el2, x0
    adr     x0, 1f
    msr     elr_el2, x0
    ldr     x2, =page_a
    ldr     x1, [x2]                    /* EL2's own regime */
    eret
1:  ldr     x1, [x2]
    b       finish
    .ltorg
#endif
