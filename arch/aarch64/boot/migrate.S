/*
 * Boot steps 3 to 7 (SYSTEM.md section 3): identity map on, high half published, jump, low half gone.
 *
 * One file, top to bottom, because the order is the subject. Each barrier names its observer. There
 * is no way back after the `br`: a wrong step must be a visible stop.
 *
 * Registers kept across the calls: x20 boot_status (low), x21 TCR_EL1 as last written,
 * x22 SCTLR_EL1 to be written.
 */
#include <arch/asm.inc>
#include <arch/boot.h>
#include <arch/layout.h>
#include <arch/translation.h>
#include <sysregs.h>

    .section .text.boot, "ax"

    .macro boot_step number
    mov     w9, #\number
    str     w9, [x20, #BOOT_STATUS_STEP]
    .endm

/* Step 3. In: low, MMU off, C environment, x20 = boot_status. Out: MMU on, TTBR1 walks disabled. */
FUNCTION(boot_enable_identity_map)
    mrs     x0, id_aa64mmfr0_el1
    bl      translation_tcr_value
    mov     x21, x0
    mrs     x0, id_aa64mmfr1_el1
    bl      translation_sctlr_value
    mov     x22, x0
    bl      board_build_identity_map
    mov     x23, x0

    /*
     * Memory written so far went past the caches. Drop whatever the caches hold of it, so that the
     * accesses with caches on see what was written. (.data is only read so far.)
     */
    dsb     sy                          /* for: the invalidation, after the writes */
    load_here x0, __early_written_start
    load_here x1, __early_written_end
    bl      dcache_invalidate_poc

    ic      iallu                       /* no instruction fetched under another regime */
    dsb     nsh                         /* for: the ISB, after the invalidation */
    isb

    load_constant x9, MAIR_EL1_VALUE
    msr     mair_el1, x9
    msr     tcr_el1, x21
    msr     ttbr0_el1, x23
    isb                                 /* for: the TLBI and walks, under the new controls */
    tlbi    vmalle1                     /* the TLB is unknown at reset */
    dsb     nsh                         /* for: the ISB, after the invalidation */
    isb
    msr     sctlr_el1, x22
    isb                                 /* for: the next fetch and access, translated */

    boot_step 3
    bl      kernel_mmu_active
    b       boot_publish_high_map
END_FUNCTION(boot_enable_identity_map)

/* Steps 4 and 5. Low, MMU on. Out: both halves translate. */
FUNCTION(boot_publish_high_map)
    bl      board_build_high_map
    dsb     ishst                       /* for: the table walker, before it can know the root */
    msr     ttbr1_el1, x0
    isb                                 /* for: the walks that step 5 allows */
    boot_step 4

    bic     x21, x21, #TCR_EL1_EPD1_BIT
    msr     tcr_el1, x21                /* EPD1 1 -> 0 and no other bit */
    isb                                 /* for: accesses to the high half below */
    boot_step 5
    b       boot_jump_high
END_FUNCTION(boot_publish_high_map)

/* Step 6. Low, both halves live. Leaves by `br` to boot_close_low_half, high. */
FUNCTION(boot_jump_high)
    load_here x0, vectors
    bl      boot_high_alias
    msr     vbar_el1, x0
    isb                                 /* for: an exception on either side of the branch */
    load_here x0, boot_close_low_half
    bl      boot_high_alias
    load_constant x9, KERNEL_HIGH_HALF_OFFSET
    add     sp, sp, x9
    mov     x29, xzr                    /* frames below hold low addresses */
    mov     x30, xzr
    br      x0
END_FUNCTION(boot_jump_high)

/* Step 7. High. The low half goes away for good. Does not return. */
FUNCTION(boot_close_low_half)
    load_here x20, boot_status
    boot_step 6
    orr     x21, x21, #TCR_EL1_EPD0_BIT
    msr     tcr_el1, x21
    isb                                 /* no walk can start from the old or the null root */
    msr     ttbr0_el1, xzr
    tlbi    vmalle1
    dsb     nsh                         /* for: the ISB, after the invalidation */
    isb                                 /* nothing low survives in this CPU */
    boot_step 7
    bl      kernel_high_half
    b       .                           /* not reached: kernel_high_half does not return */
END_FUNCTION(boot_close_low_half)

/*
 * dcache_invalidate_poc(x0 start, x1 end): invalidate [start, end) to the Point of Coherency by
 * line (DC IVAC); a line only partly inside is cleaned and invalidated instead (DC CIVAC), since its
 * rest is not ours. Complete on return (DSB SY). Clobbers x0, x2 to x5. Uses no memory.
 */
FUNCTION(dcache_invalidate_poc)
    mrs     x2, ctr_el0
    ubfx    x2, x2, #CTR_EL0_DMINLINE_SHIFT, #4
    mov     x3, #4
    lsl     x3, x3, x2                  /* line size: 4 << DminLine bytes (DDI 0487, CTR_EL0) */
    sub     x4, x3, #1
    tst     x0, x4
    b.eq    1f
    bic     x0, x0, x4
    dc      civac, x0
    add     x0, x0, x3
1:  tst     x1, x4
    b.eq    2f
    bic     x5, x1, x4
    dc      civac, x5
    mov     x1, x5
2:  cmp     x0, x1
    b.hs    3f
    dc      ivac, x0
    add     x0, x0, x3
    b       2b
3:  dsb     sy
    ret
END_FUNCTION(dcache_invalidate_poc)
