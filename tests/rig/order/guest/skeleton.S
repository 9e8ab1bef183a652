/*
 * Entry, vectors, end and translation tables of the guests; skeleton.inc tells what scenes may use.
 *
 * A guest prints "end" and powers off by PSCI; an exception that no scene asked for prints "bad".
 */
#include "skeleton.inc"

    .section .text.start, "ax"
    .globl  _start
_start:
    mrs     x28, CurrentEL
    lsr     x28, x28, #2
    ldr     x20, =MAIR_VALUE
    ldr     x21, =TCR_VALUE
    ldr     x22, =l1
    ldr     x23, =l1_high
    ldr     x24, =SCTLR_VALUE
    cmp     x28, #2
    b.ne    at_el1
#ifdef STAYS_AT_EL2
    b       scene
#endif
    mov     x9, #1 << 31                /* HCR_EL2.RW */
    msr     hcr_el2, x9
    isb                                 /* for: E2H decides how the next registers are read */
    mov     x9, #0x33ff                 /* CPTR_EL2: FP is EL1's own matter */
    msr     cptr_el2, x9
    mov     x9, #SPSR_EL1H
    msr     spsr_el2, x9
    adr     x9, at_el1
    msr     elr_el2, x9
    eret
at_el1:
    adrp    x9, vectors
    add     x9, x9, :lo12:vectors
    msr     vbar_el1, x9
    isb
    mov     x16, #0
    b       scene
    .ltorg

    .text
    .globl  mmu_on, finish, vectors, vector_sync
/* Translation on for both halves. Clobbers nothing. */
mmu_on:
    msr     mair_el1, x20
    msr     tcr_el1, x21
    msr     ttbr0_el1, x22
    msr     ttbr1_el1, x23
    isb                                 /* for: the TLBI and walks */
    tlbi    vmalle1
    dsb     nsh
    isb
    msr     sctlr_el1, x24
    isb
    ret

/* From whichever half. */
finish:
    mov     w0, #'e'
    mov     w1, #'n'
    mov     w2, #'d'
say:
    mov     w3, #'\n'
    adr     x9, finish
    and     x9, x9, #HIGH
    movz    x10, #0x0900, lsl #16       /* the UART, in the half that the PC is in */
    add     x9, x9, x10
    str     w0, [x9]
    str     w1, [x9]
    str     w2, [x9]
    str     w3, [x9]
    movz    x0, #0x8400, lsl #16        /* PSCI SYSTEM_OFF */
    movk    x0, #8
    cmp     x28, #2
    b.eq    1f
    hvc     #0
1:  smc     #0
    b       .

unexpected:
    mov     w0, #'b'
    mov     w1, #'a'
    mov     w2, #'d'
    b       say

resume:
    cbz     x16, unexpected
    msr     elr_el1, x16
    mov     x15, #SPSR_EL1H
    msr     spsr_el1, x15
    mov     x16, #0
    eret

/* Synchronous exceptions go on where a scene says; anything else ends here by an undefined one. */
    .macro vector_table name
    .balign 2048
\name:
    .skip   0x200
\name\()_sync:
    b       resume
    .skip   0x200 - 4
\name\()_sync_el0:
    b       resume
    .skip   0x400 - 4
    .endm

    vector_table vectors
    vector_table vectors_other

    .balign 2048
vectors_el2:
    .skip   0x200
vectors_el2_sync:
    eret
    .skip   0x600 - 4

    .section .user, "ax"
/* Of EL0. x0 is an address it may read. */
user_code:
    svc     #0
    .balign 64
user_read:
    ldr     x1, [x0]
    svc     #0
    .balign 64
user_mistakes:                          /* undefined at EL0 */
    step mistake, msr ttbr0_el1, x0

    .section .pages.code, "ax"
code_page:
    mov     x0, #1
    ret
    .balign 256
code_other:
    mov     x0, #2
    ret
    .balign 4096

    .section .pages.data, "aw"
    .balign 4096
page_a:
    .quad   0xa
    .balign 4096
    .globl  page_b
page_b:
    .quad   0xb
    .balign 4096
page_changing:
    .quad   0xc
    .balign 4096
page_user:
    .quad   0xd
    .balign 4096

    .macro entries number
    .rept   \number
    .quad   0
    .endr
    .endm

    .section .tables, "aw"
    .balign 4096
l1:
    .quad   VALID + DEVICES
    .quad   l2 + TABLE
    entries 510
l2:
    .quad   0x40000000 + VALID + READ_ONLY + MEMORY
    .quad   0x40200000 + VALID + DATA
    .quad   l3 + TABLE
    .quad   BLOCK + VALID + DATA
    .quad   0
    .quad   l3_other + TABLE
    entries 506
l3:
    .quad   code_page + PAGE + MEMORY
    .quad   user_code + PAGE + MEMORY + PXN + USER + READ_ONLY - UXN
    .quad   page_a + PAGE + DATA
    .quad   page_b + PAGE + DATA
    .quad   page_changing + PAGE + CHANGING - NORMAL + DATA
    .quad   page_user + PAGE + DATA + USER
    entries 506
/* As l3, but page_a's address gives page_b, and so does the hole. */
l1_other_root:
    .quad   VALID + DEVICES
    .quad   l2_of_other_root + TABLE
    entries 510
l2_of_other_root:
    .quad   0x40000000 + VALID + READ_ONLY + MEMORY
    .quad   0x40200000 + VALID + DATA
    .quad   l3_of_other_root + TABLE
    entries 509
l3_of_other_root:
    entries 2
    .quad   page_b + PAGE + DATA
    entries 5
    .quad   page_b + PAGE + DATA
    entries 503
/* One page at OTHER. */
l3_other:
    .quad   page_b + PAGE + DATA
    entries 511
/* The block at BLOCK, page by page. */
l3_split:
    .set    index, 0
    .rept   512
    .quad   BLOCK + 4096 * index + PAGE + DATA
    .set    index, index + 1
    .endr
/* In no tree. */
l3_spare:
    entries 512
l1_empty:
    entries 512
l1_high:
    .quad   VALID + DEVICES
    .quad   0x40000000 + VALID + MEMORY
    entries 510
/* As l1_high, and in no tree. */
l1_high_other:
    .quad   VALID + DEVICES
    .quad   0x40000000 + VALID + MEMORY
    entries 510
/* EL2's own, in no tree: bit 54 is its XN. */
l1_of_el2:
    .quad   VALID + DEVICES
    .quad   0x40000000 + VALID + MEMORY - UXN
    entries 510
