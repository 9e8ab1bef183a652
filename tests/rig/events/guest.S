/*
 * A guest whose events are known one by one. Its labels are what the test names.
 *   -DSPIN   ends in a loop of barriers instead of switching the machine off
 *   -DRETIRED  gives up a root and stores there 600 times
 *   -DCPUS   starts a second CPU, which executes an ISB and a WFI
 */
    .equ ROOT, 0x40210000       /* level 1, of 39-bit addresses */
    .equ LEVEL2, 0x40211000     /* of the second GiB */
    .equ LEVEL3, 0x40212000     /* linked in and out again */
    .equ OTHER_ROOT, 0x40213000
    .equ CODE, 0x40220008       /* written and executed; at no vector's place */
    .equ DATA, 0x40230000
    .equ PAGE, 0x40231000       /* cleared by DC ZVA */

    .equ DEVICE, 0x405          /* block: AF, AttrIndx 1 */
    .equ NORMAL, 0x701          /* block: AF, inner shareable, AttrIndx 0 */
    .equ TABLE, 3
    .equ TCR, 0x80193519        /* TnSZ 25, write-back, inner shareable, 4 KiB */
    .equ RETURN, 0xd65f03c0

    .global _start
_start:
    adr     x0, vectors
set_vbar:
    msr     vbar_el1, x0
vbar_isb:
    isb
    /* The tables, with the caches off. */
    ldr     x1, =ROOT
    ldr     x2, =LEVEL2
    mov     x0, #DEVICE
fill_root:
    str     x0, [x1]
    orr     x0, x2, #TABLE
    str     x0, [x1, #8]
    ldr     x0, =0x40000000 + NORMAL
    str     x0, [x2]
    ldr     x0, =0x40200000 + NORMAL
fill_level2:
    str     x0, [x2, #8]
fill_dsb:
    dsb     ish
    mov     x0, #0xff
set_mair:
    msr     mair_el1, x0
    ldr     x0, =TCR
set_tcr:
    msr     tcr_el1, x0
set_ttbr0:
    msr     ttbr0_el1, x1
ttbr0_isb:
    isb
tlbi_all:
    tlbi    vmalle1
tlbi_dsb:
    dsb     nsh
tlbi_isb:
    isb
    mrs     x0, sctlr_el1
    mov     x3, #0x1005         /* M, C, I */
    orr     x0, x0, x3
set_sctlr:
    msr     sctlr_el1, x0
sctlr_isb:
    isb
    /* The first read of a line that was written with the caches off, and two more. */
read_root:
    ldr     x4, [x1]
    ldr     x4, [x1, #8]
    ldr     x4, [x1]
    ldr     x5, =DATA
    /* A mapping is made, and used in the window. */
    ldr     x0, =0x40600000 + NORMAL
make:
    str     x0, [x2, #24]
use_early:
    ldr     x4, [x5]
make_dsb:
    dsb     ishst
make_isb:
    isb
use_late:
    ldr     x4, [x5]
    /* A table is linked in, */
    ldr     x6, =LEVEL3
    orr     x0, x6, #TABLE
link:
    str     x0, [x2, #16]
link_dsb:
    dsb     ishst
link_isb:
    isb
    /* and out again. */
unlink:
    str     xzr, [x2, #16]
unlink_dsb:
    dsb     ishst
    ldr     x0, =0x40400000 >> 12
unlink_tlbi:
    tlbi    vae1is, x0
unlink_end:
    dsb     ish
unlink_isb:
    isb
unwatched:
    str     xzr, [x6, #8]       /* no table now */
    ldr     x0, =0x40212000 + TABLE
relink:
    str     x0, [x2, #16]
crossing:
    str     xzr, [x6, #-4]      /* the end of LEVEL2, the start of LEVEL3 */
reunlink:
    str     xzr, [x2, #16]
again:
    str     x0, [x2, #16]       /* other than it was */
    str     xzr, [x2, #16]
same:
    str     x0, [x2, #16]       /* as it was */
    add     x10, x2, #24
exclusive_load:
    ldxr    x9, [x10]
exclusive:
    stxr    w11, x9, [x10]
pair:
    stp     xzr, xzr, [x2, #48]
again_dsb:
    dsb     ishst
again_isb:
    isb
unchanged:
    str     x9, [x2, #24]       /* opens no window */
    ldr     x4, [x5]
    /* Code is written, */
    ldr     x7, =CODE
    ldr     w0, =RETURN
write_code:
    str     w0, [x7, #4]
    ldr     w0, =0xd503201f     /* nop */
    str     w0, [x7]
code_dc:
    dc      cvau, x7
code_dsb:
    dsb     ish
code_ic:
    ic      ivau, x7
code_end:
    dsb     ish
code_isb:
    isb
first_call:
    blr     x7
    blr     x7                  /* and executed twice: told once */
    ldr     w0, =0x52800020     /* mov w0, #1 */
patch:
    str     w0, [x7]
patch_isb:
    isb
    blr     x7
    /* An exception and back. */
call:
    svc     #1
after_call:
    ldr     x8, =PAGE
    str     x8, [x8]
zero:
    dc      zva, x8
    orr     x0, x8, #TABLE
link_zeroed:
    str     x0, [x2, #32]
zeroed_dsb:
    dsb     ishst
zeroed_isb:
    isb
    str     x8, [x8, #8]
zero_live:
    dc      zva, x8
zero_dsb:
    dsb     ishst
zero_isb:
    isb
    /* The other half gets a root. */
    ldr     x0, =OTHER_ROOT
set_ttbr1:
    msr     ttbr1_el1, x0
other_isb:
    isb
at:
    at      s1e1r, x5
at_isb:
    isb
read_par:
    mrs     x0, par_el1
#ifdef RETIRED
    ldr     x1, =OTHER_ROOT
    add     x0, x1, #4096
retire:
    msr     ttbr1_el1, x0
    isb
    mov     x0, #600
1:  str     x0, [x1, #8]
    subs    x0, x0, #1
    b.ne    1b
#endif
#ifdef CPUS
    ldr     x0, =0xc4000003     /* PSCI CPU_ON */
    mov     x1, #1
    adr     x2, second
    mov     x3, #0
start_second:
    hvc     #0
wait_second:
    ldr     x0, =DATA
1:  ldr     x3, [x0]
    cbz     x3, 1b
#endif
#ifdef SPIN
spin:
    dsb     sy
    b       spin
#endif
    ldr     w0, =0x84000008     /* PSCI SYSTEM_OFF */
off:
    hvc     #0
    b       .

second:
    isb
second_isb:
    isb
    ldr     x0, =DATA
    mov     x3, #1
    str     x3, [x0]
second_wfi:
    wfi
    b       second_wfi

    .balign 2048
vectors:
    b       .
    .skip   0x200 - 4
synchronous:
    mov     x9, #1
handler_eret:
    eret
    .skip   0x600 - 8
    .ltorg
