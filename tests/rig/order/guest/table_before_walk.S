/* table-before-walk: a descriptor stored, and a walker that may not see it yet. */
#include "skeleton.S"

    .text
    .globl  scene
scene:
    ldr     x19, =page_a + PAGE + DATA
    ldr     x1, =HOLE

/* The caches stay off, so nothing but the DSB is needed before the MMU comes on. */
#ifdef SCENE_before_mmu
    bic     x24, x24, #SCTLR_C
    msr     mair_el1, x20
    msr     tcr_el1, x21
    msr     ttbr0_el1, x22
    isb
    tlbi    vmalle1
    dsb     nsh
    isb
    ldr     x0, =l3 + HOLE_ENTRY
write:
    str     x19, [x0]
    step dsb, dsb nshst
    msr     sctlr_el1, x24
use:
    isb
    ldr     x2, [x1]
    b       finish
    .ltorg
#endif

/* A root for the high half, filled while nobody can walk it. */
#ifdef SCENE_new_root
    orr     x21, x21, #TCR_EPD1
    bl      mmu_on
    ldr     x0, =l1_high_other
    ldr     x3, =0x40000000 + VALID + MEMORY + SOFTWARE
    bic     x21, x21, #TCR_EPD1
first:
    str     xzr, [x0]
write:
    str     x3, [x0, #8]
    step dsb, dsb nshst
    msr     ttbr1_el1, x0
    isb
    msr     tcr_el1, x21
use:
    isb
    ldr     x2, =page_a + HIGH
    ldr     x2, [x2]
    b       finish
    .ltorg
#endif

/* The hole gets a page, in a table that the walker uses. */
#ifdef SCENE_map
    bl      mmu_on
    ldr     x0, =l3 + HOLE_ENTRY
write:
    str     x19, [x0]
    step dsb, dsb nshst
    step isb, isb
use:
    ldr     x2, [x1]
    dsb     nshst
    isb
    b       finish
    .ltorg
#endif

/* ... and code is fetched through it. */
#ifdef SCENE_map_code
    bl      mmu_on
    ldr     x0, =l3 + HOLE_ENTRY
    ldr     x19, =code_page + PAGE + MEMORY
write:
    str     x19, [x0]
    step dsb, dsb nshst
    step isb, isb
    blr     x1
    dsb     nshst
    isb
    b       finish
    .ltorg
    .set    use, HOLE
#endif

/* A table prepared and then linked. The walker must not see the link without the entry: for memory
 * that holds no stale descriptors, as here, one DSB behind both will do. */
#ifdef SCENE_link_table
    bl      mmu_on
    ldr     x0, =l3_spare
    ldr     x2, =l2 + NOTHING_ENTRY
    add     x3, x0, #TABLE
    ldr     x1, =NOTHING
entry:
    str     x19, [x0]
    step order, dmb ishst
link:
    str     x3, [x2]
    step dsb, dsb nshst
cse:
    step isb, isb
use:
    ldr     x2, [x1]
    dsb     nshst
    isb
    b       finish
    .ltorg
#endif

/* EL0 uses the new page first. ERET is the CSE. */
#ifdef SCENE_map_for_el0
    bl      mmu_on
    ldr     x0, =l3 + HOLE_ENTRY
    ldr     x2, =user_read
    mov     x3, #SPSR_EL0
    msr     elr_el1, x2
    msr     spsr_el1, x3
    add     x19, x19, #USER
    on_exception 1f
write:
    str     x19, [x0]
    mov     x0, x1
    step dsb, dsb nshst
    eret
1:  dsb     nshst
    isb
    b       finish
    .ltorg
#endif

/* Stores that no walker cares for. */
#ifdef SCENE_no_matter
    bl      mmu_on
    ldr     x0, =l3
    ldr     x2, [x0, #16]
    str     x2, [x0, #16]               /* the value that is there */
    ldr     x3, =l3_spare
    str     x19, [x3]                   /* a table in no tree */
    ldr     x4, =l3_of_other_root
    str     x19, [x4]                   /* nor is this */
    ldr     x1, =page_a
    ldr     x2, [x1]
    isb
    ldr     x2, [x1]
    b       finish
    .ltorg
#endif

/* Another CPU's walker: the DSB has to reach it. */
#ifdef SCENE_other_cpu
    bl      mmu_on
    ldr     x0, =l3_of_other_root
    ldr     x22, =l1_other_root
write:
    str     x19, [x0, #256]
    step dsb, dsb ishst
    movz    x0, #0xc400, lsl #16        /* PSCI CPU_ON */
    movk    x0, #3
    mov     x1, #1
    adr     x2, second
    hvc     #0
1:  yield                               /* lets QEMU go on with the other CPU */
    ldr     x0, =page_b                 /* until the other CPU clears it */
    ldar    x2, [x0]
    cbnz    x2, 1b
    b       finish
second:
    ldr     x20, =MAIR_VALUE
    ldr     x21, =TCR_VALUE
    ldr     x22, =l1_other_root
    ldr     x24, =SCTLR_VALUE
    msr     mair_el1, x20
    msr     tcr_el1, x21
    msr     ttbr0_el1, x22
    isb
    tlbi    vmalle1
    dsb     nsh
    isb
    msr     sctlr_el1, x24
use:
    isb
    ldr     x0, =page_a                 /* page_b's in this space */
    stlr    xzr, [x0]
2:  yield
    b       2b
    .ltorg
#endif
