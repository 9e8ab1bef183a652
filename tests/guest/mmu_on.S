/*
 * A loader that breaks the contract: it turns the MMU on, with a map that shows memory at its own
 * addresses, and enters the kernel like that, at EL2 where it starts there and at EL1 otherwise.
 */
#define KERNEL_ENTRY 0x40080000
#define T0SZ_4GIB    32 /* walks start at level 1, four entries */
#define BLOCK        0x401 /* a valid 1 GiB block with AF, attribute 0, read-write at EL1 */

    .text
    .global _start
    .balign 4096
table:
    .quad   BLOCK, 0x40000000 + BLOCK, 0, 0
    .balign 4096
_start:
    adr     x0, table
    mov     x1, #T0SZ_4GIB
    mov     x2, #0xff                   /* attribute 0: normal memory, write-back */
    movz    x4, #(KERNEL_ENTRY >> 16), lsl #16
    mrs     x3, CurrentEL
    cmp     x3, #(2 << 2)
    b.eq    1f
    msr     ttbr0_el1, x0
    msr     tcr_el1, x1
    msr     mair_el1, x2
    isb
    mrs     x3, sctlr_el1
    orr     x3, x3, #1
    msr     sctlr_el1, x3
    isb
    br      x4
1:  msr     ttbr0_el2, x0
    msr     tcr_el2, x1
    msr     mair_el2, x2
    isb
    mrs     x3, sctlr_el2
    orr     x3, x3, #1
    msr     sctlr_el2, x3
    isb
    br      x4
