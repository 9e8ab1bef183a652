// A guest for the commands over event traces: an AT whose result is read too early, one whose result
// is read in time, and the MMU's controls; it ends by PSCI.
        .global _start
        .type _start, %function
_start:
        adr     x0, vectors
        msr     vbar_el1, x0
        isb
        bl      probe
        bl      probe_in_time
        tlbi    vmalle1
        dsb     nsh
        isb
        movz    x0, #0x8400, lsl #16
        movk    x0, #0x8                // SYSTEM_OFF
        hvc     #0
        b       .
        .size _start, . - _start

        .type probe, %function
probe:
        adr     x0, _start
        at      s1e1r, x0
        mrs     x1, par_el1
        ret
        .size probe, . - probe

        .type probe_in_time, %function
probe_in_time:
        adr     x0, _start
        at      s1e1r, x0
        isb
        mrs     x1, par_el1
        ret
        .size probe_in_time, . - probe_in_time

        .balign 2048
vectors:
        .fill 512, 4, 0x14000000        // b .
