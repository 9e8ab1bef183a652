/*
 * What every scene of the ordering rules' guests stands on; each file of scenes includes it.
 *
 * A scene is right as it is written. Its steps have names, and a case of cases.yaml takes some of
 * them away or puts something else in their place:
 *
 *     step dsb, dsb nsh
 *
 * Registers when a scene begins: x20 MAIR, x21 TCR, x22 TTBR0, x23 TTBR1, x24 SCTLR with MMU and
 * caches on, as `mmu_on` writes them; x28 the level the guest was entered at. No scene has a stack.
 * x16, when not 0, is where an exception goes on, at EL1. x14 to x16 are the handler's.
 *
 * The low half, from l1: 0x0 devices (block), 0x40000000 text (2 MiB block, read only), 0x40200000
 * data and tables (block), 0x40400000 single pages (l3), 0x40600000 data (block), 0x40800000 nothing,
 * 0x40a00000 through l3_other. The high half, from l1_high, is the low one's first 2 GiB in blocks.
 * All tables are in the image as it is loaded, so nobody wrote them.
 */
#ifndef SKELETON_H
#define SKELETON_H

#define VALID 0x1
#define TABLE 0x3
#define PAGE 0x3
#define DEVICE (0 << 2)
#define NORMAL (1 << 2)
#define CHANGING (2 << 2) /* MAIR attribute 2: Device until a scene changes it */
#define USER (1 << 6)
#define READ_ONLY (2 << 6)
#define SH_INNER (3 << 8)
#define AF (1 << 10)
#define NOT_GLOBAL (1 << 11)
#define CONTIGUOUS (1 << 52)
#define PXN (1 << 53)
#define UXN (1 << 54)
#define SOFTWARE (1 << 55)
#define MEMORY (NORMAL | SH_INNER | AF | UXN)
#define DATA (MEMORY | PXN)
#define DEVICES (DEVICE | AF | UXN | PXN)

#define MAIR_VALUE 0x0404ff04 /* 0 Device-nGnRE, 1 Normal write-back, 2 and 3 Device-nGnRE */
#define MAIR_CHANGED 0x04ffff04
#define TCR_HALF (25 | (1 << 8) | (1 << 10) | (3 << 12))
#define TCR_EPD0 (1 << 7)
#define TCR_EPD1 (1 << 23)
#define TCR_VALUE (TCR_HALF | (TCR_HALF << 16) | (2 << 30))
#define SCTLR_VALUE 0x30d01805
#define SCTLR_C (1 << 2)
#define SCTLR_WXN (1 << 19)
#define SPSR_EL1H 0x3c5
#define SPSR_EL0 0x3c0
#define ASID(number) ((number) << 48)
#define HIGH 0xffffff8000000000

#define PAGES 0x40400000
#define HOLE 0x40408000 /* mapped by no page of l3 */
#define HOLE_ENTRY (8 * 8)
#define BLOCK 0x40600000
#define BLOCK_ENTRY (3 * 8)
#define NOTHING 0x40800000 /* no entry in l2 */
#define NOTHING_ENTRY (4 * 8)
#define OTHER 0x40a00000
#define OTHER_ENTRY (5 * 8)

    .macro step name, insn:vararg
    .ifdef changed_\name
    .set    used_\name, 1               /* tells order_guests.py that the step exists */
    changed_step_\name
    .else
    \insn
    .endif
    .endm

    /* Let the next exception go on at a label. Clobbers x16 only. */
    .macro on_exception label
    adr     x16, \label
    .endm

    /* Go on in the other half, at the same code. Clobbers x9. */
    .macro go_high
    adr     x9, 77f
    orr     x9, x9, #HIGH
    br      x9
77:
    .endm

    /* What ERET needs to go on at a label. Clobbers x14, x15. */
    .macro eret_to label, spsr
    adr     x14, \label
    mov     x15, #\spsr
    msr     elr_el1, x14
    msr     spsr_el1, x15
    .endm

#endif
