/*
 * A guest whose translation tables are odd in every way that a snapshot has to bear: one refers to
 * itself, one lies in a device, one where nothing is, one in flash. It runs at EL1, or at EL2 where
 * it is entered there, and ends as defined: GUEST_SPIN never, GUEST_RESET by a reset, GUEST_EXIT by
 * semihosting; otherwise it turns the machine off.
 */
#define UART_DR        0x09000000
#define SYSTEM_OFF     0x84000008
#define SYSTEM_RESET   0x84000009
#define SYS_EXIT       0x18
#define STOPPED        0x20026

#define TABLE          0x3
#define DEVICE         (1 << 54 | 0x401)
#define NORMAL         (3 << 8 | 1 << 2 | 0x401)
/* 39 bits of 4 KiB pages from level 1 on; the other half of EL1 is off. 40-bit physical addresses. */
#define TCR_EL1_VALUE  (25 | 1 << 23 | 2 << 32)
#define TCR_EL2_VALUE  (25 | 2 << 16 | 1 << 31 | 1 << 23)
#define SCTLR_RES1     0x30d00800
#define SCTLR_EL2_RES1 0x30c50830

.text
.global _start
_start:
    adr x0, table
    ldr x1, =0xff00                 /* Attr0 Device-nGnRnE, Attr1 Normal write-back */
    mrs x9, currentel
    cmp x9, #8
    b.eq at_el2
    msr ttbr0_el1, x0
    msr mair_el1, x1
    ldr x1, =TCR_EL1_VALUE
    msr tcr_el1, x1
    isb
    ldr x1, =SCTLR_RES1 | 1
    msr sctlr_el1, x1
    isb
    b mmu_is_on
at_el2:
    msr ttbr0_el2, x0
    msr mair_el2, x1
    ldr x1, =TCR_EL2_VALUE
    msr tcr_el2, x1
    isb
    ldr x1, =SCTLR_EL2_RES1 | 1
    msr sctlr_el2, x1
    isb

.global mmu_is_on
mmu_is_on:
    mov x3, #3
again:
.global arrival
arrival:
    subs x3, x3, #1
    b.ne again
    ldr x1, =UART_DR
    mov w2, #'.'
    str w2, [x1]
#ifdef GUEST_SPIN
    b .
#endif
#ifdef GUEST_EXIT
    adr x1, reason
    mov w0, #SYS_EXIT
    hlt #0xf000
#endif
#ifdef GUEST_RESET
    ldr x0, =SYSTEM_RESET
#else
    ldr x0, =SYSTEM_OFF
#endif
    cmp x9, #8
    b.eq 1f
    hvc #0
1:  smc #0
    b .

.global never
never:
    nop

.section .rodata
.balign 8
reason:
    .quad STOPPED, 0

/* Below the image's first GiB: devices; then RAM; then the odd ones. */
.section .data
.balign 4096
.global table
table:
    .quad 0x00000000 + DEVICE
    .quad 0x40000000 + NORMAL
    .quad table + TABLE             /* itself, one level down */
    .quad 0x09000000 + TABLE        /* the UART */
    .quad 0x50000000 + TABLE        /* nothing */
    .quad 0x00001000 + TABLE        /* flash */
    .fill 506, 8, 0
