/* Filling a page with zeros. */
#include <arch/asm.inc>
#include <arch/layout.h>
#include <sysregs.h>

#define BLOCKS_A_TURN  8
#define STORED_A_TURN  128 /* bytes: 8 STP of 16 */

    .section .text.zero_page, "ax"

/*
 * hal_zero_page(x0 page): page-aligned, normal cacheable memory, MMU and caches on (DC ZVA on device
 * memory is an alignment fault). Clobbers x0 to x2, x9. Orders nothing: these are plain stores.
 */
FUNCTION(hal_zero_page)
    mrs     x1, dczid_el0
    tbnz    x1, #DCZID_EL0_DZP_SHIFT, 2f /* DC ZVA is prohibited */
    add     x2, x0, #LAYOUT_PAGE_SIZE   /* end */
    and     x9, x1, #DCZID_EL0_BS_MASK
    mov     x1, #4
    lsl     x1, x1, x9                  /* block size: 4 << BS bytes (DDI 0487, DCZID_EL0) */
    cmp     x1, #(LAYOUT_PAGE_SIZE / BLOCKS_A_TURN)
    b.hi    2f                          /* larger blocks than the turn below can do */
1:  .rept   BLOCKS_A_TURN
    dc      zva, x0
    add     x0, x0, x1
    .endr
    cmp     x0, x2
    b.ne    1b
    ret

2:  add     x2, x0, #LAYOUT_PAGE_SIZE
3:  stp     xzr, xzr, [x0]
    stp     xzr, xzr, [x0, #16]
    stp     xzr, xzr, [x0, #32]
    stp     xzr, xzr, [x0, #48]
    stp     xzr, xzr, [x0, #64]
    stp     xzr, xzr, [x0, #80]
    stp     xzr, xzr, [x0, #96]
    stp     xzr, xzr, [x0, #112]
    add     x0, x0, #STORED_A_TURN
    cmp     x0, x2
    b.ne    3b
    ret
END_FUNCTION(hal_zero_page)
