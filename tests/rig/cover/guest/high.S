/*
 * Entry of the guest that is linked high and starts low, MMU off: it runs the same code low (MMU off
 * and on), high (on), and low again (off), faults on a branch that leaves what is mapped, powers off.
 *
 * One level 1 and one level 2 table serve both halves (39-bit addresses); they map 2 MiB of RAM.
 */
#define BLOCK_NORMAL ((3 << 8) | (1 << 10) | (1 << 2) | 0x1)
#define TABLE 0x3
#define RAM 0x40000000
#define HALF(shift) ((25 | (1 << 8) | (1 << 10) | (3 << 12)) << (shift))
#define SCTLR_OFF 0x30d00800
#define SCTLR_ON 0x30d01805

    .section .text.start, "ax"
    .globl _start
    .type _start, %function
_start: // function: _start 1
    bl set_up // cover: hit 1
    bl low_calls // cover: hit 1
    bl make_tables // cover: hit 1
    ldr x1, =SCTLR_ON // cover: hit 1
    msr sctlr_el1, x1 // cover: hit 1
    isb // cover: hit 1
    mov x0, #4 // cover: hit 1
    bl both_sides // cover: hit 1
    ldr x1, =high_part // cover: hit 1
    blr x1 // cover: hit 1
    bl set_up // cover: hit 1
    ldr x1, =SCTLR_OFF // cover: hit 1
    msr sctlr_el1, x1 // cover: hit 1
    isb // cover: hit 1
    mov x0, #0 // cover: hit 1
    bl both_sides // cover: hit 1
    movz x0, #0x8400, lsl #16 // cover: hit 1
    movk x0, #8 // cover: hit 1
    hvc #0 // cover: hit 1
    b . // cover: miss
    .ltorg
    .size _start, . - _start

    .text
/* Stack and vectors where the code runs. */
    .type set_up, %function
set_up: // function: set_up 3
    adrp x0, stack_top // cover: hit 3
    add x0, x0, :lo12:stack_top // cover: hit 3
    mov sp, x0 // cover: hit 3
    adrp x0, vectors // cover: hit 3
    add x0, x0, :lo12:vectors // cover: hit 3
    msr vbar_el1, x0 // cover: hit 3
    isb // cover: hit 3
    ret // cover: hit 3
    .size set_up, . - set_up

    .type low_calls, %function
low_calls: // function: low_calls 1
    stp x29, x30, [sp, #-16]! // cover: hit 1
    mov x0, #0 // cover: hit 1
    bl both_sides // cover: hit 1
    mov x0, #1 // cover: hit 1
    bl both_sides // cover: hit 1
    mov x0, #0 // cover: hit 1
    bl both_sides // cover: hit 1
    ldp x29, x30, [sp], #16 // cover: hit 1
    ret // cover: hit 1
    .size low_calls, . - low_calls

    .type make_tables, %function
make_tables: // function: make_tables 1
    adrp x0, level1 // cover: hit 1
    adrp x2, level2 // cover: hit 1
    mov x1, #TABLE // cover: hit 1
    orr x1, x1, x2 // cover: hit 1
    str x1, [x0, #8] // cover: hit 1
    ldr x1, =RAM + BLOCK_NORMAL // cover: hit 1
    str x1, [x2] // cover: hit 1
    dsb sy // cover: hit 1
    mov x1, #0xff00 // cover: hit 1
    msr mair_el1, x1 // cover: hit 1
    ldr x1, =HALF(0) | HALF(16) | (2 << 30) // cover: hit 1
    msr tcr_el1, x1 // cover: hit 1
    msr ttbr0_el1, x0 // cover: hit 1
    msr ttbr1_el1, x0 // cover: hit 1
    isb // cover: hit 1
    ret // cover: hit 1
    .ltorg
    .size make_tables, . - make_tables
    .balign 256

    .type high_part, %function
high_part: // function: high_part 1
    mov x20, x30 // cover: hit 1
    bl set_up // cover: hit 1
    mov x0, #1 // cover: hit 1
    bl both_sides // cover: hit 1
    mov x0, #0 // cover: hit 1
    bl both_sides // cover: hit 1
    adrp x0, leaves_map // cover: hit 1
    add x0, x0, :lo12:leaves_map // cover: hit 1
    bl call_guarded // cover: hit 1
    cbz x0, . // cover: hit 1; branch: not-taken
    ret x20 // cover: hit 1
    .size high_part, . - high_part

/* The branch runs and is taken, yet nobody sees its target begin: its outcome is not known. */
    .section .edge, "ax"
    .type leaves_map, %function
leaves_map: // function: leaves_map 1
    cmp xzr, xzr // cover: hit 1
    b.eq beyond // cover: hit 1; branch: unknown
    ret // cover: miss
    .size leaves_map, . - leaves_map

    .section .bss, "aw", %nobits
    .balign 4096
level1:
    .skip 4096
level2:
    .skip 4096
    .skip 4096
stack_top:
