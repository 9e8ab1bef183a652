/* break-before-make: a live translation replaced by one that differs in what must not. */
#include "skeleton.S"

    .text
    .globl  scene
scene:

/* One page of l3 gets another descriptor: the scene's own, or a step's. */
#ifdef SCENE_page
    step prepare, nop
    bl      mmu_on
    ldr     x0, =l3 + 16
    ldr     x1, =page_a
    lsr     x3, x1, #12
    ldr     x2, [x1]                    /* the TLB has it */
    ldr     x4, [x0]
    step new, ldr x4, =page_b + PAGE + DATA
broken:
    step invalid, str xzr, [x0]
    step dsb_store, dsb ishst
invalidate:
    step tlbi, tlbi vae1is, x3
    step dsb_tlbi, dsb ish
write:
    step make, str x4, [x0]
    step dsb_make, dsb ishst
    step tlbi_make, nop
    dsb     ish
    isb
    b       finish
    .ltorg
#endif

/* A block becomes pages, with the same addresses and attributes; and back. */
#ifdef SCENE_split
    bl      mmu_on
    ldr     x0, =l2 + BLOCK_ENTRY
    ldr     x1, =BLOCK
    ldr     x2, [x1]
    ldr     x4, =l3_split + TABLE
    step invalid, str xzr, [x0]
    dsb     ishst
    tlbi    vmalle1is
    step dsb_tlbi, dsb ish
write:
    str     x4, [x0]
    dsb     ishst
    step tlbi_make, nop
    dsb     ish
    isb
    b       finish
    .ltorg
#endif

#ifdef SCENE_merge
    bl      mmu_on
    ldr     x0, =l2 + OTHER_ENTRY
    ldr     x1, =OTHER
    ldr     x2, [x1]
    ldr     x4, =BLOCK + VALID + DATA
    step invalid, str xzr, [x0]
    dsb     ishst
    tlbi    vmalle1is
    step dsb_tlbi, dsb ish
write:
    str     x4, [x0]
    dsb     ishst
    step tlbi_make, nop
    dsb     ish
    isb
    b       finish
    .ltorg
#endif

/* A table takes the place of another. */
#ifdef SCENE_other_table
    bl      mmu_on
    ldr     x0, =l2 + OTHER_ENTRY
    ldr     x1, =OTHER
    ldr     x2, [x1]
    ldr     x5, =l3_spare
    ldr     x6, =l3_other
    ldr     x6, [x6]                    /* page_b's descriptor */
    step content, nop
    str     x6, [x5]
    add     x4, x5, #TABLE
    dsb     ishst
write:
    str     x4, [x0]
    dsb     ishst
    tlbi    vmalle1is
    dsb     ish
    isb
    ldr     x2, [x1]
    b       finish
    .ltorg
#endif

/* Two pages share what comes between; the second must not lack it. */
#ifdef SCENE_batch
    bl      mmu_on
    ldr     x0, =l3
    ldr     x4, =page_b + PAGE + DATA
    ldr     x5, =page_a + PAGE + DATA
    str     xzr, [x0, #16]
    step second, str xzr, [x0, #24]
    dsb     ishst
    tlbi    vmalle1is
    dsb     ish
    str     x4, [x0, #16]
write:
    str     x5, [x0, #24]
    dsb     ishst
    step tlbi_make, nop
    dsb     ish
    isb
    b       finish
    .ltorg
#endif

/* Before the MMU is on, and in a table that no walker reaches. */
#ifdef SCENE_not_live
    bic     x24, x24, #SCTLR_C
    ldr     x0, =l3 + 16
    ldr     x4, =page_b + PAGE + DATA
    str     x4, [x0]
    dsb     ishst
    bl      mmu_on
    ldr     x0, =l3_of_other_root + 16
    ldr     x4, =page_a + PAGE + DATA
    str     x4, [x0]
    dsb     ishst
    isb
    b       finish
    .ltorg
#endif

/* A space that was left: once no TLB holds anything of it, its tables are memory like any other. */
#ifdef SCENE_left_space
    bl      mmu_on
    ldr     x0, =l3 + 16
    ldr     x1, =page_a
    ldr     x2, [x1]                    /* the TLB has it */
    ldr     x4, =page_b + PAGE + DATA
    ldr     x5, =l1_empty
    orr     x0, x0, #HIGH
    adrp    x6, vectors
    add     x6, x6, :lo12:vectors
    orr     x6, x6, #HIGH
    msr     vbar_el1, x6
    isb
    go_high
    msr     ttbr0_el1, x5
    isb
    step tlbi, tlbi vmalle1
    dsb     nsh
    isb
write:
    str     x4, [x0]
    dsb     ishst
    isb
    b       finish
    .ltorg
#endif
