/* Branches of each kind with their direction known, faults in the middle of a block, data in code. */
    .text
    .globl asm_branches
    .type asm_branches, %function
asm_branches: // function: asm_branches 2
    mov x1, #0 // cover: hit 2
    mov x0, #4 // cover: hit 2
1:  add x1, x1, #1 // cover: hit 8
    subs x0, x0, #1 // cover: hit 8
    b.ne 1b // cover: hit 8; branch: both
    cbz x1, 2f // cover: hit 2; branch: not-taken
    cbnz w1, 3f // cover: hit 2; branch: taken
2:  mov x1, #0 // cover: miss
3:  tbz x1, #2, 2b // cover: hit 2; branch: not-taken
    tbnz w1, #2, 4f // cover: hit 2; branch: taken
    cbnz x0, 2b // cover: miss; branch: never
4:  b.eq 5f // cover: hit 2; branch: taken
    b 2b // cover: miss
5:  b.ne 2b; cbz x0, 6f // cover: hit 2; branch: not-taken, taken
    b 2b // cover: miss
6:  cbz x0, 7f // cover: hit 2; branch: unknown
7:  mov x0, x1 // cover: hit 2
    ret // cover: hit 2
    .size asm_branches, . - asm_branches
    .balign 128

/* The load faults; the handler resumes elsewhere. What follows in the block never runs. */
    .globl asm_fault
    .type asm_fault, %function
asm_fault: // function: asm_fault 1
    movz x0, #0x7f00, lsl #32 // cover: hit 1
    mov x1, #0 // cover: hit 1
    ldr x1, [x0] // cover: hit 1
    add x1, x1, #1 // cover: miss
    cbz x1, 1f // cover: miss; branch: never
    add x1, x1, #2 // cover: miss
1:  mov x0, x1 // cover: miss
    ret // cover: miss
    .size asm_fault, . - asm_fault

/* The load faults once, is mended by the handler and runs again: it began twice. */
    .globl asm_retry
    .type asm_retry, %function
asm_retry: // function: asm_retry 1
    movz x0, #0x7f00, lsl #32 // cover: hit 1
    adr x17, asm_retry // cover: hit 1
    mov x16, #0 // cover: hit 1
    ldr x1, [x0] // cover: hit 2
    add x1, x1, #1 // cover: hit 1
    cbz x1, 1f // cover: hit 1; branch: not-taken
    mov x0, #0 // cover: hit 1
1:  ret // cover: hit 1
    .size asm_retry, . - asm_retry

/* The line table has one row for all four; only the third is entered. */
    .globl asm_table
    .type asm_table, %function
asm_table: // function: asm_table 1
    .rept 4
    .balign 16
    ret // cover: hit 1
    .endr
    .size asm_table, . - asm_table

    .globl asm_middle
    .type asm_middle, %function
asm_middle: // function: asm_middle 1
    b asm_table + 32 // cover: hit 1
    .size asm_middle, . - asm_middle

/* Its constant lies in the code, between this function and the next, and looks like a branch. */
    .globl asm_literal
    .type asm_literal, %function
asm_literal: // function: asm_literal 1
    ldr x0, 1f // cover: hit 1
    ret // cover: hit 1
1:  .quad 0xb4000040b4000040
    .size asm_literal, . - asm_literal

    .globl asm_never
    .type asm_never, %function
asm_never: // function: asm_never 0
    cbz x0, 1f // cover: miss; branch: never
    nop // cover: miss
1:  ret // cover: miss
    .size asm_never, . - asm_never
