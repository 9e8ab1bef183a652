/*
 * Power off by PSCI (Arm Power State Coordination Interface, DEN 0022, section 5.10 "SYSTEM_OFF").
 *
 * The conduit follows from the entry EL: with EL2 present, QEMU's firmware is reached by SMC,
 * without it by HVC (SYSTEM.md section 4). There is no device tree to ask at this load address.
 */
#include <arch/boot.h>
#include <arch/cpu.h>
#include <stdint.h>
#include <tyrne/hal/power.h>

#define PSCI_SYSTEM_OFF 0x84000008U

_Noreturn void power_off(void)
{
    register uint64_t function __asm__("x0") = PSCI_SYSTEM_OFF;

    /* SMCCC: x0 to x17 may be overwritten by the firmware. */
    if (boot_status.entry_el == 2) {
        __asm__ volatile("smc #0" : "+r"(function) : : "x1", "x2", "x3", "memory");
    } else {
        __asm__ volatile("hvc #0" : "+r"(function) : : "x1", "x2", "x3", "memory");
    }
    cpu_halt();
}
