/*
 * What a program may not do: each macro is one program, chosen with -DFAULT=macro. What must come of it is
 * in tests/rig/user/faults.yaml. `fault_site` is where the CPU reports the exception, unless the list names
 * another place: at the instruction itself, behind it for a call.
 *
 * In: x0 to x30 zero, SP at the stack's end. The kernel's addresses are those of SYSTEM.md section 2.
 */
#define UNMAPPED     0x900000
#define KERNEL_TEXT  0xffffffff40080000 /* pages */
#define DIRECT_MAP   0xffffffff44000000 /* blocks */
#define DEVICE       0xffffffff09000000 /* the UART */
#define NO_ADDRESS   0x0001000000000000 /* in neither half */

    .macro site instruction:vararg
    .globl  fault_site
fault_site:
    \instruction
    .endm

    .macro behind instruction:vararg
    \instruction
    .globl  fault_site
fault_site:
    .endm

    .macro load address
    ldr     x1, =\address
    site    ldr x0, [x1]
    .endm

    .macro store address
    ldr     x1, =\address
    site    str xzr, [x1]
    .endm

    .macro jump address
    ldr     x1, =\address
    site    br x1
    .endm

/* --- memory that is not there --------------------------------------------------------------------------- */

    .macro read_unmapped
    load    UNMAPPED
    .endm

    .macro write_unmapped
    store   UNMAPPED
    .endm

    .macro execute_unmapped
    jump    UNMAPPED
    .endm

    .macro read_null
    load    0
    .endm

    .macro write_null
    store   0
    .endm

    .macro execute_null
    jump    0
    .endm

    .macro read_no_address
    load    NO_ADDRESS
    .endm

    .macro execute_no_address
    jump    NO_ADDRESS
    .endm

    /* Down the stack, into the page below it: above data and bss, of which there are none. */
    .macro stack_overrun
1:  site    str xzr, [sp, #-16]!
    b       1b
    .endm

    /* The last instruction of the last page of code: the data's page that would follow is not there. */
    .macro run_off_the_code
    .globl  code_end
    .set    code_end, last_instruction + 4
    ldr     x1, =last_instruction
    br      x1
    .pushsection .rodata.last, "a"
    .balign 4096
    .space  4092
last_instruction:
    nop
    .popsection
    .endm

/* --- memory that is there, but not for this ------------------------------------------------------------- */

    .macro write_code
    store   _start
    .endm

    .macro execute_stack
    sub     x1, sp, #16
    site    br x1
    .endm

    .macro execute_data
    jump    writable
    .pushsection .data, "aw"
    .balign 8
writable:
    ret
    nop
    .popsection
    .endm

    .macro unaligned_exclusive
    sub     x1, sp, #15
    site    ldxr x0, [x1]
    .endm

/* --- the kernel's half ---------------------------------------------------------------------------------- */

    .macro read_kernel_text
    load    KERNEL_TEXT
    .endm

    .macro write_kernel_text
    store   KERNEL_TEXT
    .endm

    .macro execute_kernel_text
    jump    KERNEL_TEXT
    .endm

    .macro read_direct_map
    load    DIRECT_MAP
    .endm

    .macro write_direct_map
    store   DIRECT_MAP
    .endm

    .macro execute_direct_map
    jump    DIRECT_MAP
    .endm

    .macro read_device
    load    DEVICE
    .endm

    .macro write_device
    store   DEVICE
    .endm

/* --- instructions that do not exist here ---------------------------------------------------------------- */

    .macro undefined
    site    udf #0
    .endm

    .macro call_hypervisor
    site    hvc #0
    .endm

    .macro call_monitor
    site    smc #0
    .endm

    .macro return_from_exception
    site    eret
    .endm

    .macro halt
    site    hlt #0
    .endm

    .macro debug_state
    site    dcps1
    .endm

    .macro breakpoint
    site    brk #0x1234
    .endm

    .macro unknown_call
    behind  svc #1
    .endm

    .macro unknown_call_last
    behind  svc #0xffff
    .endm

    .macro unaligned_pc
    .globl  odd_pc
    .set    odd_pc, 1f + 2
    adr     x1, odd_pc
    br      x1
1:  nop
    nop
    .endm

/* --- EL1's registers and instructions ------------------------------------------------------------------- */

    .macro read_ttbr0
    site    mrs x0, ttbr0_el1
    .endm

    .macro write_ttbr0
    site    msr ttbr0_el1, x0
    .endm

    .macro write_vbar
    site    msr vbar_el1, x0
    .endm

    .macro write_sctlr
    site    msr sctlr_el1, x0
    .endm

    .macro write_thread_register
    site    msr tpidrro_el0, x0
    .endm

    .macro select_stack
    site    msr spsel, #1
    .endm

    .macro read_id_register
    site    mrs x0, id_aa64mmfr0_el1
    .endm

    .macro invalidate_tlb
    site    tlbi vmalle1
    .endm

    .macro invalidate_icache
    site    ic iallu
    .endm

    .macro translate_address
    site    at s1e1w, x0
    .endm

/* --- what EL1 keeps from EL0 (SCTLR_EL1, CNTKCTL_EL1, PMUSERENR_EL0, CPACR_EL1) --------------------------- */

    .macro read_daif
    site    mrs x3, daif
    .endm

    .macro open_interrupts
    site    msr daifclr, #2
    .endm

    .macro mask_interrupts
    site    msr daifset, #15
    .endm

    .macro read_counter
    site    mrs x5, cntvct_el0
    .endm

    .macro read_counter_frequency
    site    mrs x0, cntfrq_el0
    .endm

    .macro read_physical_counter
    site    mrs x0, cntpct_el0
    .endm

    .macro arm_timer
    site    msr cntv_ctl_el0, x0
    .endm

    .macro read_cycle_counter
    site    mrs x0, pmccntr_el0
    .endm

    .macro read_cache_type
    site    mrs x0, ctr_el0
    .endm

    .macro zero_by_cache
    mov     x1, sp
    sub     x1, x1, #256
    site    dc zva, x1
    .endm

    .macro clean_by_address
    adr     x1, _start
    site    dc civac, x1
    .endm

    .macro clean_to_unification
    adr     x1, _start
    site    dc cvau, x1
    .endm

    .macro invalidate_code
    adr     x1, _start
    site    ic ivau, x1
    .endm

    .macro wait_for_interrupt
    site    wfi
    .endm

    .macro floating_point
    site    fmov d0, xzr
    .endm

    .macro vector_load
    site    ldr q0, [sp, #-16]
    .endm

    .macro floating_point_status
    site    mrs x0, fpsr
    .endm

    .section .text.user_main, "ax"
    .globl  user_main
    .type   user_main, %function
user_main:
    FAULT
    mov     x0, #1                      /* it was allowed: the exit shows it */
    ret
    .size   user_main, . - user_main
