/*
 * Synchronous exceptions of the guests, and how they go on behind them.
 *
 * A guest that is about to fault says in x16 where to resume; x16 == 0 stands for: run the faulting
 * instruction again, with x17 in x0. An SVC returns behind itself. x14 and x15 are the handler's.
 */
    .text
    .globl vectors
    .balign 2048
vectors:
    .space 0x200
    .type vector_sync, %function
vector_sync: // function: vector_sync 4
    b handle_sync // cover: hit 4
    .size vector_sync, . - vector_sync

    .type handle_sync, %function
handle_sync: // function: handle_sync 4
    mrs x15, esr_el1 // cover: hit 4
    lsr x15, x15, #26 // cover: hit 4
    cmp x15, #0x15 // cover: hit 4
    b.eq 2f // cover: hit 4; branch: both
    cbz x16, 1f // cover: hit 3; branch: both
    msr elr_el1, x16 // cover: hit 2
    eret // cover: hit 2
1:  mov x0, x17 // cover: hit 1
    eret // cover: hit 1
2:  eret // cover: hit 1
    .size handle_sync, . - handle_sync
    .balign 64

/* call_guarded: calls x0; returns 0 when it returns, 1 when it faults. */
    .globl call_guarded
    .type call_guarded, %function
call_guarded: // function: call_guarded 2
    adrp x9, guard // cover: hit 2
    add x9, x9, :lo12:guard // cover: hit 2
    mov x10, sp // cover: hit 2
    stp x29, x30, [x9] // cover: hit 2
    str x10, [x9, #16] // cover: hit 2
    adr x16, 1f // cover: hit 2
    blr x0 // cover: hit 2
    mov x0, #0 // cover: miss
    b 2f // cover: miss
1:  mov x0, #1 // cover: hit 2
2:  adrp x9, guard // cover: hit 2
    add x9, x9, :lo12:guard // cover: hit 2
    ldp x29, x30, [x9] // cover: hit 2
    ldr x10, [x9, #16] // cover: hit 2
    mov sp, x10 // cover: hit 2
    ret // cover: hit 2
    .size call_guarded, . - call_guarded

    .section .bss, "aw", %nobits
    .balign 16
guard:
    .skip 32
