#include "advice.h"

#include "esr_text.h"
#include "sysregs.h"

static const char *fetch_advice(const struct site *site)
{
    if ((site->key.esr & ESR_EL1_EC_MASK) == ESR_EL1_EC_PC_ALIGNMENT) {
        return "the PC is not a multiple of 4: look at the branch before, often a bad function "
               "pointer or return address";
    }
    if (site->key.from_el == site->key.to_el && site->count >= 1000) {
        return "the same fetch failed over and over: most likely the vector table itself is not "
               "mapped executable (VBAR)";
    }
    return "the code at ELR is not mapped executable at that level: rig walk ELR, and see if PC "
           "left the image";
}

static const char *abort_advice(const struct site *site)
{
    unsigned status = 0;
    if (site->key.class == CLASS_INSTRUCTION_ABORT) {
        return fetch_advice(site);
    }
    if (!esr_fault_status(site->key.esr, &status)) {
        return "look at the instruction at ELR";
    }
    switch (status & ~3U) {
    case 0x00:
        return "FAR or a table entry has address bits beyond the configured size (TCR_EL1): often "
               "a "
               "corrupted pointer";
    case 0x04:
        return "nothing is mapped at FAR: rig walk FAR shows the level where the walk ends";
    case 0x08:
        return "the entry for FAR has AF clear: set the access flag when mapping";
    case 0x0C:
        return "FAR is mapped without that right: rig walk FAR shows AP, UXN, PXN and WXN";
    default:
        break;
    }
    return status == (0x21) ? "FAR is not aligned for that access, or the memory type is Device"
                            : "decode the status above and look at the instruction at ELR";
}

static const char *undefined_advice(uint64_t esr)
{
    switch (esr & ESR_EL1_EC_MASK) {
    case ESR_EL1_EC_FP_ACCESS:
        return "FP or SIMD used while trapped: CPACR_EL1.FPEN, or build with -mgeneral-regs-only";
    case ESR_EL1_EC_SYSREG64:
        return "a system register access is trapped to this level: see which one above";
    case ESR_EL1_EC_ILLEGAL_STATE:
        return "PSTATE.IL is set: an ERET with a wrong SPSR came before";
    case ESR_EL1_EC_SP_ALIGNMENT:
        return "SP is not a multiple of 16 at ELR";
    default:
        return "no such instruction or register at this level on this CPU model: disassemble ELR";
    }
}

const char *site_advice(const struct site *site)
{
    switch ((enum fault_class)site->key.class) {
    case CLASS_DATA_ABORT:
    case CLASS_INSTRUCTION_ABORT:
        return abort_advice(site);
    case CLASS_UNDEFINED:
        return undefined_advice(site->key.esr);
    case CLASS_SVC:
    case CLASS_HVC:
    case CLASS_SMC:
        return (site->key.flags & SITE_PSCI) != 0
                   ? "a call that QEMU answered as PSCI: allow it with psci: NAME if it is meant"
                   : "a system call no rule allows: add it to faults.allow with its budget if it "
                     "is meant";
    case CLASS_IRQ:
    case CLASS_FIQ:
    case CLASS_VIRQ:
    case CLASS_VFIQ:
        return "interrupts are open earlier, or a source is enabled that should not be";
    case CLASS_BREAKPOINT:
        return "a BRK is often a failed assertion or __builtin_trap: look at the line above";
    case CLASS_SERROR:
        return "an SError: a bus error of a device or memory that is not there";
    case CLASS_OTHER:
        return "QEMU's name for this exception is not known to the gate: it can only be denied";
    default:
        return "allow it in faults.allow, with its budget and reason, if it is meant";
    }
}
