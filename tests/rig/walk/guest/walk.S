/*
 * Asks the CPU what addresses mean, for each scenario and probe that the host put into RAM: by AT
 * from EL3, and by jumping there at EL1, EL0 or EL2.
 *
 * It runs at EL3 with translation off, so nothing of its own is ever mapped. A jump comes back by
 * SMC: the probed pages hold SVC, which the vectors of EL1 or EL2 take, as they take aborts, and
 * those consist of SMC. EL3 then notes ESR, ELR and FAR of that level.
 *
 * x19 header, x20 scenario, x21 scenarios left, x22 probe, x23 probes left, x24 regime,
 * x25 where an exception goes on, x26 its ESR_EL3, x28 whether AT S1E1RP exists.
 */
#include "layout.h"

#define SCR_VALUE   0x531               /* RW, HCE, RES1, NS */
#define HCR_RW      (1 << 31)
#define CPTR_EL2_0  0x33ff
#define SPSR_EL0T   0x3c0
#define SPSR_EL1H   0x3c5
#define SPSR_EL2H   0x3c9
#define PAN         S3_0_C4_C2_3
#define PSTATE_PAN  (1 << 22)
#define SYS_EXIT    0x18

    .section .text.start, "ax"
    .globl  _start
_start:
    adrp    x0, vectors
    msr     vbar_el3, x0
    mov     x0, #SCR_VALUE
    msr     scr_el3, x0
    msr     cptr_el3, xzr
    mov     x0, #HCR_RW
    msr     hcr_el2, x0
    mov     x0, #CPTR_EL2_0
    msr     cptr_el2, x0
    msr     mdcr_el2, xzr
    msr     vttbr_el2, xzr
    msr     hstr_el2, xzr
    isb
    ldr     x19, =LAYOUT_HEADER_PA
    mrs     x0, id_aa64mmfr0_el1
    mrs     x1, id_aa64mmfr1_el1
    mrs     x2, S3_0_C0_C7_2            /* ID_AA64MMFR2_EL1 */
    str     x0, [x19, #HEADER_MMFR0]
    str     x1, [x19, #HEADER_MMFR1]
    str     x2, [x19, #HEADER_MMFR2]
    ubfx    x1, x1, #20, #4             /* PAN: 2 and above is FEAT_PAN2 */
    cmp     x1, #2
    cset    x28, hs
    ldr     x20, [x19, #HEADER_SCENARIOS_PA]
    ldr     x21, [x19, #HEADER_SCENARIO_COUNT]
next_scenario:
    cbz     x21, done
    ldr     x22, [x20, #SCENARIO_PROBES_PA]
    ldr     x23, [x20, #SCENARIO_PROBE_COUNT]
    ldr     x24, [x20, #SCENARIO_REGIME]
    bl      set_registers
next_probe:
    cbz     x23, scenario_end
    cbnz    x24, 1f
    bl      probe_el1
    b       2f
1:  bl      probe_el2
2:  add     x22, x22, #PROBE_SIZE
    sub     x23, x23, #1
    ldr     x0, [x19, #HEADER_AT_PROBE]
    add     x0, x0, #1
    str     x0, [x19, #HEADER_AT_PROBE]
    b       next_probe
scenario_end:
    add     x20, x20, #SCENARIO_SIZE
    sub     x21, x21, #1
    ldr     x0, [x19, #HEADER_AT_SCENARIO]
    add     x0, x0, #1
    str     x0, [x19, #HEADER_AT_SCENARIO]
    str     xzr, [x19, #HEADER_AT_PROBE]
    b       next_scenario
done:
    ldr     x0, =HEADER_DONE_VALUE
    str     x0, [x19, #HEADER_DONE]
power_off:
    dsb     sy
    mov     w0, #SYS_EXIT
    adr     x1, exit_reason
    hlt     #0xf000
    b       .
    .balign 8
exit_reason:
    .quad   0x20026, 0                  /* ADP_Stopped_ApplicationExit */
    .ltorg

/* The scenario's translation registers, and no translation of the one before. */
set_registers:
    ldp     x0, x1, [x20, #SCENARIO_SCTLR]      /* and SCENARIO_TCR */
    ldp     x2, x3, [x20, #SCENARIO_TTBR0]      /* and SCENARIO_TTBR1 */
    ldp     x4, x5, [x20, #SCENARIO_MAIR]       /* and SCENARIO_VBAR */
    cbnz    x24, 1f
    msr     sctlr_el1, x0
    msr     tcr_el1, x1
    msr     ttbr0_el1, x2
    msr     ttbr1_el1, x3
    msr     mair_el1, x4
    msr     vbar_el1, x5
    b       2f
1:  msr     sctlr_el2, x0
    msr     tcr_el2, x1
    msr     ttbr0_el2, x2
    msr     mair_el2, x4
    msr     vbar_el2, x5
2:  isb
    tlbi    alle1
    tlbi    alle2
    dsb     sy
    isb
    ret

/* One AT of the address in x0 into the probe's slot. An external abort of the walk comes back to
 * x25 with its ESR in x26. */
.macro ask at:vararg
    adr     x25, 9f
    mov     x26, #0
    mov     x27, #0
    \at
    isb
    mrs     x27, par_el1
9:  stp     x27, x26, [x9], #16
.endm

/* Jump to the address in x0 with SPSR x1, and note in [x9] how it came back. */
.macro jump el
    msr     esr_\el, xzr
    msr     elr_\el, xzr
    msr     far_\el, xzr
    msr     elr_el3, x0
    msr     spsr_el3, x1
    adr     x25, 9f
    isb
    eret
9:  mrs     x2, elr_el3
    stp     x26, x2, [x9]
    mrs     x2, esr_\el
    mrs     x3, elr_\el
    stp     x2, x3, [x9, #16]
    mrs     x2, far_\el
    str     x2, [x9, #32]
.endm

probe_el1:
    ldr     x0, [x22, #PROBE_VA]
    ldr     x10, [x22, #PROBE_EXECUTE]
    add     x9, x22, #PROBE_AT
    ask     at s1e1r, x0
    ask     at s1e1w, x0
    ask     at s1e0r, x0
    ask     at s1e0w, x0
    cbz     x28, 1f
    mov     x1, #PSTATE_PAN
    msr     PAN, x1
    ask     sys #0, c7, c9, #0, x0      /* AT S1E1RP */
    ask     sys #0, c7, c9, #1, x0      /* AT S1E1WP */
    msr     PAN, xzr
1:  add     x9, x22, #PROBE_EXECUTION
    tbz     x10, #EXECUTE_PRIVILEGED_BIT, 2f
    mov     x1, #SPSR_EL1H
    jump    el1
2:  add     x9, x9, #40
    tbz     x10, #EXECUTE_EL0_BIT, 3f
    mov     x1, #SPSR_EL0T
    jump    el1
3:  ret

probe_el2:
    ldr     x0, [x22, #PROBE_VA]
    ldr     x10, [x22, #PROBE_EXECUTE]
    add     x9, x22, #PROBE_AT
    ask     at s1e2r, x0
    ask     at s1e2w, x0
    add     x9, x22, #PROBE_EXECUTION
    tbz     x10, #EXECUTE_PRIVILEGED_BIT, 1f
    mov     x1, #SPSR_EL2H
    jump    el2
1:  ret

/* Two exceptions are expected: one that AT takes here, and one from a lower level that uses
 * AArch64. Both go on at x25. */
    .text
    .balign 4096                       /* ADRP leads there */
vectors:
.macro vector to
    .balign 128
    b       \to
.endm
    .rept   4
    vector  bad
    .endr
    vector  come_back
    .rept   3
    vector  bad
    .endr
    vector  come_back
    .rept   7
    vector  bad
    .endr
come_back:
    mrs     x26, esr_el3
    br      x25
bad:
    mrs     x0, esr_el3
    str     x0, [x19, #HEADER_BAD]
    b       power_off
