/*
 * Boot steps 0 to 2 (SYSTEM.md section 3): from the first instruction to a C environment at EL1.
 *
 * Everything here runs low (PC = physical address) with the MMU off.
 */
#include <arch/asm.inc>
#include <arch/boot.h>
#include <arch/translation.h>
#include <sysregs.h>

#define ENTRY_EL w19 /* 1 or 2; survives the zeroing of .bss */

/* HCR_EL2.RW: EL1 is AArch64; all traps, stage 2 and E2H off. */
#define HCR_EL2_VALUE HCR_EL2_RW_BIT
/* EL1 may read the physical counter and timer. */
#define CNTHCTL_EL2_VALUE (CNTHCTL_EL2_EL1PCTEN_BIT | CNTHCTL_EL2_EL1PCEN_BIT)
/* RES1 bits (13, 12, 9, 7:0) and TZ: no trap of FP or CPACR accesses, SVE trapped. */
#define CPTR_EL2_VALUE 0x33FF
/* EL1h with DAIF masked. */
#define SPSR_EL2_VALUE (SPSR_EL2_DAIF_ALL_MASKED | SPSR_EL2_M_EL1H)
/* ID_AA64MMFR4_EL1 and its E2H0 field; named by encoding, older assemblers lack the name. */
#define ID_AA64MMFR4_EL1 S3_0_C0_C7_4
#define ID_AA64MMFR4_EL1_E2H0_SHIFT 24

    .section .text.boot, "ax"

/*
 * _start: entered by the loader.
 * In: any of EL1, EL2 (anything else halts by name), MMU off, DAIF and all registers unknown.
 */
FUNCTION(_start)
    msr     daifset, #0xf               /* step 0: nothing may interrupt the boot */
    mrs     x9, CurrentEL               /* step 1 */
    cmp     x9, #CURRENTEL_EL_EL2
    b.eq    boot_from_el2
    cmp     x9, #CURRENTEL_EL_EL1
    b.eq    boot_from_el1
    b       boot_halt_unsupported_el
END_FUNCTION(_start)

/* Entered at EL1. A loader that left the MMU on has given us an unknown map: refuse it. */
FUNCTION(boot_from_el1)
    mov     ENTRY_EL, #1
    mrs     x9, sctlr_el1
    tbnz    x9, #SCTLR_EL1_M_SHIFT, boot_halt_mmu_already_on
    load_constant x9, SCTLR_EL1_MMU_OFF
    msr     sctlr_el1, x9               /* whole value, whatever the loader left */
    isb                                 /* for: the instructions below */
    b       boot_el1
END_FUNCTION(boot_from_el1)

/*
 * Entered at EL2: write whole every EL2 register that shapes EL1, then drop.
 * The ERET is the context synchronization event for all of them.
 */
FUNCTION(boot_from_el2)
    mov     ENTRY_EL, #2
    mrs     x9, sctlr_el2
    tbnz    x9, #SCTLR_EL2_M_SHIFT, boot_halt_mmu_already_on
    load_constant x9, HCR_EL2_VALUE
    msr     hcr_el2, x9
    isb                                 /* for: E2H decides what the registers below mean */
    mrs     x9, hcr_el2                 /* an E2H that cannot be cleared reads back as 1 ... */
    tbnz    x9, #HCR_EL2_E2H_SHIFT, boot_halt_e2h_res1
    mrs     x9, ID_AA64MMFR4_EL1        /* ... or the CPU says that FEAT_E2H0 is missing */
    ubfx    x9, x9, #ID_AA64MMFR4_EL1_E2H0_SHIFT, #4
    cbnz    x9, boot_halt_e2h_res1

    load_here x9, boot_el2_vectors
    msr     vbar_el2, x9
    load_constant x9, SCTLR_EL1_MMU_OFF
    msr     sctlr_el1, x9               /* unknown at reset */
    mov     x9, #CNTHCTL_EL2_VALUE
    msr     cnthctl_el2, x9
    msr     cntvoff_el2, xzr
    mov     x9, #CPTR_EL2_VALUE
    msr     cptr_el2, x9
    msr     hstr_el2, xzr
    msr     vttbr_el2, xzr

    mov     x10, xzr                    /* MDCR_EL2: HPMN = PMCR_EL0.N, or 0 without a PMU */
    mrs     x9, id_aa64dfr0_el1
    ubfx    x9, x9, #ID_AA64DFR0_EL1_PMUVER_SHIFT, #4
    cbz     x9, 1f
    cmp     x9, #0xf                    /* 0xF: implementation defined, not a PMUv3 */
    b.eq    1f
    mrs     x9, pmcr_el0
    ubfx    x10, x9, #PMCR_EL0_N_SHIFT, #5
1:  msr     mdcr_el2, x10

    mrs     x9, midr_el1
    msr     vpidr_el2, x9
    mrs     x9, mpidr_el1
    msr     vmpidr_el2, x9

    mov     x9, #SPSR_EL2_VALUE
    msr     spsr_el2, x9
    load_here x9, boot_el1
    msr     elr_el2, x9
    eret
END_FUNCTION(boot_from_el2)

/* Both ways meet here: EL1, DAIF masked, MMU off, ENTRY_EL set. */
FUNCTION(boot_el1)
    msr     spsel, #1                   /* EL1h: SP is SP_EL1 */
    msr     cntkctl_el1, xzr            /* EL0 gets no counter, no timer, no event stream */
    mrs     x9, id_aa64dfr0_el1
    ubfx    x9, x9, #ID_AA64DFR0_EL1_PMUVER_SHIFT, #4
    cbz     x9, 1f
    cmp     x9, #0xf
    b.eq    1f
    msr     pmuserenr_el0, xzr
1:  mov     x9, #MDSCR_EL1_TDCC_BIT     /* EL0 has no debug channel; no debug exceptions */
    msr     mdscr_el1, x9
    msr     tpidr_el0, xzr
    msr     tpidrro_el0, xzr
    msr     tpidr_el1, xzr
    b       boot_c_environment
END_FUNCTION(boot_el1)

/* Step 2: stack, FP trapped, .bss, vectors; then the first C code. */
FUNCTION(boot_c_environment)
    load_here x9, __boot_stack_top
    mov     sp, x9
    msr     cpacr_el1, xzr              /* FPEN = 0b00: nobody uses FP/SIMD */
    load_here x9, __bss_start
    load_here x10, __bss_end
1:  cmp     x9, x10                     /* both are 4 KiB aligned (kernel.ld.S) */
    b.hs    2f
    stp     xzr, xzr, [x9], #16
    b       1b
2:  load_here x20, boot_status
    str     ENTRY_EL, [x20, #BOOT_STATUS_ENTRY_EL] /* first: a report ends by its PSCI conduit */
    load_here x9, vectors
    msr     vbar_el1, x9
    isb                                 /* for: any exception from here on, and CPACR_EL1 */
    mov     w9, #2
    str     w9, [x20, #BOOT_STATUS_STEP]
    mov     x29, xzr                    /* end of every backtrace */
    mov     x30, xzr
    bl      kernel_main
    b       boot_enable_identity_map
END_FUNCTION(boot_c_environment)

/*
 * Halts that cannot print: the machine is not in a state we know. Each has its own name, so that a
 * debugger shows the reason, and leaves its code in x0. Nothing is stored: under somebody else's map
 * a store could fault, and the halt would lose its name.
 */
    .macro halt_by_name name, code
FUNCTION(\name)
    mov     x0, #\code
1:  wfi
    b       1b
END_FUNCTION(\name)
    .endm

    halt_by_name boot_halt_unsupported_el, BOOT_HALT_UNSUPPORTED_EL
    halt_by_name boot_halt_mmu_already_on, BOOT_HALT_MMU_ALREADY_ON
    halt_by_name boot_halt_e2h_res1, BOOT_HALT_E2H_RES1
    halt_by_name boot_halt_el2_exception, BOOT_HALT_EL2_EXCEPTION

/* VBAR_EL2: nothing should reach EL2 any more; whatever does halts by name. Placed beside vectors. */
    .section .text.boot_el2_vectors, "ax"
    .balign 2048
FUNCTION(boot_el2_vectors)
    .rept   16
    .balign 128
    b       boot_halt_el2_exception
    .endr
END_FUNCTION(boot_el2_vectors)
