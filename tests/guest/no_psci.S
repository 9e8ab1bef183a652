/*
 * A hypervisor that offers little: it enters the kernel at EL1, forbids DC ZVA, and has no PSCI: each HVC is
 * answered by returning. Needs EL2.
 */
#define KERNEL_ENTRY 0x40080000

    .text
    .global _start
    .balign 2048
vectors:
    .rept   16
    .balign 128
    mov     x0, #-1                     /* PSCI's NOT_SUPPORTED */
    eret
    .endr
    .balign 2048
_start:
    adr     x0, vectors
    msr     vbar_el2, x0
    mov     x0, #0x90000000             /* HCR_EL2.RW: EL1 is AArch64; TDZ: DC ZVA is prohibited */
    msr     hcr_el2, x0
    mov     x0, #0x30d00000
    movk    x0, #0x0800
    msr     sctlr_el1, x0               /* the MMU off, RES1 bits */
    mov     x0, #0x33ff
    msr     cptr_el2, x0
    mov     x0, #3
    msr     cnthctl_el2, x0
    movz    x0, #(KERNEL_ENTRY >> 16), lsl #16
    movk    x0, #(KERNEL_ENTRY & 0xffff)
    msr     elr_el2, x0
    mov     x0, #0x3c5                  /* EL1h, DAIF masked */
    msr     spsr_el2, x0
    eret
