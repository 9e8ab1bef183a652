/* Making written memory executable. */
#include <arch/asm.inc>
#include <sysregs.h>

    .section .text.sync_code, "ax"

/*
 * hal_sync_code(x0 start, x1 length): what was written through this alias can be fetched through any other
 * (DDI 0487, "Concurrent modification and execution of instructions" and "Synchronization and coherency
 * issues between data and instruction accesses"). Clobbers x0 to x3, x9. MMU and caches on.
 */
FUNCTION(hal_sync_code)
    add     x1, x0, x1                  /* end */
    mrs     x2, ctr_el0
    ubfx    x2, x2, #CTR_EL0_DMINLINE_SHIFT, #4
    mov     x3, #4
    lsl     x3, x3, x2                  /* line size: 4 << DminLine bytes */
    sub     x9, x3, #1
    bic     x0, x0, x9
1:  cmp     x0, x1
    b.hs    2f
    dc      cvau, x0                    /* to where instruction fetches look */
    add     x0, x0, x3
    b       1b
2:  dsb     ish                         /* for: the invalidation, after the data is there */
    ic      iallu                       /* by address only the alias used would be hit in a VIPT cache */
    dsb     ish                         /* for: the ISB, after the invalidation */
    isb                                 /* for: fetches of this CPU from here on */
    ret
END_FUNCTION(hal_sync_code)
